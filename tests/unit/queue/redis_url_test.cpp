#include <gtest/gtest.h>

#include "consumer/queue/queue.h"

namespace queue {
namespace {

RedisConfig Parsed(const std::string& url) {
  auto config = ParseRedisUrl(url);
  EXPECT_TRUE(config.ok()) << url << ": " << config.error().message;
  return config.ok() ? *config : RedisConfig();
}

TEST(RedisUrl, HasDefaults) {
  const RedisConfig config = Parsed("redis://cache");
  EXPECT_EQ(config.host, "cache");
  EXPECT_EQ(config.port, 6379);
  EXPECT_EQ(config.database, 0);
  EXPECT_FALSE(config.tls);
}

TEST(RedisUrl, ReadsAllParts) {
  const RedisConfig config = Parsed("rediss://me:p%40ss%2Fword@cache.example:7000/5");
  EXPECT_EQ(config.user, "me");
  EXPECT_EQ(config.password, "p@ss/word");
  EXPECT_EQ(config.host, "cache.example");
  EXPECT_EQ(config.port, 7000);
  EXPECT_EQ(config.database, 5);
  EXPECT_TRUE(config.tls);
}

TEST(RedisUrl, ReadsTheOptionsOfTls) {
  const RedisConfig plain = Parsed("rediss://cache");
  EXPECT_TRUE(plain.verify_certificate);
  EXPECT_FALSE(plain.any_host);
  const RedisConfig config = Parsed(
      "rediss://cache/1?ssl_ca_certs=/etc/my%20ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem&"
      "ssl_cert_reqs=none&ssl_check_hostname=false&db=2");
  EXPECT_EQ(config.ca_file, "/etc/my ca.pem");
  EXPECT_EQ(config.client_certificate, "/c.pem");
  EXPECT_EQ(config.client_key, "/k.pem");
  EXPECT_FALSE(config.verify_certificate);
  EXPECT_TRUE(config.any_host);
  EXPECT_EQ(config.database, 1);  // the path's, which is read last
}

TEST(RedisUrl, ReadsAPasswordWithoutUser) {
  const RedisConfig config = Parsed("redis://:a@b:c@cache");
  EXPECT_EQ(config.user, "");
  EXPECT_EQ(config.password, "a@b:c");
  EXPECT_EQ(config.host, "cache");
}

TEST(RedisUrl, ReadsIpv6AndSockets) {
  EXPECT_EQ(Parsed("redis://[::1]:7000/").host, "::1");
  EXPECT_EQ(Parsed("redis://[::1]:7000/").port, 7000);
  EXPECT_EQ(Parsed("redis://[::1]").port, 6379);
  EXPECT_EQ(Parsed("unix:///run/redis/redis.sock?db=2").unix_socket, "/run/redis/redis.sock");
  EXPECT_EQ(Parsed("unix:///run/redis/redis.sock?db=2").database, 2);
  EXPECT_EQ(Parsed("redis://cache?db=4").database, 4);
}

TEST(RedisUrl, RefusesWhatItDoesNotUnderstandAndNeverRepeatsIt) {
  for (const char* url : {"",
                          "cache:6379",
                          "http://:secret@cache",
                          "redis://",
                          "redis://:secret@",
                          "redis://:secret@cache:port",
                          "redis://:secret@cache:0",
                          "redis://:secret@cache:70000",
                          "redis://:secret@cache/x",
                          "redis://:secret@cache/-1",
                          "redis://:secret@[::1",
                          "redis://:secret@[::1]x",
                          "redis://:secret%2@cache",
                          "redis://:secret%zz@cache",
                          "redis://cache?password=secret",
                          "redis://cache?db=",
                          "redis://cache?ssl_ca_certs=/secret",
                          "rediss://cache?ssl_cert_reqs=secret",
                          "rediss://cache?ssl_ca_certs=",
                          "rediss://cache?db=1&secret",
                          "unix://",
                          "unix://secret/path"}) {
    auto config = ParseRedisUrl(url);
    ASSERT_FALSE(config.ok()) << url;
    EXPECT_EQ(config.error().kind, base::ErrorKind::kUsage);
    EXPECT_EQ(config.error().message.find("secret"), std::string::npos) << config.error().message;
  }
}

TEST(RedisUrl, IsShownWithoutPassword) {
  EXPECT_EQ(ToDisplay(Parsed("redis://me:secret@cache/5")), "redis://me@cache:6379/5");
  EXPECT_EQ(ToDisplay(Parsed("rediss://:secret@[::1]:1")), "rediss://[::1]:1/0");
  EXPECT_EQ(ToDisplay(Parsed("unix://:secret@/run/s?db=2")), "unix:///run/s?db=2");
}

}  // namespace
}  // namespace queue
