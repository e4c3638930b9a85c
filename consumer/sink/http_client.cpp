#include "consumer/sink/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <zlib.h>

#include <algorithm>

#include "consumer/sink/aws_signature.h"
#include "consumer/sink/curl_handles.h"
#include "consumer/sink/http_tls.h"

#include "consumer/base/crash_point.h"

namespace sink {
namespace {

constexpr size_t kMostResponseBytes = 64u << 20;
constexpr long kConnectTimeoutMs = 10'000;
constexpr long kConnectTimeoutOfManyMs = 3'000;  // others can do the work
constexpr curl_off_t kMostPause = 3600;          // seconds; more than that nobody means
constexpr size_t kCompressFromBytes = 1024;      // below it a packet is a packet

struct DeflateDeleter {
  void operator()(z_stream* stream) const noexcept {
    deflateEnd(stream);
    delete stream;
  }
};

struct ResponseBuffer {
  std::string body;
  bool too_large = false;
};

int OnSocket(void*, curl_socket_t socket, curlsocktype) noexcept {
  // Then curl tries once with a new connection, which takes up to kConnectTimeoutMs more.
  const unsigned milliseconds = 15'000;
  (void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
  return CURL_SOCKOPT_OK;
}

size_t OnBody(char* bytes, size_t size, size_t count, void* user) noexcept {
  PGSYNC_CRASH_POINT("bulk_sent");
  auto* buffer = static_cast<ResponseBuffer*>(user);
  if (buffer->body.size() + size * count > kMostResponseBytes) {
    buffer->too_large = true;
    return 0;  // aborts the transfer with CURLE_WRITE_ERROR
  }
  try {
    buffer->body.append(bytes, size * count);
  } catch (...) {
    return 0;
  }
  return size * count;
}

// gzip, level 1: 2 to 3 microseconds per document, for slow links only.
bool Gzip(std::string_view text, std::string* out) {
  auto raw = std::make_unique<z_stream>();
  *raw = {};
  constexpr int kGzipWindow = 15 + 16;
  if (deflateInit2(raw.get(), 1, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return false;
  std::unique_ptr<z_stream, DeflateDeleter> stream(raw.release());
  out->resize(deflateBound(stream.get(), text.size()));
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream->avail_in = static_cast<uInt>(text.size());
  stream->next_out = reinterpret_cast<Bytef*>(out->data());
  stream->avail_out = static_cast<uInt>(out->size());
  if (deflate(stream.get(), Z_FINISH) != Z_STREAM_END) return false;
  out->resize(stream->total_out);
  return true;
}

}  // namespace

struct HttpClient::Handles {
  CurlEasy easy;
  CurlList headers;
  ResponseBuffer response;
  char error[CURL_ERROR_SIZE] = {};
};

HttpClient::HttpClient(const HttpConfig& config, Hosts* hosts)
    : config_(config),
      own_hosts_(hosts == nullptr ? std::make_unique<Hosts>(config.url) : nullptr),
      hosts_(hosts == nullptr ? own_hosts_.get() : hosts),
      home_(hosts_->NextHome()),
      host_(home_),
      handles_(std::make_unique<Handles>()) {
  StartCurl();
  handles_->easy.reset(curl_easy_init());
}

HttpClient::~HttpClient() = default;

base::Result<HttpResponse> HttpClient::Send(const HttpRequest& request) {
  for (size_t tried = 1;; ++tried) {
    const auto now = std::chrono::steady_clock::now();
    host_ = request.host ? *request.host : hosts_->Pick(home_, now);
    auto response = SendTo(hosts_->url(host_), request);
    if (response) {
      hosts_->Works(host_);
      return response;
    }
    if (response.error().kind != base::ErrorKind::kRetry) return response;
    hosts_->Failed(host_, response.error().message, std::chrono::steady_clock::now());
    // What may have arrived is not sent elsewhere behind the caller's back.
    if (request.host || !nothing_sent_ || tried >= hosts_->count()) return response;
  }
}

base::Result<HttpResponse> HttpClient::SendTo(const std::string& url, const HttpRequest& request) {
  timed_out_ = nothing_sent_ = false;
  CURL* easy = handles_->easy.get();
  if (easy == nullptr) return base::Fatal("libcurl gives no handle: out of memory");
  if (auto set = SetOptions(url, request); !set) return std::move(set).error();

  const CURLcode code = curl_easy_perform(easy);
  if (handles_->response.too_large) {
    return base::Fatal(fmt::format("the engine at {} answered with more than {} MiB", url,
                                   kMostResponseBytes >> 20));
  }
  if (code != CURLE_OK) return TransportError(code, url);
  HttpResponse response;
  response.body = std::move(handles_->response.body);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
  response.retry_after = std::chrono::seconds(std::clamp<curl_off_t>(retry_after, 0, kMostPause));
  return response;
}

base::Status HttpClient::SetOptions(const std::string& url, const HttpRequest& request) {
  using std::chrono::milliseconds;
  milliseconds timeout = config_.timeout;
  if (request.deadline) {
    const auto left = std::chrono::duration_cast<milliseconds>(*request.deadline -
                                                               std::chrono::steady_clock::now());
    if (left.count() <= 0) return base::Retry("no time is left to send the request");
    timeout = std::min(timeout, left);
  }

  CURL* easy = handles_->easy.get();
  curl_easy_reset(easy);  // keeps the connection
  handles_->error[0] = '\0';
  handles_->response = {};
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handles_->error);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // An engine that is gone without a word is noticed within 30 s, by what is not acknowledged or by
  // probes, although an answer may take longer.
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, OnSocket);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 10L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOPROXY,
                   "*");  // as the engines' own clients: http_proxy is for browsing
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   hosts_->count() > 1 ? kConnectTimeoutOfManyMs : kConnectTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  if (config_.compress) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_URL, (url + request.path).c_str());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, std::string(request.method).c_str());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &handles_->response);
  if (auto tls = SetTls(easy, config_); !tls) return tls;

  CurlList& headers = handles_->headers;
  headers.reset();
  const auto add_header = [&headers](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  std::string_view body = request.body;
  if (!body.empty()) {
    add_header(fmt::format("Content-Type: {}", request.content_type));
    if (config_.compress && body.size() >= kCompressFromBytes && Gzip(body, &compressed_)) {
      add_header("Content-Encoding: gzip");
      body = compressed_;
    }
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  if (!config_.opaque_id.empty()) add_header("X-Opaque-Id: " + config_.opaque_id);
  if (!config_.aws_region.empty()) {
    const AwsAccount account = {config_.aws_region, config_.aws_service, config_.aws_access_key,
                                config_.aws_secret_key, config_.aws_session_token};
    auto lines = SignForAws(account, request.method, url + request.path, body, std::time(nullptr));
    if (!lines) return std::move(lines).error();
    for (const std::string& line : *lines) add_header(line);
  } else if (!config_.api_key.empty()) {
    add_header("Authorization: ApiKey " + config_.api_key);
  } else if (!config_.bearer.empty()) {
    add_header("Authorization: Bearer " + config_.bearer);
  } else if (!config_.user.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, config_.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, config_.password.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  return {};
}

base::Error HttpClient::TransportError(int code, const std::string& url) {
  const char* details = handles_->error;
  const std::string why =
      details[0] != '\0' ? details : curl_easy_strerror(static_cast<CURLcode>(code));
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return base::Usage(
          fmt::format("\"{}\" is not the address of an engine ({}); ELASTICSEARCH_URL or --target "
                      "takes http://host:9200",
                      url, why));
    case CURLE_PEER_FAILED_VERIFICATION:
      if (!config_.fingerprint.empty()) {
        return base::Refused(
            fmt::format("the certificate of the engine at {} is not the one that "
                        "ELASTICSEARCH_SSL_ASSERT_FINGERPRINT names, nor issued by it ({})",
                        url, why));
      }
      [[fallthrough]];
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
      return base::Refused(fmt::format(
          "the certificate of the engine at {} does not hold ({}); give its authority in "
          "ELASTICSEARCH_CA_CERTS (our own: ELASTICSEARCH_CLIENT_CERT, _CLIENT_KEY), or switch the "
          "check off with "
          "ELASTICSEARCH_VERIFY_CERTS=false",
          url, why));
    case CURLE_OPERATION_TIMEDOUT: {
      curl_off_t connected = 0;
      curl_easy_getinfo(handles_->easy.get(), CURLINFO_PRETRANSFER_TIME_T, &connected);
      timed_out_ = connected > 0;
      nothing_sent_ = !timed_out_;
      return base::Retry(fmt::format("the engine at {} did not answer in time ({})", url, why));
    }
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return base::Fatal(fmt::format("libcurl: {}", why));
    default:
      nothing_sent_ = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
      return base::Retry(fmt::format("cannot reach the engine at {}: {}", url, why));
  }
}

std::string EscapePathPart(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out.push_back(c);
      continue;
    }
    out.push_back('%');
    out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

}  // namespace sink
