// Where documents go, from --target or the environment. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "consumer/app/config.h"
#include "consumer/app/environment.h"
#include "consumer/base/result.h"

namespace app {

// `url`: the value of --target, if given. Credentials inside an URL win over those of the
// environment.
base::Result<TargetConfig> ReadTarget(const std::optional<std::string>& url,
                                      const Environment& environment);

// An URL's parts, percent-decoded where they can be encoded.
struct UrlParts {
  std::string scheme;  // lower case
  std::string user, password;
  std::string host;  // as written, IPv6 in its brackets
  int port = 0;      // 0 = not given
  std::string path;  // with its slash, or ""
};
// `what` names the flag or variable in the error, which never repeats the URL itself.
base::Result<UrlParts> ParseUrl(const std::string& what, std::string_view url);

// RFC 3986, everything but unreserved characters.
std::string PercentEncoded(std::string_view text);
// Returns nothing for a % that is not followed by two hexadecimal digits.
std::optional<std::string> PercentDecoded(std::string_view text);

}  // namespace app
