// The first state of a start, beside what the process before it still had on its way.
#include "consumer/app/index_state.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>

namespace app {
namespace {

class FirstStateTest : public ::testing::Test {
 protected:
  FirstStateTest() {
    std::string pattern = testing::TempDir() + "/pgsync-state-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    trees_.resize(1);
    trees_[0].index = "book";
    target_ = sink::MakeSqliteTarget(directory_ + "/d.db", trees_);
    EXPECT_TRUE(target_->Probe().ok());
    EXPECT_TRUE(target_->Create(trees_[0], At(100)).ok());
  }
  ~FirstStateTest() override { std::filesystem::remove_all(directory_); }

  static model::SyncState At(uint64_t position, bool frozen = false) {
    model::SyncState state;
    state.fingerprint = "all";
    state.system_identifier = "73";
    state.database = "shop";
    state.slot = "shop_book";
    state.applied = base::Lsn{position};
    state.frozen = frozen;
    return state;
  }
  model::SyncState Stored() const { return **target_->ReadState(trees_[0]); }

  std::string directory_;
  std::vector<schema::DocumentTree> trees_;
  std::unique_ptr<sink::Target> target_;
};

TEST_F(FirstStateTest, IsStoredAsItIs) {
  model::SyncState state = At(100, true);
  ASSERT_TRUE(WriteFirstState(*target_, trees_[0], At(100), &state).ok());
  EXPECT_EQ(Stored(), At(100, true));
}

TEST_F(FirstStateTest, TakesOverAPositionThatCameLate) {
  model::SyncState state = At(100, true);
  ASSERT_TRUE(target_->WriteState(trees_[0], At(156)).ok());
  ASSERT_EQ(target_->WriteState(trees_[0], state).error().kind, base::ErrorKind::kRefused);
  ASSERT_TRUE(WriteFirstState(*target_, trees_[0], At(100), &state).ok());
  EXPECT_EQ(state, At(156, true));
  EXPECT_EQ(Stored(), At(156, true)) << "what else this process says of it counts";
}

TEST_F(FirstStateTest, TakesOverThePositionOfTheSameLoad) {
  model::SyncState late = At(156);
  late.load.plan = "4 pages";
  late.load.done_below = 2;
  ASSERT_TRUE(target_->WriteState(trees_[0], late).ok());
  model::SyncState state = At(100);
  ASSERT_TRUE(WriteFirstState(*target_, trees_[0], At(100), &state).ok());
  EXPECT_EQ(Stored(), At(156)) << "chunks done twice are no harm";
}

TEST_F(FirstStateTest, TakesOverNothingOfALoadThatBeganAgain) {
  model::SyncState again = At(156);
  again.load.sweep_below = 1000;
  ASSERT_TRUE(target_->WriteState(trees_[0], again).ok());
  model::SyncState state = At(100);
  EXPECT_FALSE(WriteFirstState(*target_, trees_[0], At(100), &state));
  EXPECT_EQ(Stored(), again);
}

// A daemon that was stopped before its first write, and woke up beside the one in its place.
class LivingStateTest : public FirstStateTest, public ::testing::WithParamInterface<int> {
 protected:
  static model::SyncState Finished(uint64_t position) {
    model::SyncState state = At(position);
    state.load.complete = true;
    state.load.plan = "4 pages";
    state.load.settled = base::Lsn{50};
    return state;
  }
  static model::SyncState Theirs() {
    model::SyncState state = Finished(156);
    if (GetParam() == 0) state.fingerprint = "more";
    if (GetParam() == 1) state.shapes = "{}";
    if (GetParam() == 2) state.frozen = true;
    if (GetParam() == 3) state.load = model::LoadProgress();
    if (GetParam() == 4) state.load.settled = base::Lsn{150};
    return state;
  }
};

TEST_P(LivingStateTest, IsLeftAlone) {
  ASSERT_TRUE(target_->WriteState(trees_[0], Theirs()).ok());
  model::SyncState state = Finished(101);
  const base::Status status = WriteFirstState(*target_, trees_[0], Finished(100), &state);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, base::ErrorKind::kRefused);
  EXPECT_EQ(state, Finished(101));
  EXPECT_EQ(Stored(), Theirs());
}

INSTANTIATE_TEST_SUITE_P(OtherThan, LivingStateTest, ::testing::Range(0, 5));

// What a predecessor wrote before a promotion may be of a history that ended.
TEST_F(FirstStateTest, TakesOverNothingOfAnotherTimeline) {
  ASSERT_TRUE(target_->WriteState(trees_[0], At(156)).ok());
  model::SyncState state = At(100);
  state.timeline = 2;
  EXPECT_FALSE(WriteFirstState(*target_, trees_[0], At(100), &state));
  EXPECT_EQ(Stored(), At(156));
}

TEST_F(FirstStateTest, IsRefusedWhereTheServerNeverCame) {
  model::SyncState state = At(100);
  state.timeline = 1;
  Origin origin{state.system_identifier, state.database, state.slot, base::Lsn{50}, {}};
  origin.timelines = {2, {{1, base::Lsn{100}}}};
  EXPECT_TRUE(CheckState(trees_[0], state, origin, false).ok());
  origin.timelines = {2, {{1, base::Lsn{99}}}};
  const base::Status status = CheckState(trees_[0], state, origin, true);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, base::ErrorKind::kRefused);
  EXPECT_NE(status.error().message.find("teardown"), std::string::npos) << status.error().message;
}

}  // namespace
}  // namespace app
