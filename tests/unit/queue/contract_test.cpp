// The contract of queue.h, for every implementation of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "consumer/queue/queue.h"
#include "consumer/wire/batch_codec.h"
#include "tests/unit/queue/batches.h"
#include "tests/unit/queue/redis_server.h"

namespace queue {
namespace {

using base::Lsn;
using std::chrono::milliseconds;

class QueueContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { Make({}); }

  void Make(Limits limits) {
    consumer_.reset();
    producer_.reset();
    if (GetParam() == "memory") {
      queue_ = MakeMemoryQueue(limits);
    } else {
      server_.reset();
      server_ = std::make_unique<RedisServer>();
      queue_ = MakeRedisQueue(server_->Config(), "7000000000000000001", "bookstore", limits);
    }
    producer_ = queue_->NewProducer();
    consumer_ = queue_->NewConsumer("w");
    ASSERT_SUCCEEDS(producer_->Open(Lsn{100}));
  }

  void Add(Lane lane, const model::Batch& batch) {
    auto added = producer_->TryAdd(lane, batch);
    ASSERT_SUCCEEDS(added);
    ASSERT_TRUE(*added) << "the lane is full";
  }
  bool IsAdded(Lane lane, const model::Batch& batch) {
    auto added = producer_->TryAdd(lane, batch);
    EXPECT_TRUE(Succeeds(added));
    return added.ok() && *added;
  }
  std::vector<Entry> Take(size_t max_bytes = kMany) { return TakeBy(consumer_.get(), max_bytes); }
  static std::vector<Entry> TakeBy(Consumer* consumer, size_t max_bytes = kMany) {
    auto entries = consumer->Take(max_bytes, kNoWait);
    EXPECT_TRUE(Succeeds(entries));
    return entries.ok() ? *std::move(entries) : std::vector<Entry>();
  }
  uint64_t LowWater() {
    auto lsn = producer_->LowWater();
    EXPECT_TRUE(Succeeds(lsn));
    return lsn.ok() ? lsn->value : 0;
  }

  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<Queue> queue_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Consumer> consumer_;
};

INSTANTIATE_TEST_SUITE_P(Queues, QueueContract, testing::Values("memory", "redis"),
                         [](const auto& info) { return info.param; });

TEST_P(QueueContract, CanBeProbed) { EXPECT_TRUE(Succeeds(queue_->Probe())); }

TEST_P(QueueContract, GivesWhatWasAddedInItsOrder) {
  std::vector<std::string> added;
  for (uint64_t i = 0; i < 50; ++i) {
    model::Batch batch = StreamBatch(100 + i * 10, 110 + i * 10, std::string(1, 'a' + i % 26));
    batch.rebuilds.push_back({static_cast<uint32_t>(i), i % 2 == 0});
    added.push_back(wire::PackBatch(batch));
    Add(Lane::kStream, batch);
  }
  std::vector<std::string> taken;
  for (const Entry& entry : Take()) taken.push_back(wire::PackBatch(entry.batch));
  EXPECT_EQ(taken, added);
}

TEST_P(QueueContract, GivesEveryEntryToOneConsumerOnly) {
  auto other = queue_->NewConsumer("other");
  Add(Lane::kStream, StreamBatch(100, 110));
  EXPECT_EQ(Take().size(), 1u);
  EXPECT_TRUE(TakeBy(other.get()).empty());
}

TEST_P(QueueContract, TakesNoMoreBytesThanAskedFor) {
  for (uint64_t i = 0; i < 10; ++i) {
    Add(Lane::kStream, StreamBatch(100 + i * 10, 110 + i * 10, std::string(1000, 'x')));
  }
  EXPECT_EQ(Take(1).size(), 1u);
  const size_t some = Take(3500).size();
  EXPECT_GE(some, 3u);
  EXPECT_LE(some, 4u);
}

TEST_P(QueueContract, TakesTheStreamsLaneFirstAndNeverMixes) {
  Add(Lane::kLoad, LoadBatch(0));
  Add(Lane::kStream, StreamBatch(100, 110));
  auto first = Take();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].lane, Lane::kStream);
  auto second = Take();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].lane, Lane::kLoad);
  EXPECT_EQ(second[0].batch.ranges, LoadBatch(0).ranges);
}

TEST_P(QueueContract, TakesOneRangeOfTheLoadAtATime) {
  Add(Lane::kLoad, LoadBatch(0));
  Add(Lane::kLoad, LoadBatch(1));
  EXPECT_EQ(Take().size(), 1u);
  EXPECT_EQ(Take().size(), 1u);
}

TEST_P(QueueContract, RefusesWhatExceedsTheLimitUntilSomethingIsDone) {
  Make({.stream_bytes = 5000, .load_bytes = 5000});
  uint64_t added = 0;
  const std::string kilobyte(1000, 'x');
  while (IsAdded(Lane::kStream, StreamBatch(100 + added * 10, 110 + added * 10, kilobyte))) {
    ASSERT_LT(++added, 10u);
  }
  EXPECT_EQ(added, 4u);
  const std::vector<Entry> taken = Take();
  EXPECT_EQ(taken.size(), added);
  EXPECT_FALSE(IsAdded(Lane::kStream, StreamBatch(200, 210, kilobyte))) << "taken is not done";
  ASSERT_SUCCEEDS(consumer_->Done({taken[0]}));
  EXPECT_TRUE(IsAdded(Lane::kStream, StreamBatch(200, 210, kilobyte)));
  EXPECT_FALSE(IsAdded(Lane::kStream, StreamBatch(210, 220, kilobyte)));
}

TEST_P(QueueContract, AcceptsOneBatchLargerThanTheLimit) {
  Make({.stream_bytes = 1000, .load_bytes = 1000});
  EXPECT_TRUE(IsAdded(Lane::kStream, StreamBatch(100, 110, std::string(5000, 'x'))));
  EXPECT_FALSE(IsAdded(Lane::kStream, StreamBatch(110, 120)));
  ASSERT_SUCCEEDS(consumer_->Done(Take()));
  EXPECT_TRUE(IsAdded(Lane::kStream, StreamBatch(110, 120)));
}

TEST_P(QueueContract, BoundsTheLanesApart) {
  Make({.stream_bytes = 100, .load_bytes = 100});
  EXPECT_TRUE(IsAdded(Lane::kStream, StreamBatch(100, 110, std::string(200, 'x'))));
  EXPECT_TRUE(IsAdded(Lane::kLoad, LoadBatch(0)));
  while (IsAdded(Lane::kLoad, LoadBatch(1))) {
  }
  EXPECT_FALSE(IsAdded(Lane::kStream, StreamBatch(110, 120)));
}

TEST_P(QueueContract, CountsItsDepth) {
  Add(Lane::kStream, StreamBatch(100, 110));
  Add(Lane::kStream, StreamBatch(110, 120));
  Add(Lane::kLoad, LoadBatch(0));
  auto depth = producer_->DepthOf(Lane::kStream);
  ASSERT_SUCCEEDS(depth);
  EXPECT_EQ(depth->entries, 2u);
  // Packed as they are, not as large as they could be: that is what the limits are of.
  EXPECT_EQ(depth->bytes, wire::PackBatch(StreamBatch(100, 110)).size() +
                              wire::PackBatch(StreamBatch(110, 120)).size());
  EXPECT_EQ(producer_->DepthOf(Lane::kLoad)->entries, 1u);
  ASSERT_SUCCEEDS(consumer_->Done(Take()));
  depth = producer_->DepthOf(Lane::kStream);
  ASSERT_SUCCEEDS(depth);
  EXPECT_EQ(depth->entries, 0u);
  EXPECT_EQ(depth->bytes, 0u);
}

TEST_P(QueueContract, WaitsForAFirstEntryOnlyAsLongAsAsked) {
  const auto start = std::chrono::steady_clock::now();
  auto nothing = consumer_->Take(kMany, milliseconds(50));
  ASSERT_SUCCEEDS(nothing);
  EXPECT_TRUE(nothing->empty());
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(40));
}

TEST_P(QueueContract, WakesUpForAnEntry) {
  for (Lane lane : {Lane::kStream, Lane::kLoad}) {
    const auto start = std::chrono::steady_clock::now();
    std::thread waiting([&] {
      auto entries = consumer_->Take(kMany, std::chrono::seconds(60));
      ASSERT_SUCCEEDS(entries);
      ASSERT_EQ(entries->size(), 1u);
      EXPECT_EQ(entries->front().lane, lane);
      EXPECT_TRUE(Succeeds(consumer_->Done(*entries)));
    });
    Add(lane, lane == Lane::kStream ? StreamBatch(100, 110) : LoadBatch(0));
    waiting.join();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  }
}

TEST_P(QueueContract, DeliversAgainWhatADeadWorkerTook) {
  for (uint64_t i = 0; i < 12; ++i) Add(Lane::kStream, StreamBatch(100 + i, 101 + i));
  Add(Lane::kLoad, LoadBatch(7));
  {
    auto dies = queue_->NewConsumer("dies");
    EXPECT_EQ(TakeBy(dies.get()).size(), 12u);
    EXPECT_EQ(TakeBy(dies.get()).size(), 1u);
    EXPECT_TRUE(Take().empty());
  }
  std::vector<Entry> again = Take();
  ASSERT_EQ(again.size(), 12u);
  for (uint64_t i = 0; i < 12; ++i) EXPECT_EQ(again[i].batch.floor.value, 100 + i);
  EXPECT_EQ(LowWater(), 100u);
  std::vector<Entry> load = Take();
  ASSERT_EQ(load.size(), 1u);
  EXPECT_EQ(load[0].batch.ranges[0].chunk, 7u);
  EXPECT_TRUE(Take().empty());
}

TEST_P(QueueContract, IgnoresDoneOfWhatItDoesNotKnow) {
  Add(Lane::kStream, StreamBatch(100, 110));
  Entry unknown;
  unknown.id = "4711-1";
  EXPECT_TRUE(Succeeds(consumer_->Done({unknown})));
  EXPECT_TRUE(Succeeds(consumer_->Done({})));
  const std::vector<Entry> taken = Take();
  EXPECT_TRUE(Succeeds(consumer_->Done(taken)));
  EXPECT_TRUE(Succeeds(consumer_->Done(taken)));
  EXPECT_EQ(producer_->DepthOf(Lane::kStream)->entries, 0u);
  EXPECT_EQ(producer_->DepthOf(Lane::kStream)->bytes, 0u);
}

TEST_P(QueueContract, LowWaterIsTheFloorOfTheOldestUnfinishedElseTheLastAdvance) {
  EXPECT_EQ(LowWater(), 100u);
  producer_->Advance(Lsn{120});
  EXPECT_EQ(LowWater(), 120u);
  Add(Lane::kStream, StreamBatch(130, 140));
  Add(Lane::kStream, StreamBatch(140, 150));
  Add(Lane::kStream, StreamBatch(150, 160));
  producer_->Advance(Lsn{170});
  EXPECT_EQ(LowWater(), 130u);
  const std::vector<Entry> taken = Take();
  ASSERT_EQ(taken.size(), 3u);
  ASSERT_SUCCEEDS(consumer_->Done({taken[1]}));
  EXPECT_EQ(LowWater(), 130u) << "the oldest is not done";
  ASSERT_SUCCEEDS(consumer_->Done({taken[0]}));
  EXPECT_EQ(LowWater(), 150u);
  ASSERT_SUCCEEDS(consumer_->Done({taken[2]}));
  EXPECT_EQ(LowWater(), 170u);
  producer_->Advance(Lsn{160});
  Add(Lane::kStream, StreamBatch(160, 180));
  EXPECT_EQ(LowWater(), 170u) << "never back";
}

TEST_P(QueueContract, LoadDoesNotHoldBackLowWater) {
  Add(Lane::kLoad, LoadBatch(0));
  producer_->Advance(Lsn{500});
  EXPECT_EQ(LowWater(), 500u);
}

TEST_P(QueueContract, ResumesAfterTheLastCompleteTransaction) {
  Add(Lane::kStream, StreamBatch(100, 200));
  model::Batch part = StreamBatch(200, 301);
  part.complete_through.value = 200;  // the transaction that commits at 300 is here in part
  Add(Lane::kStream, part);
  producer_ = queue_->NewProducer();
  auto resume = producer_->Open(Lsn{150});
  ASSERT_SUCCEEDS(resume);
  EXPECT_EQ(resume->value, 200u);
  EXPECT_EQ(LowWater(), 150u) << "what is in the queue is not done";
  Add(Lane::kStream, part);
  Add(Lane::kStream, StreamBatch(200, 301));
  EXPECT_EQ(Take().size(), 4u) << "the part again: harmless";
}

TEST_P(QueueContract, ResumesWhereTheSlotIsWhenThatIsFurther) {
  Add(Lane::kStream, StreamBatch(100, 200));
  ASSERT_SUCCEEDS(consumer_->Done(Take()));
  auto resume = producer_->Open(Lsn{900});
  ASSERT_SUCCEEDS(resume);
  EXPECT_EQ(resume->value, 900u);
  EXPECT_EQ(LowWater(), 900u);
}

TEST_P(QueueContract, TellsAProducerThatAnotherTookOver) {
  Add(Lane::kStream, StreamBatch(100, 200));
  auto second = queue_->NewProducer();
  ASSERT_SUCCEEDS(second->Open(Lsn{100}));
  EXPECT_FAILS(kReconnect, producer_->TryAdd(Lane::kStream, StreamBatch(200, 300)));
  EXPECT_FAILS(kReconnect, producer_->LowWater());
  EXPECT_FAILS(kReconnect, producer_->ClearLoad());
  EXPECT_TRUE(Succeeds(second->TryAdd(Lane::kStream, StreamBatch(200, 300))));
}

TEST_P(QueueContract, NeedsOpenFirst) {
  auto unopened = queue_->NewProducer();
  EXPECT_FAILS(kReconnect, unopened->TryAdd(Lane::kStream, StreamBatch(200, 300)));
  EXPECT_FAILS(kReconnect, unopened->LowWater());
}

TEST_P(QueueContract, ClearsTheLoadAndOnlyThat) {
  Add(Lane::kStream, StreamBatch(100, 110));
  Add(Lane::kLoad, LoadBatch(0));
  Add(Lane::kLoad, LoadBatch(1));
  const std::vector<Entry> stream = Take();
  const std::vector<Entry> old_load = Take(1);
  ASSERT_SUCCEEDS(producer_->ClearLoad());
  EXPECT_EQ(producer_->DepthOf(Lane::kLoad)->entries, 0u);
  EXPECT_EQ(producer_->DepthOf(Lane::kLoad)->bytes, 0u);
  EXPECT_EQ(producer_->DepthOf(Lane::kStream)->entries, 1u);
  Add(Lane::kLoad, LoadBatch(0));
  ASSERT_SUCCEEDS(consumer_->Done(old_load));
  EXPECT_EQ(producer_->DepthOf(Lane::kLoad)->entries, 1u) << "the new plan's chunk is not done";
  EXPECT_EQ(Take().size(), 1u);
}

TEST_P(QueueContract, DropsEverything) {
  Add(Lane::kStream, StreamBatch(100, 200));
  Add(Lane::kLoad, LoadBatch(0));
  ASSERT_SUCCEEDS(queue_->Drop());
  EXPECT_FAILS(kReconnect, producer_->TryAdd(Lane::kStream, StreamBatch(200, 300)));
  auto resume = producer_->Open(Lsn{50});
  ASSERT_SUCCEEDS(resume);
  EXPECT_EQ(resume->value, 50u);
  EXPECT_TRUE(Take().empty());
}

// The invariant: whatever workers do and die of, a position that LowWater gives has everything
// before it done.
TEST_P(QueueContract, LowWaterNeverPassesUnfinishedWork) {
  constexpr uint64_t kBatches = 1500;
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Make({.stream_bytes = 4000, .load_bytes = 1000});
  std::vector<std::atomic<bool>> done(kBatches);
  std::atomic<uint64_t> finished{0};

  const auto work = [&](uint32_t number) {
    std::minstd_rand random(seed + number);
    auto consumer = queue_->NewConsumer("w" + std::to_string(number));
    while (finished < kBatches) {
      auto entries = consumer->Take(1 + random() % 500, milliseconds(5));
      ASSERT_SUCCEEDS(entries);
      if (random() % 10 == 0) {
        consumer = queue_->NewConsumer("w" + std::to_string(number));  // died with what it took
        continue;
      }
      std::shuffle(entries->begin(), entries->end(), random);
      for (const Entry& entry : *entries) {
        if (!done[entry.batch.floor.value / 10 - 10].exchange(true)) ++finished;
        ASSERT_SUCCEEDS(consumer->Done({entry}));
      }
    }
  };
  std::atomic<bool> watching{true};
  std::thread watcher([&] {
    uint64_t before = 100;
    while (watching) {
      auto low = producer_->LowWater();
      ASSERT_SUCCEEDS(low);
      ASSERT_GE(low->value, before);
      for (uint64_t i = before; i < low->value; i += 10) {
        ASSERT_TRUE(done[i / 10 - 10])
            << "batch at " << i << " is not done, low water is " << low->value;
      }
      before = low->value;
    }
  });
  std::vector<std::thread> workers;
  for (uint32_t i = 0; i < 3; ++i) workers.emplace_back(work, i);
  for (uint64_t i = 0; i < kBatches; ++i) {
    for (;;) {
      auto added = producer_->TryAdd(Lane::kStream, StreamBatch(100 + i * 10, 110 + i * 10));
      ASSERT_SUCCEEDS(added);
      if (*added) break;
      std::this_thread::yield();
    }
    producer_->Advance(Lsn{110 + i * 10});
  }
  for (std::thread& worker : workers) worker.join();
  watching = false;
  watcher.join();
  // What was counted by a worker that died before it could tell.
  for (auto left = Take(); !left.empty(); left = Take()) ASSERT_SUCCEEDS(consumer_->Done(left));
  EXPECT_EQ(LowWater(), 100 + kBatches * 10);
}

}  // namespace
}  // namespace queue
