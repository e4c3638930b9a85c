// The average holds, whatever the pieces are.
#include "consumer/progress/rate_limit.h"

#include <gtest/gtest.h>

namespace progress {
namespace {

using std::chrono::milliseconds;

// How much a hungry user gets in `seconds`, in pieces of `amount`.
double Taken(double per_second, double amount, int seconds) {
  RateLimit::Clock::time_point now{};
  RateLimit limit(per_second, now);
  double taken = 0;
  for (int i = 0; i < seconds * 100; ++i, now += milliseconds(10)) {
    while (limit.TryTake(amount, now)) taken += amount;
  }
  return taken;
}

TEST(RateLimit, SmallPiecesKeepTheRate) {
  EXPECT_NEAR(Taken(1000, 7, 100), 1000 * 101, 20) << "one second's worth in advance";
}

TEST(RateLimit, PiecesLargerThanASecondsWorthKeepItToo) {
  const double taken = Taken(100, 2000, 1000);
  EXPECT_GE(taken, 100.0 * 1000);
  EXPECT_LE(taken, 100.0 * 1001 + 2000);
}

TEST(RateLimit, WhatWasNotUsedIsNotSaved) {
  RateLimit::Clock::time_point now{};
  RateLimit limit(10, now);
  now += std::chrono::hours(1);
  int taken = 0;
  while (limit.TryTake(1, now)) ++taken;
  EXPECT_EQ(taken, 10);
}

TEST(RateLimit, ZeroIsNoLimit) {
  RateLimit::Clock::time_point now{};
  RateLimit limit(0, now);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.TryTake(1e9, now));
}

}  // namespace
}  // namespace progress
