// What an operator reads of a load: documents, share, rate, time left.
#include "consumer/progress/load_estimate.h"

#include <gtest/gtest.h>

namespace progress {
namespace {

using std::chrono::seconds;

model::LoadProgress Load(uint32_t chunks, uint32_t done, uint64_t documents, uint64_t expected) {
  model::LoadProgress load;
  load.chunks = chunks;
  load.done_below = done;
  load.documents = documents;
  load.expected = expected;
  return load;
}

TEST(LoadEstimate, BeforeTheFirstChunkThePlannerIsBelieved) {
  const LoadEstimate estimate = EstimateOf(Load(10, 0, 0, 5000));
  EXPECT_EQ(estimate.total, 5000u);
  EXPECT_EQ(estimate.share, 0.0);
  EXPECT_EQ(ToText(estimate, 0), "0 of about 5,000 documents (0 %)");
}

TEST(LoadEstimate, ThenTheChunksTell) {
  // A filter leaves a fifth of the rows that the planner counts.
  const LoadEstimate estimate = EstimateOf(Load(10, 4, 400'000, 5'000'000));
  EXPECT_EQ(estimate.total, 1'000'000u);
  EXPECT_DOUBLE_EQ(*estimate.share, 0.4);
  EXPECT_EQ(ToText(estimate, 10'000),
            "400,000 of about 1,000,000 documents (40 %), 10,000/s, 1:00 left");
}

TEST(LoadEstimate, ChunksBeyondTheGapCount) {
  model::LoadProgress load = Load(10, 1, 20, 0);
  load.done_above = {3};
  EXPECT_EQ(EstimateOf(load).total, 100u);
}

TEST(LoadEstimate, ByKeyNobodyKnowsTheChunks) {
  const LoadEstimate estimate = EstimateOf(Load(UINT32_MAX, 3, 300, 1200));
  EXPECT_EQ(estimate.total, 1200u);
  EXPECT_DOUBLE_EQ(*estimate.share, 0.25);
  const LoadEstimate unknown = EstimateOf(Load(UINT32_MAX, 3, 300, 0));
  EXPECT_EQ(ToText(unknown, 30), "300 documents, 30/s");
  EXPECT_EQ(TimeLeft(unknown, 30), std::nullopt);
  // More than estimated: what there is, is there.
  EXPECT_EQ(EstimateOf(Load(UINT32_MAX, 3, 1300, 1200)).total, 1300u);
}

TEST(LoadEstimate, Complete) {
  model::LoadProgress load = Load(10, 10, 77, 100);
  load.complete = true;
  EXPECT_EQ(EstimateOf(load).total, 77u);
  EXPECT_EQ(TimeLeft(EstimateOf(load), 5), seconds(0));
}

TEST(LoadEstimate, LongTimesHaveHours) {
  EXPECT_EQ(ToText(EstimateOf(Load(100, 1, 100, 0)), 1),
            "100 of about 10,000 documents (1 %), 1/s, 2:45:00 left");
}

TEST(RecentRate, ForgetsWhatIsLongAgo) {
  RecentRate rate;
  RecentRate::Clock::time_point now{};
  EXPECT_EQ(rate.PerSecond(), 0);
  uint64_t documents = 0;
  for (int i = 0; i <= 20; ++i) rate.Add(documents += 100, now += seconds(1));
  EXPECT_DOUBLE_EQ(rate.PerSecond(), 100);
  for (int i = 0; i < 20; ++i) rate.Add(documents, now += seconds(1));
  EXPECT_EQ(rate.PerSecond(), 0) << "it stands still";
  rate.Add(5, now += seconds(1));
  rate.Add(25, now += seconds(2));
  EXPECT_DOUBLE_EQ(rate.PerSecond(), 10) << "it began again";
}

}  // namespace
}  // namespace progress
