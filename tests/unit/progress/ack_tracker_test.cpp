#include "consumer/progress/ack_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace progress {
namespace {

using base::Lsn;

TEST(AckTracker, StartsAtNothing) { EXPECT_EQ(AckTracker().LowWater(), Lsn{0}); }

TEST(AckTracker, HoldsBackAtFirstGap) {
  AckTracker tracker;
  const auto first = tracker.Enter(Lsn{10});
  const auto second = tracker.Enter(Lsn{20});
  const auto third = tracker.Enter(Lsn{30});
  tracker.Advance(Lsn{40});
  EXPECT_EQ(tracker.LowWater(), Lsn{10});
  tracker.Finish(second);
  EXPECT_EQ(tracker.LowWater(), Lsn{10});
  tracker.Finish(first);
  EXPECT_EQ(tracker.LowWater(), Lsn{30});
  tracker.Finish(third);
  EXPECT_EQ(tracker.LowWater(), Lsn{40});
}

TEST(AckTracker, DoesNotPassWorkByAdvancing) {
  AckTracker tracker;
  const auto work = tracker.Enter(Lsn{10});
  tracker.Advance(Lsn{1000});
  EXPECT_EQ(tracker.LowWater(), Lsn{10});
  tracker.Finish(work);
  EXPECT_EQ(tracker.LowWater(), Lsn{1000});
}

TEST(AckTracker, NeverGoesBack) {
  AckTracker tracker;
  tracker.Advance(Lsn{100});
  tracker.Advance(Lsn{50});
  EXPECT_EQ(tracker.LowWater(), Lsn{100});
  tracker.Enter(Lsn{70});
  EXPECT_EQ(tracker.LowWater(), Lsn{100});
}

TEST(AckTracker, IgnoresFinishingTwiceAndTheUnknown) {
  AckTracker tracker;
  const auto first = tracker.Enter(Lsn{10});
  const auto second = tracker.Enter(Lsn{20});
  tracker.Finish(second);
  tracker.Finish(second);
  tracker.Finish(4711);
  EXPECT_EQ(tracker.Unfinished(), 1u);
  tracker.Finish(first);
  tracker.Finish(first);
  EXPECT_EQ(tracker.Unfinished(), 0u);
  const auto third = tracker.Enter(Lsn{30});
  tracker.Finish(first);
  EXPECT_EQ(tracker.Unfinished(), 1u);
  tracker.Finish(third);
  EXPECT_EQ(tracker.Unfinished(), 0u);
}

// Against the definition, written down naively.
TEST(AckTracker, EqualsTheDefinitionInAnyInterleaving) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::minstd_rand random(seed);
  for (int run = 0; run < 200; ++run) {
    AckTracker tracker;
    std::map<AckTracker::Ticket, uint64_t> unfinished;  // in order of entering
    uint64_t position = 0, advanced = 0, best = 0;
    for (int step = 0; step < 300; ++step) {
      switch (random() % 4) {
        case 0:
        case 1:
          position += random() % 3;
          unfinished[tracker.Enter(Lsn{position})] = position;
          break;
        case 2:
          if (unfinished.empty()) break;
          {
            auto any = std::next(unfinished.begin(), random() % unfinished.size());
            tracker.Finish(any->first);
            unfinished.erase(any);
          }
          break;
        default:
          position += random() % 5;
          advanced = position;
          tracker.Advance(Lsn{position});
      }
      best = std::max(best, unfinished.empty() ? advanced : unfinished.begin()->second);
      ASSERT_EQ(tracker.LowWater().value, best) << "run " << run << " step " << step;
      ASSERT_EQ(tracker.Unfinished(), unfinished.size());
    }
  }
}

}  // namespace
}  // namespace progress
