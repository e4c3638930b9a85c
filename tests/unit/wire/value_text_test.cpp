#include "consumer/wire/value_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace wire {
namespace {

TEST(FloatText, IsTheShortestThatReadsBack) {
  EXPECT_EQ(FloatText(0.1), "0.1");
  EXPECT_EQ(FloatText(0.1f), "0.1");
  EXPECT_EQ(FloatText(1e100), "1e+100");
  EXPECT_EQ(FloatText(-0.0), "-0");
  EXPECT_EQ(FloatText(5e-324), "5e-324");
}

TEST(FloatText, SpellsTheOddOnesAsPostgres) {
  EXPECT_EQ(FloatText(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(FloatText(std::numeric_limits<double>::infinity()), "Infinity");
  EXPECT_EQ(FloatText(-std::numeric_limits<float>::infinity()), "-Infinity");
}

// Expected texts and numbers are PostgreSQL's: select d::date - '2000-01-01'::date.
TEST(DateText, FollowsTheGregorianCalendar) {
  EXPECT_EQ(DateText(0), "2000-01-01");
  EXPECT_EQ(DateText(59), "2000-02-29");
  EXPECT_EQ(DateText(60), "2000-03-01");
  EXPECT_EQ(DateText(-1), "1999-12-31");
  EXPECT_EQ(DateText(7306), "2020-01-02");
  EXPECT_EQ(DateText(-36465), "1900-03-01");
  EXPECT_EQ(DateText(-36466), "1900-02-28");
}

TEST(DateText, WritesYearsBeforeChrist) {
  EXPECT_EQ(DateText(-730119), "0001-01-01");
  EXPECT_EQ(DateText(-730120), "0001-12-31 BC");
  EXPECT_EQ(DateText(-746119), "0044-03-13 BC");
  EXPECT_EQ(DateText(-2451545), "4714-11-24 BC");
}

TEST(DateText, ReachesTheLastDay) { EXPECT_EQ(DateText(2145031948), "5874897-12-31"); }

TEST(DateText, KnowsInfinity) {
  EXPECT_EQ(DateText(std::numeric_limits<int32_t>::max()), "infinity");
  EXPECT_EQ(DateText(std::numeric_limits<int32_t>::min()), "-infinity");
}

TEST(TimestampText, CutsZerosOfTheFraction) {
  EXPECT_EQ(TimestampText(0, ""), "2000-01-01 00:00:00");
  EXPECT_EQ(TimestampText(1, ""), "2000-01-01 00:00:00.000001");
  EXPECT_EQ(TimestampText(600'000, "+00"), "2000-01-01 00:00:00.6+00");
}

TEST(TimestampText, CountsBackwardsFrom2000) {
  EXPECT_EQ(TimestampText(-1, ""), "1999-12-31 23:59:59.999999");
  EXPECT_EQ(TimestampText(-1'000'000, "+00"), "1999-12-31 23:59:59+00");
}

TEST(TimestampText, PutsBcBehindTheZone) {
  EXPECT_EQ(TimestampText(-730120ll * 86'400'000'000 + 1'000'000, "+00"),
            "0001-12-31 00:00:01+00 BC");
}

TEST(TimestampText, KnowsInfinity) {
  EXPECT_EQ(TimestampText(std::numeric_limits<int64_t>::max(), "+00"), "infinity");
  EXPECT_EQ(TimestampText(std::numeric_limits<int64_t>::min(), ""), "-infinity");
}

TEST(UuidText, IsCanonical) {
  const std::string bytes("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00", 16);
  EXPECT_EQ(UuidText(bytes), "123e4567-e89b-12d3-a456-426614174000");
}

}  // namespace
}  // namespace wire
