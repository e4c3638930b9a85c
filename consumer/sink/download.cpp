#include "consumer/sink/download.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include "consumer/sink/curl_handles.h"

namespace sink {
namespace {

constexpr long kConnectTimeoutMs = 10'000;
constexpr long kTimeoutMs = 60'000;
constexpr long kMostRedirections = 10;
constexpr size_t kMostBytes = 16u << 20;

struct Received {
  std::string text;
  bool too_large = false;
};

size_t OnBody(char* bytes, size_t size, size_t count, void* user) noexcept {
  auto* received = static_cast<Received*>(user);
  if (received->text.size() + size * count > kMostBytes) {
    received->too_large = true;
    return 0;  // aborts the transfer
  }
  try {
    received->text.append(bytes, size * count);
  } catch (...) {
    return 0;
  }
  return size * count;
}

base::Error Unanswered(CURLcode code, const char* details) {
  const char* why = details[0] != '\0' ? details : curl_easy_strerror(code);
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
    return base::Refused(fmt::format(
        "the server's certificate does not hold ({}); its authority has to be one of the system's",
        why));
  }
  return base::Refused(fmt::format("the server does not answer: {}", why));
}

base::Error NotGiven(long status) {
  if (status == 401 || status == 403) {
    return base::Refused(
        fmt::format("the server does not give it to us ({}); put user and password into the URL: "
                    "https://USER:PASSWORD@HOST/…",
                    status));
  }
  if (status >= 500) return base::Refused(fmt::format("the server is out of order ({})", status));
  return base::Usage(fmt::format("the server answers {}{}", status,
                                 status == 404 || status == 410 ? ": there is no such file" : ""));
}

}  // namespace

base::Result<std::string> Download(const DownloadRequest& request) {
  StartCurl();
  const CurlEasy easy(curl_easy_init());
  if (!easy) return base::Fatal("libcurl gives no handle: out of memory");
  Received received;
  char details[CURL_ERROR_SIZE] = {};
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, details);
  curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_MAXREDIRS, kMostRedirections);
  curl_easy_setopt(easy.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(easy.get(), CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy.get(), CURLOPT_USERAGENT, "pgsync-consumer");
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &received);
  if (!request.user.empty()) {
    // libcurl keeps them from another host that it is redirected to.
    curl_easy_setopt(easy.get(), CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy.get(), CURLOPT_USERNAME, request.user.c_str());
    curl_easy_setopt(easy.get(), CURLOPT_PASSWORD, request.password.c_str());
  }
  const CURLcode code = curl_easy_perform(easy.get());
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (received.too_large) {
    return base::Usage(fmt::format("it has more than {} MiB", kMostBytes >> 20));
  }
  if (code == CURLE_URL_MALFORMAT) return base::Usage("this is no URL");
  if (code != CURLE_OK) return Unanswered(code, details);
  if (status != 200) return NotGiven(status);
  return std::move(received.text);
}

}  // namespace sink
