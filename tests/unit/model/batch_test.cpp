#include "consumer/model/batch.h"

#include <gtest/gtest.h>

namespace model {
namespace {

TEST(Batch, IsEmptyWithoutWorkEvenWithPositions) {
  Batch batch;
  batch.floor.value = 1;
  batch.xids = {7};
  EXPECT_TRUE(batch.Empty());
  EXPECT_FALSE(batch.IsLoad());
}

TEST(Batch, IsOfTheLoadByItsRanges) {
  Batch load, touches, rebuilds;
  load.ranges.emplace_back();
  touches.touches.emplace_back();
  rebuilds.rebuilds.emplace_back();
  EXPECT_TRUE(load.IsLoad());
  EXPECT_FALSE(touches.IsLoad());
  EXPECT_FALSE(rebuilds.IsLoad());
  EXPECT_FALSE(load.Empty() || touches.Empty() || rebuilds.Empty());
}

TEST(Touch, IsComparedByAllItsParts) {
  const Touch touch{1, 2, {"a", "b"}};
  EXPECT_EQ(touch, (Touch{1, 2, {"a", "b"}}));
  EXPECT_NE(touch, (Touch{1, 2, {"a"}}));
  EXPECT_NE(touch, (Touch{1, 3, {"a", "b"}}));
  EXPECT_LT(touch, (Touch{2, 0, {}}));
}

}  // namespace
}  // namespace model
