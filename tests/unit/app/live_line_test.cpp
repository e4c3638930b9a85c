// The bar, and a line that does not wrap. What a terminal gets to see:
// integration/test_progress.py.
#include "consumer/app/live_line.h"

#include <gtest/gtest.h>

namespace app {
namespace {

TEST(LiveLine, Bar) {
  EXPECT_EQ(BarText(0, 4), "[----]");
  EXPECT_EQ(BarText(0.5, 4), "[##--]");
  EXPECT_EQ(BarText(0.99, 4), "[###-]");
  EXPECT_EQ(BarText(1, 4), "[####]");
  EXPECT_EQ(BarText(7, 4), "[####]");
}

TEST(LiveLine, NeverCutsACharacter) {
  EXPECT_EQ(Fitted("books", 9), "books");
  EXPECT_EQ(Fitted("books", 3), "boo");
  EXPECT_EQ(Fitted("Bücher", 2), "Bü");
  EXPECT_EQ(Fitted("本棚", 1), "本");
  EXPECT_EQ(Fitted("", 5), "");
}

}  // namespace
}  // namespace app
