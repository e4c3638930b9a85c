#include "consumer/app/config_introspect.h"

#include <string>
#include <string_view>

#include "consumer/app/url.h"

namespace app {
namespace {

constexpr int kMostLevels = 20;

// postgresql://user:password@host:port/DATABASE?…
std::string DatabaseOfUrl(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return "";
  url = url.substr(scheme + 3);
  url = url.substr(0, url.find('?'));
  const size_t slash = url.find('/');
  if (slash == std::string_view::npos) return "";
  return PercentDecoded(url.substr(slash + 1)).value_or("");
}

}  // namespace

base::Status ReadIntrospect(const Arguments& arguments, const Environment& environment,
                            Config* config) {
  config->tables = arguments.tables;
  if (config->tables.empty()) {
    return base::Usage(
        "introspect: of which table? Type: pgsync-consumer introspect TABLE… > schema.json");
  }
  if (arguments.depth) {
    auto depth = ParseInteger("--depth", *arguments.depth, 0, kMostLevels);
    if (!depth) return std::move(depth).error();
    config->depth = static_cast<int>(*depth);
  }
  std::string& database = config->database;
  if (database.empty()) database = DatabaseOfUrl(environment.Get("PG_URL").value_or(""));
  if (database.empty()) database = environment.Get("PG_DATABASE").value_or("");
  if (database.empty()) {
    return base::Usage(
        "introspect: in which database? Give --database NAME, or set PG_DATABASE or PG_URL");
  }
  return {};
}

}  // namespace app
