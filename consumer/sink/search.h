// Searches of an engine that see all of an index: pages of a scroll. Thread rule: the client's.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "consumer/base/result.h"
#include "consumer/sink/http_client.h"

namespace sink {

// Any other status than 200, or no JSON object, is an error.
base::Result<nlohmann::json> Ask(HttpClient& client, const HttpRequest& request);

// Makes what was written so far visible to searches.
base::Status Refresh(HttpClient& client, const std::string& index);

// False: a search over shards that are not all there left documents unseen.
bool IsWhole(const nlohmann::json& page);
base::Error NotWhole();
base::Error NotUnderstood(const nlohmann::json::exception& e);

// Gives the hits of all pages of a search, in no order. `body` has no size and no sort. `see` may
// throw Json's exceptions over hits of another form.
base::Status ScrollPages(HttpClient& client, const std::string& index, nlohmann::json body,
                         const std::function<base::Status(const nlohmann::json& hits)>& see);
base::Status ScrollAll(HttpClient& client, const std::string& index, nlohmann::json body,
                       const std::function<base::Status(const nlohmann::json& hit)>& see);

}  // namespace sink
