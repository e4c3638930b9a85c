#include "consumer/base/lsn.h"

#include <gtest/gtest.h>

#include <string>

namespace base {
namespace {

TEST(Lsn, PrintsAsPostgresDoes) {
  EXPECT_EQ(ToString(Lsn{0}), "0/0");
  EXPECT_EQ(ToString(Lsn{0x16B374D848}), "16/B374D848");
  EXPECT_EQ(ToString(Lsn{~uint64_t{0}}), "FFFFFFFF/FFFFFFFF");
}

TEST(Lsn, ReadsWhatItPrints) {
  for (uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0xFFFFFFFF}, uint64_t{0x100000000},
                         uint64_t{0x16B374D848}, ~uint64_t{0}}) {
    EXPECT_EQ(ParseLsn(ToString(Lsn{value})), Lsn{value});
  }
  EXPECT_EQ(ParseLsn("a/b"), (Lsn{0xA0000000B})) << "small letters too";
}

TEST(Lsn, ReadsNothingElse) {
  for (const char* text : {"", "/", "1", "1/", "/1", "1/2/3", " 1/2", "1/2 ", "0x1/2", "-1/2",
                           "g/1", "123456789/0", "0/123456789", "+1/2"}) {
    EXPECT_FALSE(ParseLsn(text).has_value()) << text;
  }
}

TEST(Lsn, IsOrderedAndZeroIsNone) {
  EXPECT_LT(Lsn{0xFFFFFFFF}, Lsn{0x100000000});
  EXPECT_FALSE(Lsn{0});
  EXPECT_TRUE(Lsn{1});
}

}  // namespace
}  // namespace base
