// The queue over TLS, against a real redis-server with certificates that tests/fakes/certificates
// makes: whom it trusts, what it says when it does not, and that the way is the same as without.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "consumer/queue/queue.h"
#include "tests/unit/queue/batches.h"
#include "tests/unit/queue/redis_server.h"

namespace queue {
namespace {

using base::Lsn;

class RedisTlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    char name[] = "/tmp/pgsync-certificates.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    const std::string make = PGSYNC_SOURCE_DIR "/tests/fakes/certificates " + folder_;
    ASSERT_EQ(system(make.c_str()), 0) << "openssl is needed: apt-get install openssl";
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static std::string File(const std::string& name) { return folder_ + "/" + name; }

  static std::unique_ptr<RedisServer> Speaking(const std::string& certificate,
                                               const std::string& clients = "no") {
    return std::make_unique<RedisServer>(std::vector<std::string>{
        "--tls-port", "{port}", "--tls-cert-file", File(certificate + ".pem"), "--tls-key-file",
        File(certificate + ".key"), "--tls-ca-cert-file", File("ca.pem"), "--tls-auth-clients",
        clients});
  }
  static RedisConfig Config(const RedisServer& server, const std::string& authority = "ca") {
    RedisConfig config = server.OtherConfig();
    config.tls = true;
    if (!authority.empty()) config.ca_file = File(authority + ".pem");
    return config;
  }
  static std::unique_ptr<Queue> NewQueue(const RedisConfig& config) {
    return MakeRedisQueue(config, "7000000000000000001", "bookstore", {});
  }
  // "" = it can be used; else the error, which is the operator's to mend.
  static std::string Try(const RedisConfig& config) {
    auto probed = NewQueue(config)->Probe();
    if (probed.ok()) return "";
    EXPECT_EQ(probed.error().kind, base::ErrorKind::kRefused) << probed.error().message;
    return probed.error().message;
  }

 private:
  static inline std::string folder_;
};

TEST_F(RedisTlsTest, CarriesTheQueue) {
  const auto server = Speaking("good");
  server->Command({"ACL", "SETUSER", "us", "on", ">secret", "~pgsync:*", "+@all"});
  RedisConfig config = Config(*server);
  config.user = "us";
  config.password = "secret";
  config.database = 2;
  const auto queue = NewQueue(config);
  ASSERT_TRUE(Succeeds(queue->Probe()));
  const auto producer = queue->NewProducer();
  const auto consumer = queue->NewConsumer("w");
  ASSERT_SUCCEEDS(producer->Open(Lsn{100}));
  std::vector<Entry> taken;
  std::thread waiting([&] {  // a reply that is waited for
    auto entries = consumer->Take(1u << 20, std::chrono::seconds(20));
    if (entries.ok()) taken = *std::move(entries);
  });
  model::Batch batch = StreamBatch(100, 200);
  for (uint32_t i = 0; i < 60000; ++i) batch.xids.push_back(i * 7919);  // many TLS records
  auto added = producer->TryAdd(Lane::kStream, batch);
  waiting.join();
  ASSERT_SUCCEEDS(added);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].batch.xids, batch.xids);
  EXPECT_TRUE(Succeeds(consumer->Done(taken)));
}

TEST_F(RedisTlsTest, TakesACertificateOfAKnownAuthorityOnly) {
  const auto server = Speaking("good");
  EXPECT_EQ(Try(Config(*server)), "");
  for (const char* authority : {"", "other_ca"}) {
    EXPECT_NE(Try(Config(*server, authority)).find("ssl_ca_certs"), std::string::npos);
  }
  RedisConfig config = Config(*server, "");
  config.verify_certificate = false;
  EXPECT_EQ(Try(config), "");
  config = Config(*server, "nothing_there");
  EXPECT_NE(Try(config).find("nothing_there.pem cannot be used"), std::string::npos);
}

TEST_F(RedisTlsTest, RefusesOneThatIsSelfSignedExpiredOrOfAnotherHost) {
  for (const std::string name : {"self", "expired", "elsewhere"}) {
    const auto server = Speaking(name);
    EXPECT_NE(Try(Config(*server)).find("its certificate is not accepted"), std::string::npos);
    RedisConfig config = Config(*server);
    config.any_host = true;
    EXPECT_EQ(Try(config).empty(), name == "elsewhere") << name;
  }
}

TEST_F(RedisTlsTest, ChecksTheNameOfTheHost) {
  const auto server = Speaking("good");
  RedisConfig config = Config(*server);
  config.host = "localhost";
  EXPECT_EQ(Try(config), "");
  const auto elsewhere = Speaking("elsewhere");
  config = Config(*elsewhere);
  config.host = "localhost";
  EXPECT_NE(Try(config).find("ssl_check_hostname"), std::string::npos);
}

TEST_F(RedisTlsTest, ShowsItsOwnCertificateWhereThatIsWanted) {
  const auto server = Speaking("good", "yes");
  EXPECT_NE(Try(Config(*server)).find("ssl_certfile"), std::string::npos);
  RedisConfig config = Config(*server);
  config.client_certificate = File("client.pem");
  config.client_key = File("client.key");
  EXPECT_EQ(Try(config), "");
  config.client_key = File("good.key");
  EXPECT_NE(Try(config).find("ssl_keyfile"), std::string::npos);
}

TEST_F(RedisTlsTest, SaysWhenOneSideSpeaksTlsAndTheOtherDoesNot) {
  const auto server = Speaking("good");
  RedisConfig config = server->TcpConfig();
  config.tls = true;
  config.timeout =
      std::chrono::milliseconds(300);  // Redis waits for the end of what it takes for a line
  EXPECT_NE(Try(config).find("shaking hands by TLS with Redis"), std::string::npos);
  EXPECT_NE(Try(server->OtherConfig()).find("rediss://"), std::string::npos);
}

TEST_F(RedisTlsTest, ConnectsAgainAfterALoss) {
  const auto server = Speaking("good");
  const auto queue = NewQueue(Config(*server));
  const auto producer = queue->NewProducer();
  ASSERT_SUCCEEDS(producer->Open(Lsn{100}));
  server->Kill();
  EXPECT_FAILS(kRetry, producer->LowWater());
  EXPECT_FAILS(kRetry, producer->LowWater());
  server->Start();
  EXPECT_FAILS(kReconnect, producer->LowWater());  // it has forgotten everything
  EXPECT_TRUE(Succeeds(producer->Open(Lsn{100})));
}

}  // namespace
}  // namespace queue
