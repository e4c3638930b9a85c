// `introspect`: reads tables and foreign keys around the tables asked for, and prints a schema file
// to standard output; what it left out, to standard error.
#include <cstdio>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/introspect.h"
#include "consumer/source/catalog_reader.h"

namespace app {
namespace {

using base::Result;
using schema::TableName;

Result<TableNames> ReadNames(pg::Connection& connection) {
  auto rows = connection.Query(
      "SELECT n.nspname, c.relname, coalesce(rn.nspname, n.nspname), "
      "  coalesce(r.relname, c.relname) "
      "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
      "  LEFT JOIN pg_catalog.pg_class r ON c.relispartition "
      "    AND r.oid = pg_catalog.pg_partition_root(c.oid) "
      "  LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace "
      "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' "
      "  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'");
  if (!rows) return std::move(rows).error().While("reading the names of the tables");
  TableNames names;
  const auto name = [&](int row, int column) {
    return TableName{std::string(rows->Cell(row, column)),
                     std::string(rows->Cell(row, column + 1))};
  };
  for (int i = 0; i < rows->size(); ++i) names[name(i, 0)] = name(i, 2);
  return names;
}

// Everything within two foreign keys per level: a junction takes two for one level.
Result<schema::Catalog> ReadAround(pg::Connection& connection, const IntrospectRequest& request,
                                   const TableNames& names) {
  std::set<TableName> wanted;
  for (const TableName& root : request.roots) wanted.insert(names.at(root));
  for (int hop = 0;; ++hop) {
    auto catalog = source::ReadCatalog(connection, {wanted.begin(), wanted.end()});
    if (!catalog || hop == 2 * request.depth) return catalog;
    const size_t before = wanted.size();
    for (const auto& key : catalog->foreign_keys) {
      for (const TableName& end : {key.from, key.to}) {
        const auto it = names.find(end);
        if (it != names.end() && it->second == end) wanted.insert(end);  // no partition
      }
    }
    if (wanted.size() == before) return catalog;
  }
}

}  // namespace

base::Status CommandIntrospect(const Config& config, base::Logger&) {
  auto connection = pg::Connection::Open(config.postgres, config.database);
  if (!connection) return base::Refused(connection.error().message);
  auto names = ReadNames(*connection);
  if (!names) return names.error();

  IntrospectRequest request;
  request.database = config.database;
  request.depth = config.depth;
  for (const std::string& table : config.tables) {
    auto name = FindTable(table, *names);
    if (!name) return std::move(name).error().While("database " + config.database);
    request.roots.push_back(*std::move(name));
  }
  auto catalog = ReadAround(*connection, request, *names);
  if (!catalog) return catalog.error();
  auto made = Introspect(request, *catalog, *names);
  if (!made) return made.error();
  for (const std::string& note : made->notes) fmt::print(stderr, "note: {}\n", note);
  fmt::print("{}", made->text);
  return {};
}

}  // namespace app
