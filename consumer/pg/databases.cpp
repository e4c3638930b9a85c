#include "consumer/pg/databases.h"

#include <vector>

#include <fmt/format.h>

#include "consumer/base/nearest.h"

namespace pg {
namespace {

constexpr size_t kMostListed = 20;

}  // namespace

std::string DatabasesInstead(const Target& target, const std::string& missing) {
  if (target.maintenance_database.empty() || target.maintenance_database == missing) return "";
  auto connection = Connection::Open(target, target.maintenance_database);
  if (!connection) return "";
  auto rows = connection->Query(
      "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate "
      "ORDER BY datname");
  if (!rows) return "";
  std::vector<std::string> names;
  for (int row = 0; row < rows->size(); ++row) names.emplace_back(rows->Cell(row, 0));
  const std::string near = base::DidYouMean(missing, names);
  const bool all = names.size() <= kMostListed;
  if (!all) names.resize(kMostListed);
  return fmt::format("; the server has: {}{}{}", fmt::join(names, ", "), all ? "" : ", …", near);
}

}  // namespace pg
