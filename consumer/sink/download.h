// Download: a file of some kilobytes from an http(s) server, once, at start.
#pragma once

#include <string>

#include "consumer/base/result.h"

namespace sink {

struct DownloadRequest {
  std::string url;  // without user and password; never logged: it may carry a key
  std::string user, password;
};

// Follows redirections, and the proxies that the environment names; at most 10 s until connected,
// 60 s in all. kUsage: the server has no such file, or it is far too large. kRefused: nobody
// answers, the certificate does not hold, the credentials are wrong, the server is out of order.
base::Result<std::string> Download(const DownloadRequest& request);

}  // namespace sink
