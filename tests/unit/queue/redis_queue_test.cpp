// What can happen to a queue in Redis from outside: lost, restored, evicted, taken over, refused.
// The rule under test: no loss goes unnoticed, and what is noticed costs a start from the slot and
// nothing else.
#include <gtest/gtest.h>

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
using std::chrono::milliseconds;

constexpr char kSystem[] = "7000000000000000001";
constexpr char kPrefix[] = "pgsync:{7000000000000000001:bookstore}";

class RedisQueueTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_SUCCEEDS(producer_->Open(Lsn{100})); }

  std::unique_ptr<Queue> NewQueue() const { return NewQueue(server_.Config()); }
  static std::unique_ptr<Queue> NewQueue(const RedisConfig& config) {
    return MakeRedisQueue(config, kSystem, "bookstore", {});
  }
  static std::string Key(const std::string& name) { return std::string(kPrefix) + ":" + name; }

  void Add(const model::Batch& batch) { Add(Lane::kStream, batch); }
  void Add(Lane lane, const model::Batch& batch) {
    auto added = producer_->TryAdd(lane, batch);
    ASSERT_SUCCEEDS(added);
    ASSERT_TRUE(*added);
  }
  static base::Result<std::vector<Entry>> TakeBy(Consumer* consumer) {
    return consumer->Take(kMany, kNoWait);
  }
  std::vector<Entry> Take() {
    auto entries = TakeBy(consumer_.get());
    EXPECT_TRUE(Succeeds(entries));
    return entries.ok() ? *std::move(entries) : std::vector<Entry>();
  }
  // After the server was restarted a connection is found dead once.
  template <typename Call>
  static auto AfterReconnect(Call call) {
    auto result = call();
    if (result.ok() || result.error().kind != base::ErrorKind::kRetry) return result;
    return call();
  }
  void ExpectLost() {
    EXPECT_FAILS(kReconnect, AfterReconnect([&] { return producer_->LowWater(); }));
    EXPECT_FAILS(kReconnect, producer_->TryAdd(Lane::kStream, StreamBatch(900, 910)));
  }

  RedisServer server_;
  std::unique_ptr<Queue> queue_ = NewQueue();
  std::unique_ptr<Producer> producer_ = queue_->NewProducer();
  std::unique_ptr<Consumer> consumer_ = queue_->NewConsumer("w");
};

TEST_F(RedisQueueTest, LiesUnderTheSystemIdentifierAndTheSlot) {
  Add(StreamBatch(100, 200));
  Add(Lane::kLoad, LoadBatch(0));
  EXPECT_EQ(server_.Command({"XLEN", Key("stream")}), "1");
  EXPECT_EQ(server_.Command({"XLEN", Key("load")}), "1");
  EXPECT_EQ(server_.Command({"HGET", Key("meta"), "complete"}), "200");
}

TEST_F(RedisQueueTest, NumbersEntriesByTheirCommit) {
  Add(StreamBatch(100, 0xFFFFFFFFFFFFFF01ull));  // beyond what a double can hold
  const std::vector<Entry> taken = Take();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_TRUE(taken[0].id.starts_with(std::to_string(0xFFFFFFFFFFFFFF00ull) + "-")) << taken[0].id;
  auto resume = producer_->Open(Lsn{100});
  ASSERT_SUCCEEDS(resume);
  EXPECT_EQ(resume->value, 0xFFFFFFFFFFFFFF01ull);
}

TEST_F(RedisQueueTest, LeavesNothingBehindWhatIsDone) {
  for (uint64_t i = 0; i < 20; ++i) Add(StreamBatch(100 + i, 101 + i));
  ASSERT_SUCCEEDS(consumer_->Done(Take()));
  EXPECT_EQ(server_.Command({"XLEN", Key("stream")}), "0");
  EXPECT_EQ(server_.Command({"EXISTS", Key("stream:sizes")}), "0");
}

TEST_F(RedisQueueTest, NoticesAFlush) {
  Add(StreamBatch(100, 200));
  server_.Command({"FLUSHALL"});
  EXPECT_FAILS(kReconnect, TakeBy(consumer_.get()));
  ExpectLost();
  auto resume = producer_->Open(Lsn{100});
  ASSERT_SUCCEEDS(resume);
  EXPECT_EQ(resume->value, 100u);
  Add(StreamBatch(100, 200));
  EXPECT_EQ(Take().size(), 1u);
}

TEST_F(RedisQueueTest, NoticesAFlushBeforeTheLowWaterPassesIt) {
  Add(StreamBatch(100, 200));
  producer_->Advance(Lsn{200});
  server_.Command({"FLUSHALL"});
  EXPECT_FAILS(kReconnect, producer_->LowWater());
}

TEST_F(RedisQueueTest, NoticesAFlushWhileAConsumerWaits) {
  std::thread waiting(
      [&] { EXPECT_FAILS(kReconnect, consumer_->Take(kMany, std::chrono::seconds(60))); });
  // Until it blocks; then the flush is what wakes it.
  while (server_.Command({"INFO", "clients"}).find("blocked_clients:1") == std::string::npos) {
    std::this_thread::yield();
  }
  server_.Command({"FLUSHALL"});
  waiting.join();
}

TEST_F(RedisQueueTest, DoneOfBeforeAFlushDoesNotHitTheEntriesAfterIt) {
  Add(StreamBatch(100, 200));
  Add(Lane::kLoad, LoadBatch(0));
  std::vector<Entry> before = Take();
  for (Entry& entry : Take()) before.push_back(std::move(entry));
  ASSERT_EQ(before.size(), 2u);
  server_.Command({"FLUSHALL"});
  ASSERT_SUCCEEDS(producer_->Open(Lsn{100}));
  Add(StreamBatch(100, 200, "other content of the same commit"));
  Add(Lane::kLoad, LoadBatch(1));
  ASSERT_SUCCEEDS(consumer_->Done(before));
  EXPECT_EQ(producer_->DepthOf(Lane::kStream)->entries, 1u);
  EXPECT_EQ(producer_->DepthOf(Lane::kLoad)->entries, 1u);
  EXPECT_EQ(Take().size(), 1u);
}

TEST_F(RedisQueueTest, IsEmptiedForAnotherSchema) {
  ASSERT_SUCCEEDS(producer_->Open(Lsn{100}, "book=1\n"));
  Add(StreamBatch(100, 200));
  auto same = producer_->Open(Lsn{100}, "book=1\n");
  ASSERT_SUCCEEDS(same);
  EXPECT_EQ(same->value, 200u);
  auto other = producer_->Open(Lsn{100}, "author=1\nbook=1\n");
  ASSERT_SUCCEEDS(other);
  EXPECT_EQ(other->value, 100u);
  EXPECT_TRUE(Take().empty());
  EXPECT_EQ(producer_->LowWater()->value, 100u);
}

TEST_F(RedisQueueTest, NoticesARestartWithoutData) {
  Add(StreamBatch(100, 200));
  server_.Kill();
  EXPECT_FAILS(kRetry, producer_->LowWater());
  EXPECT_FAILS(kRetry, TakeBy(consumer_.get()));
  server_.Start();
  ExpectLost();
  EXPECT_FAILS(kReconnect, AfterReconnect([&] { return TakeBy(consumer_.get()); }));
}

TEST_F(RedisQueueTest, GoesOnAfterARestartWithAllData) {
  Add(StreamBatch(100, 200));
  Add(StreamBatch(200, 300));
  ASSERT_EQ(Take().size(), 2u);
  server_.SaveDump();
  server_.Kill();
  server_.Start();
  auto added =
      AfterReconnect([&] { return producer_->TryAdd(Lane::kStream, StreamBatch(300, 400)); });
  ASSERT_SUCCEEDS(added);
  EXPECT_EQ(producer_->LowWater()->value, 100u);
  auto taken = AfterReconnect([&] { return TakeBy(consumer_.get()); });
  ASSERT_SUCCEEDS(taken);
  EXPECT_EQ(taken->size() + Take().size(), 3u) << "a failed call gives back what was not done";
}

TEST_F(RedisQueueTest, BringsBackWhatCouldNotBeSaidToBeDone) {
  Add(StreamBatch(100, 200));
  producer_->Advance(Lsn{200});
  const std::vector<Entry> taken = Take();
  server_.SaveDump();
  server_.Kill();
  EXPECT_FAILS(kRetry, consumer_->Done(taken));
  server_.Start();
  EXPECT_EQ(AfterReconnect([&] { return producer_->LowWater(); })->value, 100u);
  const std::vector<Entry> again = Take();
  ASSERT_EQ(again.size(), 1u);
  ASSERT_SUCCEEDS(consumer_->Done(again));
  EXPECT_EQ(producer_->LowWater()->value, 200u);
}

TEST_F(RedisQueueTest, BringsBackWhatWasTakenWithoutAnAnswer) {
  Add(StreamBatch(100, 200));
  // As when the connection breaks after Redis has delivered: in this consumer's name, to nobody.
  Add(StreamBatch(200, 300));
  ASSERT_EQ(consumer_->Take(1, kNoWait)->size(), 1u);
  server_.Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_FAILS(kRetry, TakeBy(consumer_.get()));
  size_t again = Take().size();
  again += Take().size();
  EXPECT_EQ(again, 2u);
}

TEST_F(RedisQueueTest, NoticesARestartWithAnOldDump) {
  Add(StreamBatch(100, 200));
  server_.SaveDump();
  Add(StreamBatch(200, 300));
  producer_->Advance(Lsn{300});
  server_.Kill();
  server_.Start();
  ExpectLost();
  auto resume = producer_->Open(Lsn{100});
  ASSERT_SUCCEEDS(resume);
  EXPECT_EQ(resume->value, 200u) << "the dump still holds the first transaction";
  EXPECT_EQ(producer_->LowWater()->value, 100u);
  Add(StreamBatch(200, 300));
  consumer_ = queue_->NewConsumer("w");
  EXPECT_EQ(Take().size(), 2u);
}

TEST_F(RedisQueueTest, NoticesAnOldDumpThatLacksOnlyLoadEntries) {
  Add(StreamBatch(100, 200));
  server_.SaveDump();
  Add(Lane::kLoad, LoadBatch(0));
  server_.Kill();
  server_.Start();
  ExpectLost();
}

TEST_F(RedisQueueTest, DoesWorkAgainThatAnOldDumpBringsBack) {
  Add(StreamBatch(100, 200));
  server_.SaveDump();
  ASSERT_SUCCEEDS(consumer_->Done(Take()));
  server_.Kill();
  server_.Start();
  auto resume = AfterReconnect([&] { return producer_->Open(Lsn{200}); });
  ASSERT_SUCCEEDS(resume);
  EXPECT_EQ(resume->value, 200u);
  EXPECT_EQ(producer_->LowWater()->value, 200u) << "never below what the slot confirmed";
  consumer_ = queue_->NewConsumer("w");
  EXPECT_EQ(Take().size(), 1u);
}

TEST_F(RedisQueueTest, BringsBackWhatTheLivingHeldWhenItIsOpenedAgain) {
  Add(StreamBatch(100, 200));
  ASSERT_EQ(Take().size(), 1u);
  // As if its end had been taken back by an old dump, while the connection of its holder lives on.
  ASSERT_SUCCEEDS(producer_->Open(Lsn{100}));
  EXPECT_EQ(Take().size(), 1u);
}

TEST_F(RedisQueueTest, NoticesAnEvictedKey) {
  Add(StreamBatch(100, 200));
  for (const char* key : {"stream", "meta", "load"}) {
    server_.Command({"DEL", Key(key)});
    ExpectLost();
    auto resume = producer_->Open(Lsn{100});
    ASSERT_SUCCEEDS(resume);
    EXPECT_EQ(resume->value, 100u) << key;
    Add(StreamBatch(100, 200));
  }
  EXPECT_EQ(producer_->DepthOf(Lane::kStream)->entries, 1u);
}

TEST_F(RedisQueueTest, NoticesTrimmedEntries) {
  Add(StreamBatch(100, 200));
  Add(StreamBatch(200, 300));
  server_.Command({"XTRIM", Key("stream"), "MAXLEN", "1"});
  ExpectLost();
}

TEST_F(RedisQueueTest, NoticesALostGroup) {
  Add(StreamBatch(100, 200));
  server_.Command({"XGROUP", "DESTROY", Key("stream"), "workers"});
  EXPECT_FAILS(kReconnect, TakeBy(consumer_.get()));
  EXPECT_FAILS(kReconnect, producer_->LowWater());
  auto resume = producer_->Open(Lsn{100});
  ASSERT_SUCCEEDS(resume);
  EXPECT_EQ(resume->value, 100u);
}

TEST_F(RedisQueueTest, ClaimsWhatAnotherProcessLeftBehind) {
  EXPECT_TRUE(Take().empty());  // the search after SetUp's Open
  Add(StreamBatch(100, 200));
  auto other_process = NewQueue();
  auto other_consumer = other_process->NewConsumer("w");
  ASSERT_EQ(TakeBy(other_consumer.get())->size(), 1u);
  EXPECT_TRUE(Take().empty()) << "it may well be alive";
  ASSERT_SUCCEEDS(producer_->Open(Lsn{100}));
  EXPECT_EQ(Take().size(), 1u) << "who opens has the slot: the others are gone";
  EXPECT_TRUE(Take().empty());
}

TEST_F(RedisQueueTest, DoesNotClaimFromTheBusyOfThisProcess) {
  Add(StreamBatch(100, 200));
  auto busy = queue_->NewConsumer("busy");
  ASSERT_EQ(TakeBy(busy.get())->size(), 1u);
  ASSERT_SUCCEEDS(producer_->Open(Lsn{100}));
  EXPECT_TRUE(Take().empty());
}

TEST_F(RedisQueueTest, SurvivesForgottenScripts) {
  Add(StreamBatch(100, 200));
  server_.Command({"SCRIPT", "FLUSH"});
  Add(StreamBatch(200, 300));
  EXPECT_EQ(Take().size(), 2u);
}

TEST_F(RedisQueueTest, WaitsForMemoryAndStillFreesIt) {
  Add(StreamBatch(100, 200));
  const std::vector<Entry> taken = Take();
  server_.Command({"CONFIG", "SET", "maxmemory", "1"});
  auto refused = producer_->TryAdd(Lane::kStream, StreamBatch(200, 300));
  EXPECT_FAILS(kRetry, refused);
  EXPECT_NE(refused.error().message.find("OOM"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(Succeeds(consumer_->Done(taken)));
  server_.Command({"CONFIG", "SET", "maxmemory", "0"});
  Add(StreamBatch(200, 300));
  EXPECT_EQ(producer_->DepthOf(Lane::kStream)->entries, 1u);
}

TEST_F(RedisQueueTest, WaitsForAReplicaToBePromoted) {
  server_.Command({"REPLICAOF", "127.0.0.1", "1"});
  EXPECT_FAILS(kRetry, producer_->TryAdd(Lane::kStream, StreamBatch(100, 200)));
  server_.Command({"REPLICAOF", "NO", "ONE"});
  Add(StreamBatch(100, 200));
}

TEST_F(RedisQueueTest, RefusesWhatItCannotRead) {
  server_.Command({"XADD", Key("stream"), "*", "f", "100", "b", "not ours"});
  auto taken = TakeBy(consumer_.get());
  EXPECT_FAILS(kRefused, taken);
  EXPECT_NE(taken.error().message.find("redis-cli DEL"), std::string::npos);
}

TEST_F(RedisQueueTest, RefusesKeysOfAnotherKind) {
  server_.Command({"FLUSHALL"});
  server_.Command({"SET", Key("meta"), "something else"});
  EXPECT_FAILS(kRefused, producer_->Open(Lsn{100}));
}

TEST_F(RedisQueueTest, WorksOverTcpInAnotherDatabase) {
  RedisConfig config = server_.TcpConfig();
  config.database = 3;
  auto elsewhere = NewQueue(config);
  EXPECT_TRUE(Succeeds(elsewhere->Probe()));
  auto other_producer = elsewhere->NewProducer();
  ASSERT_SUCCEEDS(other_producer->Open(Lsn{500}));
  Add(StreamBatch(100, 200));
  EXPECT_EQ(other_producer->DepthOf(Lane::kStream)->entries, 0u);
  config.database = 9999;
  EXPECT_FAILS(kRefused, NewQueue(config)->Probe());
}

TEST_F(RedisQueueTest, RefusesABadLoginWithoutShowingIt) {
  server_.Command({"ACL", "SETUSER", "default", ">right"});
  RedisConfig config = server_.TcpConfig();
  auto without = NewQueue(config)->Probe();
  EXPECT_FAILS(kRefused, without);
  config.password = "wrong-secret";
  auto wrong = NewQueue(config)->Probe();
  EXPECT_FAILS(kRefused, wrong);
  EXPECT_EQ(wrong.error().message.find("wrong-secret"), std::string::npos);
  EXPECT_NE(wrong.error().message.find("--queue"), std::string::npos);
  config.password = "right";
  EXPECT_TRUE(Succeeds(NewQueue(config)->Probe()));
}

TEST_F(RedisQueueTest, RefusesAUserWithoutPermission) {
  server_.Command({"ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@read", "+info"});
  RedisConfig config = server_.Config();
  config.user = "reader";
  config.password = "secret";
  auto probe = NewQueue(config)->Probe();
  EXPECT_FAILS(kRefused, probe);
  EXPECT_NE(probe.error().message.find("ACL SETUSER reader"), std::string::npos);
}

TEST_F(RedisQueueTest, SaysWhatToDoWhenThereIsNoRedis) {
  server_.Kill();
  for (const RedisConfig& config : {server_.Config(), server_.TcpConfig()}) {
    auto probe = NewQueue(config)->Probe();
    EXPECT_FAILS(kRefused, probe);
    EXPECT_NE(probe.error().message.find("--queue memory:"), std::string::npos);
  }
}

}  // namespace
}  // namespace queue
