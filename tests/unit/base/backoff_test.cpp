#include "consumer/base/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace base {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesUpToTheMostAndStaysInTheUpperHalf) {
  for (uint32_t seed = 1; seed < 50; ++seed) {
    Backoff backoff(milliseconds(100), milliseconds(1000), seed);
    for (int64_t step : {100, 200, 400, 800, 1000, 1000, 1000}) {
      const auto wait = backoff.Next().count();
      EXPECT_GE(wait, step / 2);
      EXPECT_LE(wait, step);
    }
  }
}

TEST(Backoff, StartsAgainAfterReset) {
  Backoff backoff(milliseconds(100), milliseconds(10000), 1);
  for (int i = 0; i < 10; ++i) backoff.Next();
  EXPECT_GE(backoff.Next(), milliseconds(5000));
  backoff.Reset();
  EXPECT_LE(backoff.Next(), milliseconds(100));
}

TEST(Backoff, SpreadsDaemonsApart) {
  std::set<int64_t> waits;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    waits.insert(Backoff(milliseconds(10000), milliseconds(10000), seed * 7919).Next().count());
  }
  EXPECT_GT(waits.size(), 10u);
}

}  // namespace
}  // namespace base
