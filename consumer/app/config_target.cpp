#include "consumer/app/config_target.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "consumer/app/url.h"
#include "consumer/base/nearest.h"

namespace app {
namespace {

constexpr int kEnginePort = 9200;
constexpr int kHttpsPort = 443;
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string Base64(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t have = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += k <= have ? kBase64[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

std::optional<std::string> FromBase64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const size_t value = kBase64.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    group = group << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 255);
  }
  return bytes;
}

std::string EngineUrl(const UrlParts& parts) {
  int port = parts.port;
  if (port == 0) port = parts.scheme == "https" ? kHttpsPort : kEnginePort;
  return fmt::format("{}://{}:{}{}", parts.scheme, parts.host, port, parts.path);
}

// "http://a:1, http://b:2" in parts. A comma that no address follows belongs to one: to a password,
// perhaps.
std::vector<std::string> SplitUrls(std::string_view text) {
  std::vector<std::string> urls;
  size_t begin = 0;
  for (size_t at = text.find(','); at != std::string_view::npos; at = text.find(',', at + 1)) {
    const size_t next = text.find_first_not_of(' ', at + 1);
    if (next == std::string_view::npos) continue;
    const std::string_view rest = text.substr(next);
    if (!rest.starts_with("http://") && !rest.starts_with("https://")) continue;
    urls.emplace_back(text.substr(begin, at - begin));
    begin = next;
  }
  urls.emplace_back(text.substr(begin));
  return urls;
}

base::Status UseEngineUrl(const std::string& what, const std::string& url, sink::HttpConfig* http) {
  auto parts = ParseUrl(what, url);
  if (!parts) return std::move(parts).error();
  if (parts->scheme != "http" && parts->scheme != "https") {
    return base::Usage(
        fmt::format("{}: \"{}\" is not allowed as scheme; use http or https", what, parts->scheme));
  }
  while (parts->path.ends_with('/')) parts->path.pop_back();
  if (!http->url.empty()) http->url += ',';
  http->url += EngineUrl(*parts);
  if (!parts->user.empty()) {
    http->user = parts->user;
    http->password = parts->password;
    http->api_key.clear();
    http->bearer.clear();
  }
  return {};
}

// The hosts are one cluster, so they are one account, too.
base::Status UseEngineUrls(const std::string& what, const std::string& text,
                           sink::HttpConfig* http) {
  std::optional<std::pair<std::string, std::string>> account;
  for (const std::string& url : SplitUrls(text)) {
    if (auto used = UseEngineUrl(what, url, http); !used) return used;
    auto parts = ParseUrl(what, url);
    if (!parts || parts->user.empty()) continue;
    if (account && *account != std::pair(parts->user, parts->password)) {
      return base::Usage(what + ": the addresses differ in user or password; give one account");
    }
    account.emplace(parts->user, parts->password);
  }
  return {};
}

// ELASTICSEARCH_HOST may be several, with or without a port.
std::string UrlsOfParts(const Environment& environment) {
  const std::string scheme = environment.Get("ELASTICSEARCH_SCHEME").value_or("http");
  const std::string port = environment.Get("ELASTICSEARCH_PORT").value_or("9200");
  std::string hosts = environment.Get("ELASTICSEARCH_HOST").value_or("localhost"), urls;
  for (size_t at = 0; at <= hosts.size();) {
    const size_t end = std::min(hosts.find(',', at), hosts.size());
    std::string host = hosts.substr(at, end - at);
    host.erase(0, host.find_first_not_of(' '));
    const bool has_port = host.rfind(':') != std::string::npos && !host.ends_with(']') &&
                          hosts.find(',') != std::string::npos;
    urls += fmt::format("{}{}://{}{}", urls.empty() ? "" : ",", scheme, host,
                        has_port ? "" : ":" + port);
    at = end + 1;
  }
  return urls;
}

// "<name>:base64(<host>$<engine uuid>$<ui uuid>)".
base::Result<std::string> CloudUrl(const std::string& cloud_id) {
  const size_t colon = cloud_id.rfind(':');
  const auto decoded =
      FromBase64(std::string_view(cloud_id).substr(colon == std::string::npos ? 0 : colon + 1));
  const size_t first = decoded ? decoded->find('$') : std::string::npos;
  if (first == std::string::npos || first == 0) {
    return base::Usage(
        "ELASTICSEARCH_CLOUD_ID: not a cloud id; copy it from the deployment's page");
  }
  std::string domain = decoded->substr(0, first);
  std::string engine = decoded->substr(first + 1);
  engine.resize(std::min(engine.find('$'), engine.size()));
  std::string port = "443";
  if (const size_t at = domain.rfind(':'); at != std::string::npos) {
    port = domain.substr(at + 1);
    domain.resize(at);
  }
  return fmt::format("https://{}.{}:{}", engine, domain, port);
}

// Sets exactly one kind of credentials: key, token, or user and password.
base::Status ReadCredentials(const Environment& environment, sink::HttpConfig* http) {
  const auto get = [&](const char* name) { return environment.Get(name); };
  if (const auto key = get("ELASTICSEARCH_API_KEY")) {
    const auto id = get("ELASTICSEARCH_API_KEY_ID");
    http->api_key = id ? Base64(*id + ":" + *key) : *key;
    return {};
  }
  if (const auto token = get("ELASTICSEARCH_BEARER_AUTH")) {
    http->bearer = *token;
    return {};
  }
  for (const auto& [name, separator] :
       {std::pair("ELASTICSEARCH_BASIC_AUTH", ':'), std::pair("ELASTICSEARCH_HTTP_AUTH", ',')}) {
    const auto both = get(name);
    if (!both) continue;
    const size_t at = both->find(separator);
    if (at == std::string::npos) {
      return base::Usage(fmt::format("{}: expected user{}password", name, separator));
    }
    http->user = both->substr(0, at);
    http->password = both->substr(at + 1);
    return {};
  }
  const auto user = get("ELASTICSEARCH_USER");
  const auto password = get("ELASTICSEARCH_PASSWORD");
  if (user && password) {
    http->user = *user;
    http->password = *password;
  }
  return {};
}

// Item statuses that are a success of a deletion, as in PGSync. Only what would make it a rejected
// document can be ignored: other statuses pass, or ask for an operator.
base::Status ReadIgnoredStatuses(const Environment& environment, sink::HttpConfig* http) {
  constexpr const char* kName = "ELASTICSEARCH_IGNORE_STATUS";
  const std::string list = environment.Get(kName).value_or("");
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    auto status = ParseInteger(kName, list.substr(at, end - at), 400, 499);
    if (!status) return std::move(status).error();
    for (const int never : {401, 403, 408, 429}) {
      if (*status != never) continue;
      return base::Usage(fmt::format(
          "{}: {} cannot be ignored: the deletion would be lost, while it succeeds once {}", kName,
          never, never > 403 ? "the engine has time" : "the credentials are right"));
    }
    http->ignored_of_deletions.push_back(static_cast<int>(*status));
    at = end + 1;
  }
  return {};
}

base::Status ReadTransport(const Environment& environment, TargetConfig* target) {
  sink::HttpConfig& http = target->http;
  if (const auto text = environment.Get("ELASTICSEARCH_VERIFY_CERTS")) {
    auto verify = ParseBool("ELASTICSEARCH_VERIFY_CERTS", *text);
    if (!verify) return std::move(verify).error();
    http.verify_certificates = *verify;
  }
  http.ca_file = environment.Get("ELASTICSEARCH_CA_CERTS").value_or("");
  http.client_certificate = environment.Get("ELASTICSEARCH_CLIENT_CERT").value_or("");
  http.client_key = environment.Get("ELASTICSEARCH_CLIENT_KEY").value_or("");
  if (const auto text = environment.Get("ELASTICSEARCH_TIMEOUT")) {
    auto timeout = ParseSeconds("ELASTICSEARCH_TIMEOUT", *text);
    if (!timeout) return std::move(timeout).error();
    http.timeout = std::chrono::ceil<std::chrono::seconds>(*timeout);
  }
  if (const auto text = environment.Get("ELASTICSEARCH_HTTP_COMPRESS")) {
    auto compress = ParseBool("ELASTICSEARCH_HTTP_COMPRESS", *text);
    if (!compress) return std::move(compress).error();
    http.compress = *compress;
  }
  if (const auto text = environment.Get("ELASTICSEARCH_MAX_CHUNK_BYTES")) {
    constexpr int64_t kLeast = 64 << 10, kMost = int64_t{2} << 30;  // engines stop at 2 GiB
    auto bytes = ParseInteger("ELASTICSEARCH_MAX_CHUNK_BYTES", *text, kLeast, kMost);
    if (!bytes) return std::move(bytes).error();
    http.max_bulk_bytes = static_cast<size_t>(*bytes);
  }
  if (const auto text = environment.Get("ELASTICSEARCH_CHUNK_SIZE")) {
    auto items = ParseInteger("ELASTICSEARCH_CHUNK_SIZE", *text, 1, 1'000'000);
    if (!items) return std::move(items).error();
    http.max_bulk_items = static_cast<size_t>(*items);
  }
  if (const auto text = environment.Get("ELASTICSEARCH_THREAD_COUNT")) {
    auto requests = ParseInteger("ELASTICSEARCH_THREAD_COUNT", *text, 1, 1024);
    if (!requests) return std::move(requests).error();
    http.max_bulk_requests = static_cast<size_t>(*requests);
  }
  if (auto ignored = ReadIgnoredStatuses(environment, &http); !ignored) return ignored;
  http.opaque_id = environment.Get("ELASTICSEARCH_OPAQUE_ID").value_or("");
  return {};
}

base::Status ReadRetryBounds(const Environment& environment, sink::RetryBounds* retry) {
  if (const auto text = environment.Get("ELASTICSEARCH_MAX_RETRIES")) {
    auto retries = ParseInteger("ELASTICSEARCH_MAX_RETRIES", *text, 0, 1'000'000);
    if (!retries) return std::move(retries).error();
    retry->retries = static_cast<uint32_t>(*retries);
  }
  if (const auto text = environment.Get("ELASTICSEARCH_INITIAL_BACKOFF")) {
    auto first = ParseSeconds("ELASTICSEARCH_INITIAL_BACKOFF", *text);
    if (!first) return std::move(first).error();
    retry->first = *first;
    retry->most = std::max(retry->most, retry->first);
  }
  if (const auto text = environment.Get("ELASTICSEARCH_MAX_BACKOFF")) {
    auto most = ParseSeconds("ELASTICSEARCH_MAX_BACKOFF", *text);
    if (!most) return std::move(most).error();
    retry->most = *most;
    retry->first = std::min(retry->first, retry->most);
  }
  return {};
}

// What is asked of the engine's certificate in place of a known authority and the address's name.
base::Status ReadCertificateAsserts(const Environment& environment, sink::HttpConfig* http) {
  if (const auto text = environment.Get("ELASTICSEARCH_SSL_ASSERT_FINGERPRINT")) {
    constexpr size_t kDigits = 64;
    for (const char c : *text) {
      if (c == ':' || c == ' ') continue;
      http->fingerprint += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    if (http->fingerprint.size() != kDigits ||
        http->fingerprint.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return base::Usage(
          "ELASTICSEARCH_SSL_ASSERT_FINGERPRINT: expected the SHA-256 of a certificate, 64 "
          "hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256 -in FILE` prints it");
    }
  }
  if (const auto name = environment.Get("ELASTICSEARCH_SSL_ASSERT_HOSTNAME")) {
    std::string word = *name;
    for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    http->any_host = word == "false";
    if (word != "false" && word != "true") http->certificate_host = *name;
  }
  return {};
}

// Amazon's services take signed requests. PGSync leaves finding the credentials to boto3; we know
// the variables that it looks at first.
base::Status ReadAws(const Environment& environment, sink::HttpConfig* http) {
  for (const auto& [name, service] :
       {std::pair("ELASTICSEARCH_AWS_HOSTED", "es"), std::pair("OPENSEARCH_AWS_HOSTED", "es"),
        std::pair("OPENSEARCH_AWS_SERVERLESS", "aoss")}) {
    const auto text = environment.Get(name);
    if (!text) continue;
    auto hosted = ParseBool(name, *text);
    if (!hosted) return std::move(hosted).error();
    if (*hosted) http->aws_service = service;
  }
  if (http->aws_service.empty()) return {};
  for (const char* name : {"ELASTICSEARCH_AWS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (http->aws_region.empty()) http->aws_region = environment.Get(name).value_or("");
  }
  http->aws_access_key = environment.Get("AWS_ACCESS_KEY_ID").value_or("");
  http->aws_secret_key = environment.Get("AWS_SECRET_ACCESS_KEY").value_or("");
  http->aws_session_token = environment.Get("AWS_SESSION_TOKEN").value_or("");
  if (http->aws_region.empty()) {
    return base::Usage("requests are to be signed for AWS: ELASTICSEARCH_AWS_REGION is missing");
  }
  if (http->aws_access_key.empty() || http->aws_secret_key.empty()) {
    return base::Usage(
        "requests are to be signed for AWS: AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is missing "
        "(profiles and roles are not looked up; AWS_SESSION_TOKEN is used if set)");
  }
  return {};
}

// ELASTICSEARCH and OPENSEARCH are opposites; the engine itself is detected, so they are only
// compared with it.
base::Result<std::string> ExpectedEngine(const Environment& environment) {
  std::array<std::optional<bool>, 2> said;
  constexpr std::array kNames = {"ELASTICSEARCH", "OPENSEARCH"};
  for (size_t i = 0; i < said.size(); ++i) {
    const auto text = environment.Get(kNames[i]);
    if (!text) continue;
    auto value = ParseBool(kNames[i], *text);
    if (!value) return std::move(value).error();
    said[i] = *value;
  }
  if (said[0] && said[1] && *said[0] == *said[1]) {
    return base::Usage(
        "ELASTICSEARCH and OPENSEARCH: both have the same value; set one of them, or neither: the "
        "engine is detected");
  }
  if (!said[0] && !said[1]) return std::string();
  const bool elasticsearch = said[0] ? *said[0] : !*said[1];
  return std::string(elasticsearch ? "elasticsearch" : "opensearch");
}

base::Result<TargetConfig> EngineTarget(const std::optional<std::string>& url,
                                        const Environment& environment) {
  TargetConfig target;
  auto engine = ExpectedEngine(environment);
  if (!engine) return std::move(engine).error();
  target.expected_engine = std::move(*engine);
  if (auto status = ReadCredentials(environment, &target.http); !status) {
    return std::move(status).error();
  }
  if (auto status = ReadTransport(environment, &target); !status) {
    return std::move(status).error();
  }
  if (auto status = ReadRetryBounds(environment, &target.http.retry); !status) {
    return std::move(status).error();
  }
  if (auto status = ReadCertificateAsserts(environment, &target.http); !status) {
    return std::move(status).error();
  }
  if (auto status = ReadAws(environment, &target.http); !status) {
    return std::move(status).error();
  }

  std::string what = "--target", address = url.value_or("");
  if (!url) {
    if (const auto variable = environment.Get("ELASTICSEARCH_URL")) {
      what = "ELASTICSEARCH_URL";
      address = *variable;
    } else if (const auto cloud_id = environment.Get("ELASTICSEARCH_CLOUD_ID")) {
      what = "ELASTICSEARCH_CLOUD_ID";
      auto cloud = CloudUrl(*cloud_id);
      if (!cloud) return std::move(cloud).error();
      address = std::move(*cloud);
    } else {
      what = "ELASTICSEARCH_SCHEME, _HOST, _PORT";
      address = UrlsOfParts(environment);
    }
  }
  if (auto status = UseEngineUrls(what, address, &target.http); !status) {
    return std::move(status).error();
  }
  return target;
}

}  // namespace

base::Result<TargetConfig> ReadTarget(const std::optional<std::string>& url,
                                      const Environment& environment) {
  if (!url || url->starts_with("http://") || url->starts_with("https://")) {
    return EngineTarget(url, environment);
  }
  const std::string scheme = url->substr(0, url->find(':'));
  const bool has_scheme = url->find(':') != std::string::npos;
  const std::string rest = has_scheme ? url->substr(scheme.size() + 1) : "";
  TargetConfig target;
  if (has_scheme && (scheme == "sqlite" || scheme == "ndjson")) {
    target.kind = scheme == "sqlite" ? TargetConfig::Kind::kSqlite : TargetConfig::Kind::kNdjson;
    target.file = rest;
    if (rest.empty()) {
      return base::Usage(fmt::format("--target: {}: needs a file, as in {}:documents.{}", scheme,
                                     scheme, scheme == "sqlite" ? "db" : "ndjson"));
    }
    return target;
  }
  if (has_scheme && scheme == "null") {
    target.kind = TargetConfig::Kind::kNull;
    target.file = rest;
    return target;
  }
  static const std::vector<std::string> kSchemes = {"http", "https", "sqlite", "ndjson", "null"};
  // A text without a scheme may hold anything, so it is not repeated.
  return base::Usage(fmt::format(
      "--target: {}; use http://HOST:PORT, https://HOST:PORT, null:, sqlite:FILE or ndjson:FILE{}",
      has_scheme ? fmt::format("unknown scheme \"{}\"", scheme) : "no scheme",
      has_scheme ? base::DidYouMean(scheme, kSchemes) : ""));
}

}  // namespace app
