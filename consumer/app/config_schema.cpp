#include "consumer/app/config_schema.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "consumer/app/url.h"

namespace app {
namespace {

struct Source {
  std::string what;  // the flag or variable
  std::string value;
  bool must_be_url = false;
};

bool IsUrl(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

base::Status UseUrl(const Source& source, Config* config) {
  auto parts = ParseUrl(source.what, source.value, UrlQuery::kPartOfPath);
  if (!parts) return std::move(parts).error();
  if (parts->scheme != "http" && parts->scheme != "https") {
    return base::Usage(fmt::format("{}: \"{}\" is not allowed as scheme; use http or https",
                                   source.what, parts->scheme));
  }
  parts->path.resize(std::min(parts->path.find('#'), parts->path.size()));
  const std::string host =
      parts->port == 0 ? parts->host : fmt::format("{}:{}", parts->host, parts->port);
  config->schema_download = sink::DownloadRequest{
      fmt::format("{}://{}{}", parts->scheme, host, parts->path), parts->user, parts->password};
  // What stands behind ? may be a key, too.
  parts->path.resize(std::min(parts->path.find('?'), parts->path.size()));
  config->schema_path = fmt::format("{}://{}{}", parts->scheme, host, parts->path);
  return {};
}

}  // namespace

base::Status ReadSchemaSource(const Arguments& arguments, const Environment& environment,
                              Config* config) {
  if (arguments.s3_schema_url) {
    return base::Usage("--s3-schema-url: not supported yet; download the file and give its path");
  }
  std::vector<Source> sources;
  for (const std::string& path : arguments.schema_paths) sources.push_back({"SCHEMA", path, false});
  if (arguments.schema_url) sources.push_back({"--schema-url", *arguments.schema_url, true});
  if (sources.size() > 1) {
    return base::Usage("more than one schema file: give one, as a path or as --schema-url");
  }
  if (sources.empty()) {
    for (const char* name : {"SCHEMA", "SCHEMA_URL"}) {
      if (auto value = environment.Get(name)) {
        sources.push_back({name, *value, name == std::string("SCHEMA_URL")});
      }
    }
  }
  if (sources.size() > 1) {
    return base::Usage("SCHEMA and SCHEMA_URL are both set; unset one of them");
  }
  if (sources.empty()) {
    return base::Usage(
        fmt::format("which schema file? Type: pgsync-consumer {} schema.json, or "
                    "set SCHEMA or SCHEMA_URL; see pgsync-consumer --help",
                    ToString(config->command)));
  }
  const Source& source = sources.front();
  if (source.must_be_url || IsUrl(source.value)) return UseUrl(source, config);
  config->schema_path = source.value;
  return {};
}

}  // namespace app
