#include "consumer/sink/aws_signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>

namespace sink {
namespace {

using Digest = std::array<unsigned char, 32>;

std::string_view Bytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string Hex(const Digest& digest) {
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::optional<Digest> Sha256(std::string_view text) {
  Digest digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    return std::nullopt;
  }
  return digest;
}

std::optional<Digest> Hmac(std::string_view key, std::string_view text) {
  Digest digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
           &size) == nullptr) {
    return std::nullopt;
  }
  return digest;
}

std::string Encoded(std::string_view text, std::string_view kept = "") {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 128 && (std::isalnum(byte) != 0 ||
                                      std::string_view("-._~").find(c) != std::string_view::npos ||
                                      kept.find(c) != std::string_view::npos);
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

std::string Decoded(std::string_view text) {
  const auto digit = [](char c) {
    return c <= '9' ? c - '0' : std::tolower(static_cast<unsigned char>(c)) - 'a' + 10;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Names and values encoded anew, in order of names.
std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (size_t at = 0; at < query.size();) {
    const size_t end = std::min(query.find('&', at), query.size());
    const std::string_view pair = query.substr(at, end - at);
    const size_t equals = std::min(pair.find('='), pair.size());
    pairs.emplace_back(Encoded(Decoded(pair.substr(0, equals))),
                       Encoded(Decoded(pair.substr(std::min(equals + 1, pair.size())))));
    at = end + 1;
  }
  std::sort(pairs.begin(), pairs.end());
  std::string text;
  for (const auto& [name, value] : pairs) {
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, value);
  }
  return text;
}

// As libcurl writes the header: the default port is left out.
std::string HostHeader(std::string_view scheme, std::string_view authority) {
  const std::string_view port = scheme == "https" ? ":443" : ":80";
  if (authority.ends_with(port)) authority.remove_suffix(port.size());
  return std::string(authority);
}

}  // namespace

base::Result<std::vector<std::string>> SignForAws(const AwsAccount& account,
                                                  std::string_view method, std::string_view url,
                                                  std::string_view body, std::time_t now) {
  const base::Error failed = base::Fatal("signing a request for AWS: OpenSSL has no SHA-256");
  const auto body_digest = Sha256(body);
  if (!body_digest) return failed;
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 20> time{};
  std::strftime(time.data(), time.size(), "%Y%m%dT%H%M%SZ", &utc);
  const std::string date = time.data(), day = date.substr(0, 8);

  const size_t scheme = url.find("://");
  const std::string_view rest = url.substr(scheme + 3);
  const size_t path_at = std::min(rest.find('/'), rest.size());
  const std::string_view target = rest.substr(path_at);
  const size_t query_at = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, query_at);
  const std::string_view query = target.substr(std::min(query_at + 1, target.size()));

  // Ordered by name, as they are signed.
  std::map<std::string, std::string> headers = {
      {"host", HostHeader(url.substr(0, scheme), rest.substr(0, path_at))},
      {"x-amz-content-sha256", Hex(*body_digest)},  // "aoss" insists on it
      {"x-amz-date", date}};
  if (!account.session_token.empty()) headers["x-amz-security-token"] = account.session_token;
  std::string lines, names;
  for (const auto& [name, value] : headers) {
    lines += fmt::format("{}:{}\n", name, value);
    names += (names.empty() ? "" : ";") + name;
  }
  // All services but S3 see the path encoded once more.
  const auto canonical =
      Sha256(fmt::format("{}\n{}\n{}\n{}\n{}\n{}", method, path.empty() ? "/" : Encoded(path, "/"),
                         CanonicalQuery(query), lines, names, Hex(*body_digest)));
  if (!canonical) return failed;

  const std::string scope =
      fmt::format("{}/{}/{}/aws4_request", day, account.region, account.service);
  const std::string text =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date, scope, Hex(*canonical));
  auto key = Hmac("AWS4" + account.secret_key, day);
  for (const std::string& part :
       {account.region, account.service, std::string("aws4_request"), text}) {
    if (key) key = Hmac(Bytes(*key), part);
  }
  if (!key) return failed;
  std::vector<std::string> made = {fmt::format(
      "Authorization: AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
      account.access_key, scope, names, Hex(*key))};
  for (const auto& [name, value] : headers) {
    if (name != "host") made.push_back(fmt::format("{}: {}", name, value));
  }
  return made;
}

}  // namespace sink
