#include "consumer/sink/sweep.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "consumer/base/json_text.h"
#include "consumer/sink/bulk_response.h"
#include "consumer/sink/http_writer.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr int kPage = 2000;
constexpr char kKeep[] = "2m";  // how long the engine keeps the scroll between two pages

base::Result<Json> Ask(HttpClient& client, const HttpRequest& request) {
  auto response = client.Send(request);
  if (!response) return std::move(response).error();
  if (response->status != 200) return ClassifyFailure(response->status, response->body);
  Json json = Json::parse(response->body, nullptr, false);
  if (!json.is_object()) return base::Fatal("the engine's answer to a search is not a JSON object");
  return json;
}

// Deletes the stale ones among the hits of one page.
base::Result<uint64_t> DeleteStale(HttpClient& client, const std::string& index, uint64_t version,
                                   const Json& hits) {
  std::string body;
  std::vector<model::BulkItem> items;
  for (const Json& hit : hits) {
    if (hit.at("_version").get<uint64_t>() >= version) continue;
    body += R"({"delete":{"_id":)";
    base::AppendJsonString(hit.at("_id").get<std::string>(), &body);
    if (const auto routing = hit.find("_routing"); routing != hit.end() && routing->is_string()) {
      body += ",\"routing\":";
      base::AppendJsonString(routing->get<std::string>(), &body);
    }
    body += fmt::format(R"(,"version":{},"version_type":"external_gte"}}}})", version) + "\n";
    items.emplace_back().kind = model::BulkItem::Kind::kDelete;
  }
  if (items.empty()) return uint64_t{0};
  auto response =
      client.Send({.method = "POST",
                   .path = fmt::format("/{}/_bulk?{}", EscapePathPart(index), kBulkFilter),
                   .body = body,
                   .content_type = "application/x-ndjson"});
  if (!response) return std::move(response).error();
  auto outcome = ClassifyBulk(response->status, response->body, items);
  if (!outcome) return std::move(outcome).error();
  uint64_t deleted = 0;
  for (const model::ItemOutcome& item : outcome->items) {
    if (item.status == model::ItemStatus::kDone && item.code != 404) ++deleted;
    if (item.status == model::ItemStatus::kRetry) return base::Retry(item.reason);
    if (item.status == model::ItemStatus::kRejected) {
      return base::Fatal(fmt::format("the engine refused to delete a document: {}", item.reason));
    }
  }
  return deleted;
}

base::Result<uint64_t> Sweep(HttpClient& client, const std::string& index, uint64_t version,
                             std::string* scroll) {
  const std::string search = fmt::format(
      R"({{"size":{},"version":true,"_source":false,"sort":["_doc"],"query":{{"match_all":{{}}}}}})",
      kPage);
  auto page =
      Ask(client, {.method = "POST",
                   .path = fmt::format("/{}/_search?scroll={}", EscapePathPart(index), kKeep),
                   .body = search});
  uint64_t deleted = 0;
  for (;;) {
    if (!page) return std::move(page).error();
    *scroll = page->at("_scroll_id").get<std::string>();
    // A search over shards that are not all there would leave stale documents behind unseen.
    if (page->at("_shards").at("failed").get<int>() != 0 || page->at("timed_out").get<bool>()) {
      return base::Retry("not all shards of the index answer");
    }
    const Json& hits = page->at("hits").at("hits");
    if (hits.empty()) return deleted;
    auto some = DeleteStale(client, index, version, hits);
    if (!some) return std::move(some).error();
    deleted += *some;
    const std::string next = Json{{"scroll", kKeep}, {"scroll_id", *scroll}}.dump();
    page = Ask(client, {.method = "POST", .path = "/_search/scroll", .body = next});
  }
}

}  // namespace

base::Result<uint64_t> SweepIndex(HttpClient& client, const std::string& index, uint64_t version) {
  auto refreshed =
      client.Send({.method = "POST", .path = "/" + EscapePathPart(index) + "/_refresh"});
  if (!refreshed) return std::move(refreshed).error();
  if (refreshed->status != 200) return ClassifyFailure(refreshed->status, refreshed->body);
  std::string scroll;
  try {
    auto deleted = Sweep(client, index, version, &scroll);
    if (!scroll.empty()) {
      // Only frees memory in the engine before its time; that it fails is no failure of ours.
      (void)client.Send({.method = "DELETE",
                         .path = "/_search/scroll",
                         .body = Json{{"scroll_id", Json::array({scroll})}}.dump()});
    }
    return deleted;
  } catch (const Json::exception& e) {
    return base::Fatal(
        fmt::format("the engine's answer to a search is not understood: {}", e.what()));
  }
}

}  // namespace sink
