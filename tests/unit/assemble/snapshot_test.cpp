// Snapshots: their order is the order of versions, and what they show.
#include "consumer/assemble/snapshot.h"

#include <gtest/gtest.h>

namespace assemble {
namespace {

Snapshot Make(const char* text) {
  auto snapshot = Snapshot::Parse(text);
  EXPECT_TRUE(snapshot.ok()) << text;
  return *snapshot;
}

TEST(Snapshot, VersionGrowsWithXmax) {
  EXPECT_LT(Make("100:100:").Version(), Make("100:101:").Version());
  EXPECT_LT(Make("100:100:").Version(), Make("90:101:90,95,99,100").Version());
}

TEST(Snapshot, VersionGrowsWhenRunningTransactionsEnd) {
  EXPECT_LT(Make("90:101:90,95").Version(), Make("95:101:95").Version());
  EXPECT_LT(Make("95:101:95").Version(), Make("101:101:").Version());
}

TEST(Snapshot, ShowsWhatIsFinished) {
  const Snapshot snapshot = Make("90:101:90,95");
  EXPECT_TRUE(snapshot.Shows(89));
  EXPECT_FALSE(snapshot.Shows(90));
  EXPECT_TRUE(snapshot.Shows(94));
  EXPECT_FALSE(snapshot.Shows(95));
  EXPECT_TRUE(snapshot.Shows(100));
  EXPECT_FALSE(snapshot.Shows(101));
  EXPECT_FALSE(snapshot.Shows(500));
}

TEST(Snapshot, WidensIdsAcrossTheWraparoundOf32Bits) {
  // xmax = 2^32 + 5: id 4294967290 is a little older, id 3 too, id 7 is in the future.
  const Snapshot snapshot = Make("4294967290:4294967301:4294967299");
  EXPECT_TRUE(snapshot.Shows(4294967290u));
  EXPECT_FALSE(snapshot.Shows(3));  // 4294967299 runs
  EXPECT_TRUE(snapshot.Shows(4));
  EXPECT_FALSE(snapshot.Shows(7));
}

TEST(Snapshot, RefusesWhatIsNoSnapshot) {
  for (const char* text : {"", "1", "1:2", "a:b:", "1:2:3,", "1:2:x", "1:2:3 ", ":2:"}) {
    EXPECT_FALSE(Snapshot::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace assemble
