#include "consumer/sink/aws_signature.h"

#include <gtest/gtest.h>

namespace sink {
namespace {

// Of any request: which headers there are, and that each part of the request counts. That the
// signature is the right one is seen by the stub's own arithmetic (http_guards_test.cpp).
TEST(AwsSignature, EveryPartOfARequestCounts) {
  const AwsAccount account = {"eu-west-1", "es", "AK", "secret", ""};
  const auto sign = [](const AwsAccount& by, std::string_view method, std::string_view url,
                       std::string_view body, std::time_t now) {
    auto lines = SignForAws(by, method, url, body, now);
    EXPECT_TRUE(lines.ok());
    return lines ? lines->front() : "";
  };
  const std::time_t now = 1440938160;
  const std::string url = "https://h:443/book/_bulk?b=2&a=1";
  const std::string line = sign(account, "POST", url, "x", now);
  EXPECT_TRUE(line.starts_with(
      "Authorization: AWS4-HMAC-SHA256 Credential=AK/20150830/eu-west-1/es/aws4_request, "
      "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="))
      << line;
  EXPECT_EQ(line, sign(account, "POST", "https://h/book/_bulk?a=1&b=2", "x", now));
  EXPECT_NE(line, sign(account, "PUT", url, "x", now));
  EXPECT_NE(line, sign(account, "POST", url, "y", now));
  EXPECT_NE(line, sign(account, "POST", url, "x", now + 1));
  EXPECT_NE(line, sign(account, "POST", "https://h:9200/book/_bulk?b=2&a=1", "x", now));
  EXPECT_NE(line, sign(account, "POST", "https://h/book_/_bulk?b=2&a=1", "x", now));
  AwsAccount other = account;
  other.secret_key = "other";
  EXPECT_NE(line, sign(other, "POST", url, "x", now));
  other = account;
  other.session_token = "tok";
  EXPECT_EQ(SignForAws(other, "POST", url, "x", now)->back(), "x-amz-security-token: tok");
}

}  // namespace
}  // namespace sink
