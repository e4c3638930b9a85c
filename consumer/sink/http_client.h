// HttpClient: one kept-alive connection to the engine; the home of libcurl. It moves bytes and says
// which transport failures pass; what a status means is for its callers. Owned by one thread at a
// time.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "consumer/base/result.h"
#include "consumer/sink/target.h"

namespace sink {

struct HttpResponse {
  int status = 0;
  std::string body;
};

struct HttpRequest {
  std::string_view method = {};  // GET, PUT, POST, DELETE
  std::string path = {};         // with query, starts with a slash; parts escaped by EscapePathPart
  std::string_view body = {};    // borrowed for the call; "" = none
  std::string_view content_type = "application/json";
  std::optional<std::chrono::steady_clock::time_point> deadline =
      {};  // beside the configured timeout
};

class HttpClient {
 public:
  explicit HttpClient(const HttpConfig& config);
  ~HttpClient();
  HttpClient(HttpClient&&) = delete;

  // Any status is a success here. kRetry: nothing was answered (not reachable, cut, too late; it
  // may have been applied). kRefused: TLS says no. kUsage: the URL is wrong. kFatal: the answer is
  // larger than we take.
  base::Result<HttpResponse> Send(const HttpRequest& request);

 private:
  struct Handles;
  const HttpConfig config_;
  std::unique_ptr<Handles> handles_;
  std::string compressed_;  // kept for its capacity
};

// Percent-encodes all but unreserved characters: for index names, ids and values of query
// parameters.
std::string EscapePathPart(std::string_view text);

}  // namespace sink
