// What is asked of an engine's certificate beyond libcurl's own checks: that it is a certain one,
// or carries another name than the address. The home of OpenSSL.
#pragma once

#include <curl/curl.h>

#include "consumer/sink/target.h"

namespace sink {

// Sets all TLS options of a request. `config` is borrowed until the request is over. kFatal: the
// libcurl of this machine cannot do what is asked.
base::Status SetTls(CURL* easy, const HttpConfig& config);

}  // namespace sink
