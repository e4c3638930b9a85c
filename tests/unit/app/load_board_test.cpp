// What a killed load goes on from.
#include "consumer/app/load_board.h"

#include <gtest/gtest.h>

namespace app {
namespace {

model::LoadRange Chunk(uint32_t chunk, uint32_t cut) {
  model::LoadRange range;
  range.chunk = chunk;
  range.cut = cut;
  return range;
}

TEST(LoadBoard, GoesOnAtTheFirstGap) {
  LoadBoard board({model::LoadProgress{}});
  const uint32_t cut = board.SetPlan(0, "pages/10 1/2/40", 4, false);
  board.MarkDone(Chunk(0, cut), 5);
  board.MarkDone(Chunk(2, cut), 7);
  const model::LoadProgress stored = board.Progress(0);
  EXPECT_EQ(stored.done_below, 1u);
  EXPECT_EQ(stored.done_above, std::vector<uint32_t>{2});
  EXPECT_EQ(stored.documents, 12u);

  LoadBoard next({stored});
  EXPECT_EQ(next.SetPlan(0, "pages/10 1/2/40", 4, false), cut) << "ranges left in the queue count";
  EXPECT_EQ(next.NextUnfinished(0, 0), 1u);
  EXPECT_EQ(next.NextUnfinished(0, 2), 3u);
  next.MarkDone(Chunk(1, cut), 1);
  next.MarkDone(Chunk(3, cut), 1);
  EXPECT_TRUE(next.WaitAllDone(0, std::chrono::milliseconds(0)));
}

TEST(LoadBoard, AnotherPlanForgetsWhatWasDone) {
  model::LoadProgress stored;
  stored.plan = "pages/10 1/2/40";
  stored.chunks = 4;
  stored.done_below = 3;
  LoadBoard board({stored});
  board.SetPlan(0, "pages/10 1/99/40", 4, false);
  EXPECT_EQ(board.NextUnfinished(0, 0), 0u);
}

TEST(LoadBoard, IgnoresRangesOfAnotherPlan) {
  LoadBoard board({model::LoadProgress{}});
  board.MarkDone(Chunk(0, 0), 5);  // left in the queue, before the plan is known
  const uint32_t old_cut = board.SetPlan(0, "pages/10 1/2/40", 4, false);
  const uint32_t cut = board.SetPlan(0, "pages/10 1/99/40", 4, false);
  board.MarkDone(Chunk(0, old_cut), 5);
  EXPECT_EQ(board.NextUnfinished(0, 0), 0u);
  board.MarkDone(Chunk(0, cut), 5);
  EXPECT_EQ(board.NextUnfinished(0, 0), 1u);
}

TEST(LoadBoard, KeysAreCutAnewEveryTime) {
  LoadBoard board({model::LoadProgress{}});
  const uint32_t old_cut = board.SetPlan(0, "key/10", 0, true);
  const auto keys = [](uint32_t chunk, uint32_t cut, const std::string& through) {
    model::LoadRange range = Chunk(chunk, cut);
    range.by_key = true;
    range.through_key = {through};
    return range;
  };
  board.MarkDone(keys(0, old_cut, "b"), 1);
  board.MarkDone(keys(2, old_cut, "f"), 1);
  const uint32_t cut = board.SetPlan(0, "key/10", 0, true);
  ASSERT_NE(cut, old_cut);
  board.MarkDone(keys(1, old_cut, "d"), 1);
  EXPECT_EQ(board.Progress(0).done_below, 1u);
  EXPECT_EQ(board.Progress(0).last_key_json, "[\"b\"]");
  EXPECT_FALSE(board.IsDone(0, 2)) << "the new third range is another";
  board.MarkDone(keys(1, cut, "c"), 1);
  EXPECT_EQ(board.Progress(0).last_key_json, "[\"c\"]");
}

TEST(LoadBoard, ChunkThatIsDoneTwiceCountsOnce) {
  LoadBoard board({model::LoadProgress{}});
  const uint32_t cut = board.SetPlan(0, "p", 2, false);
  board.MarkDone(Chunk(0, cut), 5);
  const uint64_t revision = board.Revision();
  board.MarkDone(Chunk(0, cut), 5);
  EXPECT_EQ(board.Progress(0).documents, 5u);
  EXPECT_EQ(board.Revision(), revision);
}

TEST(LoadBoard, WhatIsNotWantedIsNotWaitedFor) {
  model::LoadProgress complete;
  complete.complete = true;
  complete.settled = base::Lsn{100};
  LoadBoard board({model::LoadProgress{}, complete}, {false, true});
  EXPECT_FALSE(board.Wanted(0));
  EXPECT_TRUE(board.WantedComplete());
  EXPECT_FALSE(board.WantedSettled(base::Lsn{99}));
  EXPECT_TRUE(board.WantedSettled(base::Lsn{100}));
  EXPECT_FALSE(board.AllSettled(base::Lsn{100})) << "the stream has to spare the other one still";
}

TEST(LoadBoard, KnowsWhatAKillWouldRepeat) {
  LoadBoard board({model::LoadProgress{}});
  const uint32_t cut = board.SetPlan(0, "pages/10 1/2/40", 4, false);
  board.MarkDone(Chunk(0, cut), 5);
  board.MarkDone(Chunk(2, cut), 5);
  EXPECT_EQ(board.Unstored(), 2u);
  const model::LoadProgress progress = board.Progress(0);
  board.MarkDone(Chunk(1, cut), 5);
  board.SetStored(0, progress);
  EXPECT_EQ(board.Unstored(), 1u);
  EXPECT_EQ(board.StoredChunks(0), 2u);
  EXPECT_EQ(board.DoneChunks(0), 3u);
  board.SetPlan(0, "pages/10 1/3/40", 4, false);
  board.SetStored(0, progress);
  EXPECT_EQ(board.StoredChunks(0), 0u) << "of a plan of before";
}

TEST(LoadBoard, TimeOfALoadGoesOnAfterARestart) {
  model::LoadProgress stored;
  stored.milliseconds = 60'000;
  LoadBoard board({stored});
  EXPECT_EQ(board.Progress(0).milliseconds, 60'000u) << "nobody works on it";
  board.SetExpected(0, 1000);
  EXPECT_GE(board.Progress(0).milliseconds, 60'000u);
  EXPECT_EQ(board.Progress(0).expected, 1000u);
  board.SetComplete(0, {});
  const uint64_t at_the_end = board.Progress(0).milliseconds;
  EXPECT_GE(at_the_end, 60'000u);
  EXPECT_EQ(board.Progress(0).milliseconds, at_the_end);
}

TEST(LoadBoard, KeysSurviveJson) {
  const std::vector<std::string> key = {"a\"b", "", "ü|\n"};
  EXPECT_EQ(KeyFromJson(KeyToJson(key)), key);
  EXPECT_TRUE(KeyFromJson("no json").empty());
}

}  // namespace
}  // namespace app
