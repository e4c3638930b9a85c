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
  ASSERT_TRUE(WriteFirstState(*target_, trees_[0], &state).ok());
  EXPECT_EQ(Stored(), At(100, true));
}

TEST_F(FirstStateTest, TakesOverAPositionThatCameLate) {
  model::SyncState state = At(100, true);
  ASSERT_TRUE(target_->WriteState(trees_[0], At(156)).ok());
  ASSERT_EQ(target_->WriteState(trees_[0], state).error().kind, base::ErrorKind::kRefused);
  ASSERT_TRUE(WriteFirstState(*target_, trees_[0], &state).ok());
  EXPECT_EQ(state, At(156, true));
  EXPECT_EQ(Stored(), At(156, true)) << "what else this process says of it counts";
}

}  // namespace
}  // namespace app
