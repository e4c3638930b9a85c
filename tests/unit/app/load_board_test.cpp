// What a killed load goes on from.
#include "consumer/app/load_board.h"

#include <gtest/gtest.h>

namespace app {
namespace {

model::LoadRange Chunk(uint32_t chunk) {
  model::LoadRange range;
  range.chunk = chunk;
  return range;
}

TEST(LoadBoard, GoesOnAtTheFirstGap) {
  LoadBoard board({model::LoadProgress{}});
  board.SetPlan(0, "pages/10 1/2/40", 4);
  board.MarkDone(Chunk(0), 5);
  board.MarkDone(Chunk(2), 7);
  const model::LoadProgress stored = board.Progress(0);
  EXPECT_EQ(stored.done_below, 1u);
  EXPECT_EQ(stored.done_above, std::vector<uint32_t>{2});
  EXPECT_EQ(stored.documents, 12u);

  LoadBoard next({stored});
  next.SetPlan(0, "pages/10 1/2/40", 4);
  EXPECT_EQ(next.NextUnfinished(0, 0), 1u);
  EXPECT_EQ(next.NextUnfinished(0, 2), 3u);
  next.MarkDone(Chunk(1), 1);
  next.MarkDone(Chunk(3), 1);
  EXPECT_TRUE(next.WaitAllDone(0, std::chrono::milliseconds(0)));
}

TEST(LoadBoard, AnotherPlanForgetsWhatWasDone) {
  model::LoadProgress stored;
  stored.plan = "pages/10 1/2/40";
  stored.chunks = 4;
  stored.done_below = 3;
  LoadBoard board({stored});
  board.SetPlan(0, "pages/10 1/99/40", 4);
  EXPECT_EQ(board.NextUnfinished(0, 0), 0u);
}

TEST(LoadBoard, ChunkThatIsDoneTwiceCountsOnce) {
  LoadBoard board({model::LoadProgress{}});
  board.SetPlan(0, "p", 2);
  board.MarkDone(Chunk(0), 5);
  const uint64_t revision = board.Revision();
  board.MarkDone(Chunk(0), 5);
  EXPECT_EQ(board.Progress(0).documents, 5u);
  EXPECT_EQ(board.Revision(), revision);
}

TEST(LoadBoard, KeysSurviveJson) {
  const std::vector<std::string> key = {"a\"b", "", "ü|\n"};
  EXPECT_EQ(KeyFromJson(KeyToJson(key)), key);
  EXPECT_TRUE(KeyFromJson("no json").empty());
}

}  // namespace
}  // namespace app
