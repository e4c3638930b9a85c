#include "consumer/base/stop.h"

#include <gtest/gtest.h>

#include <thread>

namespace base {
namespace {

TEST(StopSignal, IsFalseUntilRequested) {
  StopSignal stop;
  EXPECT_FALSE(stop.Requested());
  EXPECT_FALSE(stop.WaitFor(std::chrono::milliseconds(1)));
  stop.Request();
  EXPECT_TRUE(stop.Requested());
  EXPECT_TRUE(stop.WaitFor(std::chrono::milliseconds(0)));
}

TEST(StopSignal, WakesWhoWaits) {
  StopSignal stop;
  const auto start = std::chrono::steady_clock::now();
  std::thread waiting([&] { EXPECT_TRUE(stop.WaitFor(std::chrono::seconds(60))); });
  stop.Request();
  waiting.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(StopSignal, ReachesFollowersNowAndLaterButNobodyWhoLeft) {
  StopSignal leader, early, late, gone;
  leader.AddFollower(&early);
  leader.AddFollower(&gone);
  leader.RemoveFollower(&gone);
  leader.Request();
  leader.AddFollower(&late);
  EXPECT_TRUE(early.Requested());
  EXPECT_TRUE(late.Requested());
  EXPECT_FALSE(gone.Requested());
}

}  // namespace
}  // namespace base
