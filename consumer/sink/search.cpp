#include "consumer/sink/search.h"

#include <fmt/format.h>

#include "consumer/sink/bulk_response.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr int kPage = 2000;
constexpr char kKeep[] = "2m";  // how long the engine keeps the scroll between two pages

base::Status Scroll(HttpClient& client, const std::string& index, const Json& body,
                    const std::function<base::Status(const Json& hits)>& see, std::string* scroll) {
  auto page =
      Ask(client, {.method = "POST",
                   .path = fmt::format("/{}/_search?scroll={}", EscapePathPart(index), kKeep),
                   .body = body.dump()});
  for (;;) {
    if (!page) return std::move(page).error();
    *scroll = page->at("_scroll_id").get<std::string>();
    if (!IsWhole(*page)) return NotWhole();
    const Json& hits = page->at("hits").at("hits");
    if (hits.empty()) return {};
    if (auto seen = see(hits); !seen) return seen;
    const std::string next = Json{{"scroll", kKeep}, {"scroll_id", *scroll}}.dump();
    page = Ask(client, {.method = "POST", .path = "/_search/scroll", .body = next});
  }
}

}  // namespace

base::Result<Json> Ask(HttpClient& client, const HttpRequest& request) {
  auto response = client.Send(request);
  if (!response) return std::move(response).error();
  if (response->status != 200) return ClassifyFailure(response->status, response->body);
  Json json = Json::parse(response->body, nullptr, false);
  if (!json.is_object()) return base::Fatal("the engine's answer to a search is not a JSON object");
  return json;
}

base::Status Refresh(HttpClient& client, const std::string& index) {
  auto refreshed =
      client.Send({.method = "POST", .path = "/" + EscapePathPart(index) + "/_refresh"});
  if (!refreshed) return std::move(refreshed).error();
  if (refreshed->status != 200) return ClassifyFailure(refreshed->status, refreshed->body);
  return {};
}

base::Error NotUnderstood(const Json::exception& e) {
  return base::Fatal(
      fmt::format("the engine's answer to a search is not understood: {}", e.what()));
}

// A search over shards that are not all there would leave documents behind unseen.
bool IsWhole(const Json& page) {
  return page.at("_shards").at("failed").get<int>() == 0 && !page.at("timed_out").get<bool>();
}

base::Error NotWhole() { return base::Retry("not all shards of the index answer"); }

base::Status ScrollPages(HttpClient& client, const std::string& index, Json body,
                         const std::function<base::Status(const Json& hits)>& see) {
  body["size"] = kPage;
  body["sort"] = {"_doc"};
  std::string scroll;
  try {
    auto seen = Scroll(client, index, body, see, &scroll);
    if (!scroll.empty()) {
      // Only frees memory in the engine before its time; that it fails is no failure of ours.
      (void)client.Send({.method = "DELETE",
                         .path = "/_search/scroll",
                         .body = Json{{"scroll_id", Json::array({scroll})}}.dump()});
    }
    return seen;
  } catch (const Json::exception& e) {
    return NotUnderstood(e);
  }
}

base::Status ScrollAll(HttpClient& client, const std::string& index, Json body,
                       const std::function<base::Status(const Json& hit)>& see) {
  return ScrollPages(client, index, std::move(body), [&](const Json& hits) -> base::Status {
    for (const Json& hit : hits) {
      if (auto seen = see(hit); !seen) return seen;
    }
    return {};
  });
}

}  // namespace sink
