// Which rows of a level hang on which row of the level above: by position, and by value.
#include "consumer/assemble/level_rows.h"

#include <gtest/gtest.h>

#include "tests/unit/assemble/rows_fixture.h"

namespace assemble {
namespace {

using testing::Int4;
using testing::Int8;
using testing::MakeRows;
using Range = std::pair<uint32_t, uint32_t>;

constexpr uint32_t kInt8 = 20, kInt4 = 23, kText = 25, kUuid = 2950;

NodeStatement Statement(size_t links, bool by_value) {
  NodeStatement statement;
  statement.links = links;
  statement.by_value = by_value;
  return statement;
}

TEST(LevelRowsTest, GroupsOfValuesAreInTheirOrderWhateverTheirWidth) {
  const NodeStatement statement = Statement(1, true);
  LevelRows level;
  std::vector<std::vector<std::string>> values;
  const auto parents =
      MakeRows({kInt4}, {{Int4(7)}, {Int4(-3)}, {std::nullopt}, {Int4(7)}, {Int4(40)}});
  ASSERT_EQ(CollectLinks(parents, 0, statement, &values, &level), 3u);
  EXPECT_EQ(values, (std::vector<std::vector<std::string>>{{"-3", "7", "40"}}));
  EXPECT_EQ(level.group_of_parent, (std::vector<int32_t>{1, 0, -1, 1, 2}));

  level.rows = MakeRows({kInt8}, {{Int8(-3)}, {Int8(40)}, {Int8(40)}});
  FindGroups(statement, 3, &level);
  EXPECT_EQ(level.RowsOf(0), Range(1, 1));
  EXPECT_EQ(level.RowsOf(1), Range(0, 1));
  EXPECT_EQ(level.RowsOf(2), Range(0, 0));
  EXPECT_EQ(level.RowsOf(4), Range(1, 3));
  EXPECT_EQ(level.groups_of_several, 1u);
}

TEST(LevelRowsTest, UuidsAreComparedByAllTheirBytes) {
  const NodeStatement statement = Statement(1, true);
  const std::string low = std::string(15, '\0') + "\x01";
  const std::string high = "\xff" + std::string(15, '\0');
  LevelRows level;
  std::vector<std::vector<std::string>> values;
  ASSERT_EQ(CollectLinks(MakeRows({kUuid}, {{high}, {low}}), 0, statement, &values, &level), 2u);
  EXPECT_EQ(values[0], (std::vector<std::string>{"00000000000000000000000000000001",
                                                 "ff000000000000000000000000000000"}));
  level.rows = MakeRows({kUuid}, {{low}, {high}});
  FindGroups(statement, 2, &level);
  EXPECT_EQ(level.RowsOf(0), Range(1, 2));
  EXPECT_EQ(level.RowsOf(1), Range(0, 1));
}

TEST(LevelRowsTest, GroupsByPositionComeInTheOrderOfTheParents) {
  const NodeStatement statement = Statement(2, false);
  LevelRows level;
  std::vector<std::vector<std::string>> values;
  const auto parents = MakeRows({kText, kText}, {{"b", "1"}, {"a", "1"}, {"b", "1"}, {"a", {}}});
  ASSERT_EQ(CollectLinks(parents, 0, statement, &values, &level), 2u);
  EXPECT_EQ(values, (std::vector<std::vector<std::string>>{{"b", "a"}, {"1", "1"}}));
  EXPECT_EQ(level.group_of_parent, (std::vector<int32_t>{0, 1, 0, -1}));

  level.rows = MakeRows({kInt8}, {{Int8(2)}});
  FindGroups(statement, 2, &level);
  EXPECT_EQ(level.RowsOf(0), Range(0, 0));
  EXPECT_EQ(level.RowsOf(1), Range(0, 1));
  EXPECT_EQ(level.groups_of_several, 0u);
}

}  // namespace
}  // namespace assemble
