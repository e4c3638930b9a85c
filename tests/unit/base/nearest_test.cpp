#include "consumer/base/nearest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace base {
namespace {

const std::vector<std::string> kWords{"children", "columns", "mapping", "table", "transform"};

TEST(Nearest, FindsSlipsOfTheFinger) {
  EXPECT_EQ(Nearest("colums", kWords), "columns");
  EXPECT_EQ(Nearest("maping", kWords), "mapping");
  EXPECT_EQ(Nearest("chidlren", kWords), "children");
  EXPECT_EQ(Nearest("transfrom", kWords), "transform");
}

TEST(Nearest, AllowsAThirdOfALongWord) {
  EXPECT_EQ(Nearest("transxyzm", kWords), "transform");
  EXPECT_EQ(Nearest("traxxyzzm", kWords), "");
}

TEST(Nearest, FindsNothingForAnotherWord) {
  EXPECT_EQ(Nearest("schema", kWords), "");
  EXPECT_EQ(Nearest("", kWords), "");
  EXPECT_EQ(Nearest("x", std::vector<std::string>{"y"}), "") << "nothing in common";
  EXPECT_EQ(Nearest("table", {}), "");
}

TEST(Nearest, AsksTheUser) {
  EXPECT_EQ(DidYouMean("tabel", kWords), "; did you mean \"table\"?");
  EXPECT_EQ(DidYouMean("schema", kWords), "");
}

}  // namespace
}  // namespace base
