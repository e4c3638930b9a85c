#include "consumer/progress/chunk_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace progress {
namespace {

using Chunks = std::vector<uint32_t>;

model::LoadProgress Stored(const ChunkTracker& tracker) {
  model::LoadProgress progress;
  tracker.Store(&progress);
  return progress;
}

TEST(ChunkTracker, StoresTheGapsAndNotEverything) {
  ChunkTracker tracker;
  for (uint32_t chunk : {4, 0, 2, 1, 6}) EXPECT_TRUE(tracker.MarkDone(chunk));
  EXPECT_EQ(Stored(tracker).done_below, 3u);
  EXPECT_EQ(Stored(tracker).done_above, (Chunks{4, 6}));
  EXPECT_EQ(tracker.FirstUnfinished(), 3u);
  EXPECT_EQ(tracker.DoneCount(), 5u);
  EXPECT_EQ(tracker.NextUnfinished(0), 3u);
  EXPECT_EQ(tracker.NextUnfinished(4), 5u);
  EXPECT_EQ(tracker.NextUnfinished(6), 7u);
  EXPECT_EQ(tracker.NextUnfinished(100), 100u);
}

TEST(ChunkTracker, TellsWhatWasDoneAlready) {
  ChunkTracker tracker;
  EXPECT_TRUE(tracker.MarkDone(0));
  EXPECT_FALSE(tracker.MarkDone(0));
  EXPECT_TRUE(tracker.MarkDone(2));
  EXPECT_FALSE(tracker.MarkDone(2));
  EXPECT_TRUE(tracker.IsDone(0));
  EXPECT_FALSE(tracker.IsDone(1));
  EXPECT_TRUE(tracker.IsDone(2));
}

TEST(ChunkTracker, LeavesTheOtherFieldsAlone) {
  model::LoadProgress progress;
  progress.plan = "p";
  progress.documents = 7;
  progress.done_above = {9};
  ChunkTracker().Store(&progress);
  EXPECT_EQ(progress.plan, "p");
  EXPECT_EQ(progress.documents, 7u);
  EXPECT_TRUE(progress.done_above.empty());
}

TEST(ChunkTracker, ByKeyGoesOnBelowTheFirstGap) {
  ChunkTracker tracker;
  EXPECT_TRUE(tracker.MarkDoneThroughKey(2, "[\"30\"]"));
  EXPECT_EQ(Stored(tracker).last_key_json, "");
  EXPECT_TRUE(tracker.MarkDoneThroughKey(0, "[\"10\"]"));
  EXPECT_EQ(Stored(tracker).last_key_json, "[\"10\"]");
  EXPECT_EQ(Stored(tracker).done_below, 1u);
  EXPECT_TRUE(Stored(tracker).done_above.empty()) << "another run cuts elsewhere";
  EXPECT_TRUE(tracker.IsDone(2)) << "this run knows";
  EXPECT_TRUE(tracker.MarkDoneThroughKey(1, "[\"20\"]"));
  EXPECT_EQ(Stored(tracker).last_key_json, "[\"30\"]");
  EXPECT_EQ(Stored(tracker).done_below, 3u);
}

// Chunks finish in any order, some twice, and the process is killed now and then: nothing done is
// lost or invented.
TEST(ChunkTracker, SurvivesAnyOrderAndRestarts) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::minstd_rand random(seed);
  for (int run = 0; run < 200; ++run) {
    Chunks order(1 + random() % 60);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    ChunkTracker tracker;
    std::set<uint32_t> done;
    for (uint32_t chunk : order) {
      EXPECT_EQ(tracker.MarkDone(chunk), done.insert(chunk).second);
      if (random() % 4 == 0) {
        EXPECT_FALSE(tracker.MarkDone(*std::next(done.begin(), random() % done.size())));
      }
      if (random() % 8 == 0) tracker = ChunkTracker(Stored(tracker));
      uint32_t first_gap = 0;
      while (done.contains(first_gap)) ++first_gap;
      ASSERT_EQ(tracker.FirstUnfinished(), first_gap);
      ASSERT_EQ(tracker.DoneCount(), done.size());
      for (uint32_t any = 0; any < order.size(); ++any) {
        ASSERT_EQ(tracker.IsDone(any), done.contains(any));
      }
    }
    EXPECT_EQ(Stored(tracker).done_below, order.size());
    EXPECT_TRUE(Stored(tracker).done_above.empty());
  }
}

}  // namespace
}  // namespace progress
