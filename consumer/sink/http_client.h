// HttpClient: one kept-alive connection to the engine; the home of libcurl. It moves bytes and says
// which transport failures pass; what a status means is for its callers. Of several hosts it uses
// its home as long as that can be reached. Owned by one thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "consumer/base/result.h"
#include "consumer/sink/hosts.h"
#include "consumer/sink/target.h"

namespace sink {

struct HttpResponse {
  int status = 0;
  std::string body;
  std::chrono::seconds retry_after{0};  // what the engine or a proxy asked for
};

struct HttpRequest {
  std::string_view method = {};  // GET, PUT, POST, DELETE
  std::string path = {};         // with query, starts with a slash; parts escaped by EscapePathPart
  std::string_view body = {};    // borrowed for the call; "" = none
  std::string_view content_type = "application/json";
  std::optional<std::chrono::steady_clock::time_point> deadline =
      {};                           // beside the configured timeout
  std::optional<size_t> host = {};  // this one and no other
};

class HttpClient {
 public:
  // `hosts`: those of config.url, shared with other clients and borrowed; without it, its own.
  explicit HttpClient(const HttpConfig& config, Hosts* hosts = nullptr);
  ~HttpClient();
  HttpClient(HttpClient&&) = delete;

  // Any status is a success here. kRetry: nothing was answered (not reachable, cut, too late; it
  // may have been applied). kRefused: TLS says no. kUsage: the URL is wrong. kFatal: the answer is
  // larger than we take.
  base::Result<HttpResponse> Send(const HttpRequest& request);

  // Of the last Send: the address, and whether it failed because no answer came in time.
  const std::string& url() const { return hosts_->url(host_); }
  bool timed_out() const { return timed_out_; }

 private:
  struct Handles;

  base::Result<HttpResponse> SendTo(const std::string& url, const HttpRequest& request);
  base::Status SetOptions(const std::string& url, const HttpRequest& request);
  base::Error TransportError(int code, const std::string& url);

  const HttpConfig config_;
  const std::unique_ptr<Hosts> own_hosts_;
  Hosts* const hosts_;
  const size_t home_;
  size_t host_;
  bool timed_out_ = false;
  bool nothing_sent_ = false;  // the last failure came before the request had left
  std::unique_ptr<Handles> handles_;
  std::string compressed_;  // kept for its capacity
};

// Percent-encodes all but unreserved characters: for index names, ids and values of query
// parameters.
std::string EscapePathPart(std::string_view text);

}  // namespace sink
