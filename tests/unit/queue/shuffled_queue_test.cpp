// MakeShuffledQueue: what the tests of the order rely on. Everything comes, in another order, some
// of it twice, and nothing counts as done before its last time.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "consumer/queue/queue.h"
#include "tests/unit/queue/batches.h"

namespace queue {
namespace {

constexpr uint64_t kEntries = 200;

TEST(ShuffledQueue, GivesEverythingInAnotherOrderAndSomeTwice) {
  const auto queue = MakeShuffledQueue(MakeMemoryQueue({}), 7);
  const auto producer = queue->NewProducer();
  const auto consumer = queue->NewConsumer("w");
  ASSERT_SUCCEEDS(producer->Open(base::Lsn{100}));
  for (uint64_t i = 0; i < kEntries; ++i) {
    auto added = producer->TryAdd(Lane::kStream, StreamBatch(100 + i, 101 + i));
    ASSERT_SUCCEEDS(added);
    ASSERT_TRUE(*added);
  }
  producer->Advance(base::Lsn{100 + kEntries});

  std::map<uint64_t, int> times;
  std::vector<uint64_t> order;
  while (true) {
    auto entries = consumer->Take(64, kNoWait);
    ASSERT_SUCCEEDS(entries);
    if (entries->empty()) break;
    for (const Entry& entry : *entries) {
      ++times[entry.batch.floor.value];
      order.push_back(entry.batch.floor.value);
    }
    ASSERT_TRUE(consumer->Done(*entries));
    // What was not given yet holds the low water.
    const auto low = producer->LowWater();
    ASSERT_SUCCEEDS(low);
    uint64_t first_missing = 100;
    while (times.contains(first_missing)) ++first_missing;
    EXPECT_LE(low->value, first_missing);
  }

  EXPECT_EQ(times.size(), kEntries);
  EXPECT_GT(order.size(), kEntries + kEntries / 10);
  EXPECT_LE(order.size(), 2 * kEntries);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  const auto low = producer->LowWater();
  ASSERT_SUCCEEDS(low);
  EXPECT_EQ(low->value, 100 + kEntries);
}

TEST(ShuffledQueue, GivesRangesOfTheLoadOneByOne) {
  const auto queue = MakeShuffledQueue(MakeMemoryQueue({}), 3);
  const auto producer = queue->NewProducer();
  const auto consumer = queue->NewConsumer("w");
  ASSERT_SUCCEEDS(producer->Open(base::Lsn{100}));
  for (uint32_t chunk = 0; chunk < 20; ++chunk) {
    ASSERT_SUCCEEDS(producer->TryAdd(Lane::kLoad, LoadBatch(chunk)));
  }
  std::map<uint32_t, int> times;
  while (true) {
    auto entries = consumer->Take(kMany, kNoWait);
    ASSERT_SUCCEEDS(entries);
    if (entries->empty()) break;
    ASSERT_EQ(entries->size(), 1u);
    ++times[entries->front().batch.ranges.front().chunk];
    ASSERT_TRUE(consumer->Done(*entries));
  }
  EXPECT_EQ(times.size(), 20u);
}

}  // namespace
}  // namespace queue
