// How pieces shrink and grow.
#include "consumer/assemble/pace.h"

#include <gtest/gtest.h>

namespace assemble {
namespace {

using std::chrono::seconds;

TEST(Pace, ShrinksWhatTakesLongAndNeverBelowTheLeast) {
  Pace pace(100, 40, 1000);
  pace.Took(seconds(5), 1000);
  EXPECT_EQ(pace.Now(), 50u);
  pace.Failed();
  EXPECT_EQ(pace.Now(), 40u);
}

TEST(Pace, GrowsWhatIsQuickAndNeverAboveTheMost) {
  Pace pace(300, 1, 1000);
  pace.Took(std::chrono::milliseconds(10), 1000);
  EXPECT_EQ(pace.Now(), 600u);
  pace.Took(std::chrono::milliseconds(10), 1000);
  EXPECT_EQ(pace.Now(), 1000u);
}

TEST(Pace, KeepsWhatIsRight) {
  Pace pace(300, 1, 1000);
  pace.Took(seconds(2), 1000);
  EXPECT_EQ(pace.Now(), 300u);
}

TEST(Pace, LargePiecesShrinkHoweverQuickTheyWere) {
  Pace pace(300, 1, 1000);
  pace.Took(std::chrono::milliseconds(10), 100u << 20);
  EXPECT_EQ(pace.Now(), 150u);
  // Twice as much as this would be too large again.
  pace.Took(std::chrono::milliseconds(10), 8u << 20);
  EXPECT_EQ(pace.Now(), 150u);
}

}  // namespace
}  // namespace assemble
