#include "consumer/sink/engine_probe.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "consumer/sink/bulk_response.h"

namespace sink {
namespace {

using Json = nlohmann::json;

std::string StringIn(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// [7, 10] of "7.10.2"; zeros for what is not there.
std::pair<int, int> MajorMinor(const std::string& number) {
  int major = 0, minor = 0;
  if (std::sscanf(number.c_str(), "%d.%d", &major, &minor) < 1) major = 0;
  return {major, minor};
}

base::Error NotAnEngine(const std::string& url, const std::string& why) {
  return base::Refused(fmt::format(
      "{} does not answer like an engine: {}; check ELASTICSEARCH_URL or --target", url, why));
}

base::Result<EngineFound> ProbeHost(HttpClient& client, size_t host, const std::string& url) {
  auto response = client.Send({.method = "GET", .path = "/", .host = host});
  if (!response) return std::move(response).error();
  if (response->status != 200) {
    base::Error error = ClassifyFailure(response->status, response->body).While(url);
    return error.kind == base::ErrorKind::kFatal ? NotAnEngine(url, error.message) : error;
  }
  const Json answer = Json::parse(response->body, nullptr, false);
  if (!answer.is_object()) return NotAnEngine(url, "the answer to GET / is not a JSON object");
  const Json version = answer.value("version", Json::object());
  const std::string number = StringIn(version, "number");
  const std::string distribution = StringIn(version, "distribution");
  const bool opensearch = distribution == "opensearch";
  const bool elasticsearch = distribution.empty() && answer.contains("cluster_name");
  if (number.empty() || !(opensearch || elasticsearch)) {
    return base::Refused(
        fmt::format("{} is neither Elasticsearch nor OpenSearch (it calls itself \"{} {}\"); check "
                    "ELASTICSEARCH_URL or --target",
                    url, distribution, number));
  }
  EngineFound found;
  found.product = fmt::format("{} {}", opensearch ? "OpenSearch" : "Elasticsearch", number);
  found.cluster = StringIn(answer, "cluster_uuid");
  std::tie(found.major, found.minor) = MajorMinor(number);
  if (found.major < (opensearch ? 1 : 7)) {
    return base::Refused(
        fmt::format("{} at {} is too old; pgsync needs Elasticsearch 7 or OpenSearch 1, or later",
                    found.product, url));
  }
  found.require_alias = opensearch || found.major > 7 || found.minor >= 10;
  return found;
}

}  // namespace

base::Result<EngineFound> ProbeEngine(HttpClient& client, Hosts& hosts) {
  std::optional<EngineFound> all;
  std::string first_url, silent;
  for (size_t host = 0; host < hosts.count(); ++host) {
    const std::string& url = hosts.url(host);
    auto found = ProbeHost(client, host, url);
    if (!found) {
      if (found.error().kind != base::ErrorKind::kRetry) return found;
      silent += (silent.empty() ? "" : "; ") + found.error().message;
      continue;
    }
    if (!all) {
      all = std::move(*found);
      first_url = url;
      continue;
    }
    if (all->cluster != found->cluster) {
      return base::Refused(fmt::format(
          "{} and {} belong to different clusters ({} and {}); give addresses of one in "
          "ELASTICSEARCH_URL or --target",
          first_url, url, all->cluster, found->cluster));
    }
    const bool lower = std::pair(found->major, found->minor) < std::pair(all->major, all->minor);
    if (lower) all = std::move(*found);
  }
  if (!all) return base::Refused(silent + "; is it running? (ELASTICSEARCH_URL or --target)");
  return std::move(*all);
}

}  // namespace sink
