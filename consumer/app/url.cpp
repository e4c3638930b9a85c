#include "consumer/app/url.h"

#include <cctype>
#include <charconv>
#include <cstdint>
#include <limits>

#include <fmt/format.h>

namespace app {

base::Result<UrlParts> ParseUrl(const std::string& what, std::string_view url, UrlQuery query) {
  const auto wrong = [&](std::string_view why) {
    return base::Usage(fmt::format(
        "{}: {}; expected SCHEME://[USER:PASSWORD@]HOST[:PORT], with special characters of user "
        "and password percent-encoded",
        what, why));
  };
  UrlParts parts;
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos || colon == 0) return wrong("no scheme");
  parts.scheme = url.substr(0, colon);
  for (char& c : parts.scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  url.remove_prefix(colon + 3);
  const size_t slash = url.find_first_of("/?#");
  std::string_view authority = url.substr(0, slash);
  if (slash != std::string_view::npos) parts.path = url.substr(slash);
  if (query == UrlQuery::kRefused && parts.path.find_first_of("?#") != std::string::npos) {
    return wrong("? and # are not allowed");
  }
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view user_info = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const size_t divider = user_info.find(':');
    const auto user = PercentDecoded(user_info.substr(0, divider));
    const auto password =
        PercentDecoded(divider == std::string_view::npos ? "" : user_info.substr(divider + 1));
    if (!user || !password) return wrong("a % without two hexadecimal digits");
    parts.user = *user;
    parts.password = *password;
  }
  size_t port_at = authority.rfind(':');
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return wrong("an IPv6 address without ]");
    port_at = close + 1 < authority.size() ? close + 1 : std::string_view::npos;
    if (port_at != std::string_view::npos && authority[port_at] != ':') return wrong("bad host");
  }
  parts.host = authority.substr(0, port_at);
  if (parts.host.empty() || parts.host.find_first_of(" :@,") < parts.host.find('[')) {
    return wrong("no host");
  }
  if (port_at != std::string_view::npos) {
    const std::string_view digits = authority.substr(port_at + 1);
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), parts.port);
    if (failure != std::errc() || end != digits.data() + digits.size() || parts.port < 1 ||
        parts.port > std::numeric_limits<uint16_t>::max()) {
      return wrong("the port is not a number from 1 to 65535");
    }
  }
  return parts;
}

std::string PercentEncoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = byte < 128 && (std::isalnum(byte) != 0 ||
                                           std::string_view("-._~").find(c) != std::string::npos);
    if (unreserved) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", byte);
    }
  }
  return encoded;
}

std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, failure] = std::from_chars(digits, digits + 2, value, 16);
    if (failure != std::errc() || end != digits + 2) return std::nullopt;
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

}  // namespace app
