#include "consumer/sink/sweep.h"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <optional>

#include "consumer/base/json_text.h"
#include "consumer/sink/bulk_response.h"
#include "consumer/sink/dead_letter_index.h"
#include "consumer/sink/http_writer.h"
#include "consumer/sink/search.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr size_t kIdsPerPage = 500;
constexpr size_t kMostCopies = 10'000;  // the engines' index.max_result_window

// The version with which a hit shall be deleted, or nothing if it shall stay.
using Verdict = std::function<std::optional<uint64_t>(const Json& hit)>;

std::string RoutingOf(const Json& hit) {
  const auto routing = hit.find("_routing");
  return routing != hit.end() && routing->is_string() ? routing->get<std::string>() : "";
}

// Deletes those hits of one page that the verdict gives a version.
base::Result<uint64_t> DeleteHits(HttpClient& client, const std::string& index, const Json& hits,
                                  const Verdict& verdict) {
  std::string body;
  std::vector<model::BulkItem> items;
  for (const Json& hit : hits) {
    const std::optional<uint64_t> version = verdict(hit);
    if (!version) continue;
    body += R"({"delete":{"_id":)";
    base::AppendJsonString(hit.at("_id").get<std::string>(), &body);
    if (const std::string routing = RoutingOf(hit); !routing.empty()) {
      body += ",\"routing\":";
      base::AppendJsonString(routing, &body);
    }
    if (*version > 0) {
      body += fmt::format(R"(,"version":{},"version_type":"external_gte")", *version);
    }
    body += "}}\n";
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

// One page of ids: finds their copies on all shards, and deletes those that are not the item's own.
base::Status RemoveCopiesOf(HttpClient& client, const std::string& index,
                            const std::map<std::string, const model::BulkItem*>& items) {
  Json ids = Json::array();
  for (const auto& [id, item] : items) ids.push_back(id);
  const Json search = {{"size", kMostCopies},
                       {"version", true},
                       {"_source", false},
                       {"query", {{"ids", {{"values", std::move(ids)}}}}}};
  for (;;) {
    auto page = Ask(client, {.method = "POST",
                             .path = fmt::format("/{}/_search", EscapePathPart(index)),
                             .body = search.dump()});
    if (!page) return std::move(page).error();
    if (!IsWhole(*page)) return NotWhole();
    const Json& hits = page->at("hits").at("hits");
    auto deleted = DeleteHits(client, index, hits, [&](const Json& hit) {
      const model::BulkItem& item = *items.at(hit.at("_id").get<std::string>());
      const bool own = item.kind == model::BulkItem::Kind::kIndex && RoutingOf(hit) == item.routing;
      return own ? std::nullopt : std::optional(item.version);
    });
    if (!deleted) return std::move(deleted).error();
    if (hits.size() < kMostCopies) return {};
    if (*deleted == 0) return base::Fatal("more copies of documents than can be told apart");
    if (auto refreshed = Refresh(client, index); !refreshed) return refreshed;
  }
}

}  // namespace

base::Status RemoveCopies(HttpClient& client, const std::string& index,
                          const std::vector<model::BulkItem>& items) {
  std::map<std::string, const model::BulkItem*> page;
  if (auto refreshed = Refresh(client, index); !refreshed) return refreshed;
  try {
    for (const model::BulkItem& item : items) {
      if (!item.any_routing) continue;
      page[item.id] = &item;  // of two for one id the later one is what was written last
      if (page.size() < kIdsPerPage) continue;
      if (auto removed = RemoveCopiesOf(client, index, page); !removed) return removed;
      page.clear();
    }
    return page.empty() ? base::Status() : RemoveCopiesOf(client, index, page);
  } catch (const Json::exception& e) {
    return NotUnderstood(e);
  }
}

base::Result<uint64_t> SweepIndex(HttpClient& client, const std::string& index,
                                  const std::string& letters, uint64_t version) {
  if (auto refreshed = Refresh(client, index); !refreshed) return std::move(refreshed).error();
  uint64_t deleted = 0;
  const Json body = {
      {"version", true}, {"_source", false}, {"query", {{"match_all", Json::object()}}}};
  auto swept = ScrollPages(client, index, body, [&](const Json& hits) -> base::Status {
    const auto is_old = [&](const Json& hit) {
      return hit.at("_version").get<uint64_t>() < version;
    };
    std::vector<std::string> old;
    for (const Json& hit : hits) {
      if (is_old(hit)) old.push_back(hit.at("_id").get<std::string>());
    }
    auto refused = RefusedSince(client, letters, old, version);
    if (!refused) return std::move(refused).error();
    auto some = DeleteHits(client, index, hits, [&](const Json& hit) {
      const bool goes = is_old(hit) && !refused->contains(hit.at("_id").get<std::string>());
      return goes ? std::optional(version) : std::nullopt;
    });
    if (!some) return std::move(some).error();
    deleted += *some;
    return {};
  });
  if (!swept) return swept.error();
  return deleted;
}

}  // namespace sink
