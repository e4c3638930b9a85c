// How levels are read, and how many roots a chunk has, is decided by sizes and indexes alone.
#include "consumer/assemble/load_strategy.h"

#include <gtest/gtest.h>

#include "tests/unit/assemble/tree_fixture.h"

namespace assemble {
namespace {

constexpr uint32_t kBooks = 200'000, kUsual = 20480;

// book 1 -> 1 author, 5 reviews, 2 tags through book_tag; everything has its index.
class LoadStrategyTest : public ::testing::Test {
 protected:
  LoadStrategyTest() {
    statistics_[{"public", "book"}] = {'r', kBooks, kBooks / 28, {{"book_pkey", {"id"}}}};
    statistics_[{"public", "author"}] = {'r', 20'000, 300, {{"author_pkey", {"id"}}}};
    statistics_[review_] = {'r', 1'000'000, 13'334, {{"review_book_id_idx", {"book_id", "at"}}}};
    statistics_[junction_] = {'r', 400'000, 2'000, {{"book_tag_pkey", {"book_id", "tag_id"}}}};
    statistics_[{"public", "tag"}] = {'r', 100, 1, {{"tag_pkey", {"id"}}}};
  }
  LoadStrategy Choose() const { return ChooseStrategy(tree_, statistics_, limits_); }

  const schema::TableName review_{"public", "review"}, junction_{"public", "book_tag"};
  schema::DocumentTree tree_ = testing::BookTree();
  Statistics statistics_;
  StrategyLimits limits_{kUsual, ScannedChunkBytes(2)};
};

TEST_F(LoadStrategyTest, LevelsWithAnIndexAreKeyed) {
  const LoadStrategy strategy = Choose();
  EXPECT_FALSE(strategy.scans);
  EXPECT_EQ(strategy.rows_per_chunk, kUsual);
  EXPECT_EQ(strategy.levels[1].reason, "index author_pkey");
  EXPECT_EQ(strategy.levels[2].reason, "index review_book_id_idx");
  EXPECT_EQ(strategy.levels[3].reason, "index book_tag_pkey; index tag_pkey");
  EXPECT_DOUBLE_EQ(strategy.levels[2].rows_per_root, 5);
  EXPECT_DOUBLE_EQ(strategy.levels[1].rows_per_root, 0.1);
}

TEST_F(LoadStrategyTest, WithoutAnIndexAPassServesAsManyRootsAsPay) {
  statistics_[review_].indexes = {{"review_pkey", {"id"}}};
  limits_.chunk_bytes = 1u << 30;
  const LoadStrategy strategy = Choose();
  EXPECT_TRUE(strategy.scans);
  EXPECT_TRUE(strategy.levels[2].scanned);
  EXPECT_EQ(strategy.levels[2].scanned_rows, 1'000'000u);
  EXPECT_EQ(strategy.levels[2].reason, "no index on public.review (book_id)");
  EXPECT_FALSE(strategy.levels[1].scanned);
  EXPECT_GT(strategy.rows_per_chunk, kUsual);
  EXPECT_LT(strategy.rows_per_chunk, kBooks) << "more than is of use";
  // Ten times the table takes chunks ten times as large.
  const uint32_t before = strategy.rows_per_chunk;
  for (auto& [name, table] : statistics_) table.rows *= 10, table.pages *= 10;
  EXPECT_NEAR(Choose().rows_per_chunk, 10.0 * before, 10);
}

TEST_F(LoadStrategyTest, MemoryBoundsTheChunk) {
  statistics_[review_].indexes.clear();
  for (auto& [name, table] : statistics_) table.rows *= 50, table.pages *= 50;
  limits_.chunk_bytes = 64u << 20;
  const LoadStrategy large = Choose();
  limits_.chunk_bytes = 32u << 20;
  const LoadStrategy small = Choose();
  EXPECT_NEAR(large.rows_at_first, 2.0 * small.rows_at_first, 2);
  EXPECT_LT(small.rows_at_first, 200'000u);
  EXPECT_GE(small.rows_per_chunk, small.rows_at_first);
  // Documents of which not even a usual chunk fits begin with smaller pieces.
  statistics_[review_].rows *= 100;
  statistics_[review_].pages *= 100;
  const LoadStrategy heavy = Choose();
  EXPECT_EQ(heavy.rows_per_chunk, kUsual);
  EXPECT_LT(heavy.rows_at_first, kUsual / 4);
  EXPECT_LE(heavy.sort_kilobytes, 64u * 1024);
  EXPECT_GE(heavy.most_level_rows, 65536u);
}

TEST_F(LoadStrategyTest, SmallTablesWithoutAnIndexDoNotMakeChunksLarger) {
  statistics_[{"public", "author"}] = {'r', 500, 4, {}};
  const LoadStrategy strategy = Choose();
  EXPECT_TRUE(strategy.levels[1].scanned);
  EXPECT_EQ(strategy.rows_per_chunk, kUsual);
}

TEST_F(LoadStrategyTest, BothStepsOfAJunctionCount) {
  statistics_[junction_].indexes = {{"by_tag", {"tag_id", "book_id"}}};
  statistics_[{"public", "tag"}].indexes = {{"by_name", {"name"}}, {"by_expression", {""}}};
  const LoadStrategy strategy = Choose();
  EXPECT_TRUE(strategy.levels[3].scanned);
  EXPECT_EQ(strategy.levels[3].scanned_rows, 400'100u);
  EXPECT_EQ(strategy.levels[3].reason,
            "no index on public.book_tag (book_id); no index on public.tag (id)");
}

TEST_F(LoadStrategyTest, OfSeveralIndexesTheOneThatHoldsMostOfTheLink) {
  schema::Link& link = tree_.nodes[2].link;
  link.upper = {"id", "edition"};
  link.lower = {"book_id", "edition"};
  link.types = link.lower_types = {"int4", "int4"};
  statistics_[review_].indexes = {{"a", {"book_id"}}, {"b", {"edition", "book_id"}}, {"c", {"id"}}};
  EXPECT_EQ(Choose().levels[2].reason, "index b");
}

TEST_F(LoadStrategyTest, ViewsAndUnknownTablesAreReadByKeys) {
  statistics_[review_].indexes.clear();
  statistics_[review_].kind = 'v';
  statistics_.erase({"public", "book"});
  const LoadStrategy strategy = Choose();
  EXPECT_FALSE(strategy.scans);
  EXPECT_EQ(strategy.levels[2].reason, "public.review is read as its own query is");
  statistics_[review_].kind = 'f';
  EXPECT_FALSE(Choose().scans);
  statistics_[review_].kind = 'm';
  EXPECT_TRUE(Choose().scans);
}

TEST_F(LoadStrategyTest, ALimitBoundsTheRowsOfAParent) {
  tree_.nodes[2].limit = 2;
  EXPECT_DOUBLE_EQ(Choose().levels[2].rows_per_root, 2);
}

TEST_F(LoadStrategyTest, AllWorkersTogetherStayWithinTheirMemory) {
  for (const int workers : {0, 1, 2, 8}) {
    EXPECT_LE(ScannedChunkBytes(workers) * 2 * static_cast<size_t>(std::max(1, workers)),
              144u << 20);
  }
  EXPECT_EQ(ScannedChunkBytes(2), 36u << 20);
}

}  // namespace
}  // namespace assemble
