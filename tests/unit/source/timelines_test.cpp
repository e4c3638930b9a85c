#include "consumer/source/timelines.h"

#include <gtest/gtest.h>

namespace source {
namespace {

using base::Lsn;

TEST(TimelineHistory, HasALinePerTimelineThatEnded) {
  const auto before = ParseTimelineHistory(
      "1\t0/3000158\tno recovery target specified\n\n"
      "2\t1A/FF\tbefore 2000-01-01 01:00:00+01\n");
  ASSERT_EQ(before.size(), 2u);
  EXPECT_EQ(before[0].timeline, 1);
  EXPECT_EQ(before[0].end, Lsn{0x3000158});
  EXPECT_EQ(before[1].timeline, 2);
  EXPECT_EQ(before[1].end, (Lsn{(uint64_t{0x1A} << 32) + 0xFF}));
}

TEST(TimelineHistory, LeavesOutWhatIsNoEntry) {
  EXPECT_TRUE(ParseTimelineHistory("").empty());
  EXPECT_TRUE(ParseTimelineHistory("# a comment\nx\n1\n2\t\n3\tnowhere\n99999999999\t0/1").empty());
  EXPECT_EQ(ParseTimelineHistory("1 0/10").size(), 1u) << "without a reason, nor an end of line";
}

TEST(Timelines, HaveWhatCameBeforeTheirEnds) {
  const Timelines timelines{3, {{1, Lsn{100}}, {2, Lsn{200}}}};
  EXPECT_TRUE(timelines.Have(3, Lsn{900}));
  EXPECT_TRUE(timelines.Have(1, Lsn{100}));
  EXPECT_FALSE(timelines.Have(1, Lsn{101}));
  EXPECT_TRUE(timelines.Have(2, Lsn{150}));
  EXPECT_FALSE(timelines.Have(2, Lsn{201}));
  EXPECT_FALSE(timelines.Have(4, Lsn{1})) << "back on the server of before";
  EXPECT_FALSE((Timelines{1, {}}.Have(2, Lsn{1})));
}

TEST(Timelines, BelieveWhatIsNotKnown) {
  EXPECT_TRUE((Timelines{3, {{1, Lsn{100}}}}.Have(0, Lsn{900}))) << "stored by an older version";
  EXPECT_TRUE((Timelines{3, {}}.Have(2, Lsn{900}))) << "a server without its history file";
}

}  // namespace
}  // namespace source
