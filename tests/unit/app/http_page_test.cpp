// The page over a real socket of this machine.
#include "consumer/app/http_page.h"

#include <atomic>
#include <string>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace app {
namespace {

// The whole answer to one request.
std::string Fetch(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
    char buffer[4096];
    for (ssize_t n = 0; (n = read(fd, buffer, sizeof buffer)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
  }
  close(fd);
  return answer;
}

class HttpPageTest : public ::testing::Test {
 protected:
  HttpPageTest() {
    metrics_.counter("pgsync_test_total", "a test").Add(7);
    auto started =
        HttpPage::Start({"127.0.0.1", 0}, {&metrics_,
                                           [this]() -> std::optional<std::string> {
                                             if (ill_) return "slot <lost>";
                                             return std::nullopt;
                                           },
                                           [] { return std::string("lag < 1 & more"); }});
    if (started) page_ = std::move(*started);
  }

  base::Metrics metrics_;
  std::atomic<bool> ill_{false};
  std::unique_ptr<HttpPage> page_;
};

TEST_F(HttpPageTest, ServesMetrics) {
  ASSERT_TRUE(page_);
  const std::string answer = Fetch(page_->port(), "/metrics");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200"));
  EXPECT_NE(answer.find("pgsync_test_total 7"), std::string::npos);
}

TEST_F(HttpPageTest, HealthIs503WithTheReason) {
  ASSERT_TRUE(page_);
  EXPECT_TRUE(Fetch(page_->port(), "/health").starts_with("HTTP/1.1 200"));
  ill_ = true;
  const std::string answer = Fetch(page_->port(), "/health");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503"));
  EXPECT_NE(answer.find("slot <lost>\n"), std::string::npos);
}

TEST_F(HttpPageTest, StatusPageIsEscaped) {
  ASSERT_TRUE(page_);
  ill_ = true;
  const std::string answer = Fetch(page_->port(), "/");
  EXPECT_NE(answer.find("lag &lt; 1 &amp; more"), std::string::npos);
  EXPECT_NE(answer.find("slot &lt;lost&gt;"), std::string::npos);
  EXPECT_NE(answer.find("http-equiv=\"refresh\""), std::string::npos);
}

TEST_F(HttpPageTest, UnknownPathIs404) {
  ASSERT_TRUE(page_);
  EXPECT_TRUE(Fetch(page_->port(), "/etc/passwd").starts_with("HTTP/1.1 404"));
}

TEST_F(HttpPageTest, StopEndsServing) {
  ASSERT_TRUE(page_);
  page_->Stop();
  page_->Stop();
  EXPECT_EQ(Fetch(page_->port(), "/health"), "");
}

TEST_F(HttpPageTest, AddressInUseIsRefused) {
  ASSERT_TRUE(page_);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  socklen_t length = sizeof address;
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const auto second = HttpPage::Start({"127.0.0.1", ntohs(address.sin_port)}, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, base::ErrorKind::kRefused);
  close(fd);
}

}  // namespace
}  // namespace app
