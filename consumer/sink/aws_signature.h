// Signature Version 4 of AWS. Ours and not libcurl's, which (7.88) signs neither percent-encoded
// paths nor queries with reserved characters as AWS reads them. Pure, but for the digest's library.
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"

namespace sink {

struct AwsAccount {
  std::string region, service;  // service: "es" or "aoss"
  std::string access_key, secret_key;
  std::string session_token;  // "" = none
};

// The header lines that sign a request. `url`: as it is sent, without credentials; path and query
// percent-encoded.
base::Result<std::vector<std::string>> SignForAws(const AwsAccount& account,
                                                  std::string_view method, std::string_view url,
                                                  std::string_view body, std::time_t now);

}  // namespace sink
