// The parts of an URL, and percent-encoding. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "consumer/base/result.h"

namespace app {

// An URL's parts, percent-decoded where they can be encoded.
struct UrlParts {
  std::string scheme;  // lower case
  std::string user, password;
  std::string host;  // as written, IPv6 in its brackets
  int port = 0;      // 0 = not given
  std::string path;  // with its slash, or ""
};
enum class UrlQuery : uint8_t { kRefused, kPartOfPath };

// `what` names the flag or variable in the error, which never repeats the URL itself.
base::Result<UrlParts> ParseUrl(const std::string& what, std::string_view url,
                                UrlQuery query = UrlQuery::kRefused);

// RFC 3986, everything but unreserved characters.
std::string PercentEncoded(std::string_view text);
// Returns nothing for a % that is not followed by two hexadecimal digits.
std::optional<std::string> PercentDecoded(std::string_view text);

}  // namespace app
