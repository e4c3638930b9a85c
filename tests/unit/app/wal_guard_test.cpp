// When WAL kept for the slot is worth a word, and when the slot is given up.
#include "consumer/app/wal_guard.h"

#include <gtest/gtest.h>

namespace app {
namespace {

constexpr int64_t kMiB = 1 << 20;

source::SlotInfo Keeping(int64_t mebibytes, const std::string& status = "reserved") {
  source::SlotInfo slot;
  slot.retained_bytes = mebibytes * kMiB;
  slot.wal_status = status;
  return slot;
}

TEST(WalJudge, WarnsAtTheThresholdAndAtEachDoubling) {
  WalJudge judge({.warn_bytes = 100 * kMiB});
  EXPECT_EQ(judge.Look("s", Keeping(99)).warning, "");
  EXPECT_EQ(judge.Look("s", Keeping(100)).warning,
            "slot \"s\" keeps 100 MiB of WAL, because the target has not taken the documents of "
            "what came since; nothing limits it but the disk (max_slot_wal_keep_size)");
  EXPECT_EQ(judge.Look("s", Keeping(199)).warning, "");
  EXPECT_NE(judge.Look("s", Keeping(200)).warning, "");
  EXPECT_EQ(judge.Look("s", Keeping(399)).warning, "");
}

TEST(WalJudge, WarnsAgainWhenItHappensAgain) {
  WalJudge judge({.warn_bytes = 100 * kMiB});
  EXPECT_NE(judge.Look("s", Keeping(150)).warning, "");
  EXPECT_EQ(judge.Look("s", Keeping(60)).warning, "");
  EXPECT_EQ(judge.Look("s", Keeping(110)).warning, "");
  EXPECT_EQ(judge.Look("s", Keeping(10)).warning, "");
  EXPECT_NE(judge.Look("s", Keeping(110)).warning, "");
}

TEST(WalJudge, SaysWhenTheServerIsAboutToGiveTheSlotUp) {
  WalJudge judge({.warn_bytes = 1000 * kMiB});
  source::SlotInfo slot = Keeping(30, "extended");
  slot.safe_wal_bytes = 34 * kMiB;
  EXPECT_EQ(judge.Look("s", slot).warning,
            "slot \"s\" is \"extended\": it keeps 30 MiB of WAL, beyond what the server would keep "
            "by itself; the server gives the slot up after 34 MiB more");
  EXPECT_EQ(judge.Look("s", slot).warning, "");
  slot.wal_status = "unreserved";
  slot.safe_wal_bytes = -kMiB;
  EXPECT_NE(judge.Look("s", slot).warning.find("after 0 MiB more"), std::string::npos);
  EXPECT_EQ(judge.Look("s", Keeping(1)).warning, "");
}

TEST(WalJudge, SaysOnceThatTheServerGaveTheSlotUp) {
  WalJudge judge({.warn_bytes = 10 * kMiB, .most_bytes = 20 * kMiB});
  source::SlotInfo slot = Keeping(0, "lost");
  slot.invalidated = true;
  slot.invalidation_reason = "wal_removed";
  EXPECT_EQ(judge.Look("s", slot).warning,
            "slot \"s\" was given up by the server (wal_removed): it keeps no WAL and sends "
            "nothing any more");
  slot.retained_bytes = 30 * kMiB;
  const WalJudge::Finding again = judge.Look("s", slot);
  EXPECT_EQ(again.warning, "");
  EXPECT_FALSE(again.give_up);
  EXPECT_NE(judge.Look("s", Keeping(15)).warning, "");  // made again
}

TEST(WalJudge, GivesUpBeyondTheLimitOnly) {
  WalJudge unlimited({});
  EXPECT_FALSE(unlimited.Look("s", Keeping(1 << 20)).give_up);
  WalJudge judge({.most_bytes = 500 * kMiB});
  EXPECT_FALSE(judge.Look("s", Keeping(500)).give_up);
  EXPECT_TRUE(judge.Look("s", Keeping(501)).give_up);
}

}  // namespace
}  // namespace app
