// Which position a batch may acknowledge: transactions whole, split over batches, and without any
// touch.
#include "consumer/app/batch_collector.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/assemble/tree_fixture.h"

namespace app {
namespace {

using base::Lsn;
using model::RowChange;

class BatchCollectorTest : public ::testing::Test {
 protected:
  BatchCollectorTest() {
    auto book = std::make_shared<model::Relation>();
    book->schema = "public";
    book->table = "book";
    book->columns = {{"id", 23, true}};
    book_ = book;
    auto other = std::make_shared<model::Relation>(*book);
    other->table = "other";
    other_ = other;
  }

  void Begin(uint64_t commit_lsn, uint32_t xid) {
    ASSERT_TRUE(collector_.Add(model::Begin{Lsn{commit_lsn}, 0, xid}));
  }
  void Insert(const std::shared_ptr<const model::Relation>& relation, const std::string& id) {
    ASSERT_TRUE(collector_.Add(RowChange{RowChange::Kind::kInsert,
                                         relation,
                                         model::OldRow::kAbsent,
                                         {},
                                         {{model::Value::Kind::kText, id}}}));
  }
  void Truncate(const std::shared_ptr<const model::Relation>& relation) {
    ASSERT_TRUE(collector_.Add(model::Truncate{{relation}}));
  }
  void Block(uint32_t xid, uint32_t subxid, const std::vector<std::string>& ids) {
    ASSERT_TRUE(collector_.Add(model::StreamStart{xid, false}));
    if (subxid != xid) {
      ASSERT_TRUE(collector_.Add(model::Subtransaction{subxid}));
    }
    for (const std::string& id : ids) Insert(book_, id);
    ASSERT_TRUE(collector_.Add(model::StreamStop{}));
  }
  // Replays into batches as they become full, as the producer does.
  std::vector<model::Batch> StreamCommit(uint32_t xid, uint64_t commit_lsn, uint64_t end_lsn) {
    std::vector<model::Batch> batches;
    EXPECT_TRUE(collector_.Add(model::StreamCommit{xid, Lsn{commit_lsn}, Lsn{end_lsn}, 0}));
    while (collector_.Replaying()) {
      EXPECT_TRUE(collector_.Replay());
      if (collector_.Full()) batches.push_back(collector_.Take());
    }
    return batches;
  }
  static std::set<std::string> IdsOf(const model::Batch& batch) {
    std::set<std::string> ids;
    for (const model::Touch& touch : batch.touches) ids.insert(*touch.values.at(0));
    return ids;
  }
  void Commit(uint64_t commit_lsn, uint64_t end_lsn) {
    ASSERT_TRUE(collector_.Add(model::Commit{Lsn{commit_lsn}, Lsn{end_lsn}, 0}));
  }

  std::vector<schema::DocumentTree> trees_{assemble::testing::BookTree()};
  BatchCollector collector_{
      trees_,
      Lsn{100},
      100,
      {.memory_bytes = 0, .part_bytes = 50, .directory = ::testing::TempDir()}};
  std::shared_ptr<const model::Relation> book_, other_;
};

TEST_F(BatchCollectorTest, BatchStartsWhereTheLastWholeTransactionEnded) {
  Begin(190, 5);
  Insert(other_, "1");
  Commit(190, 200);
  EXPECT_TRUE(collector_.Empty());
  Begin(290, 6);
  Insert(book_, "1");
  Commit(290, 300);
  const model::Batch batch = collector_.Take();
  EXPECT_EQ(batch.floor, Lsn{200});
  EXPECT_EQ(batch.last_commit, Lsn{290});
  EXPECT_EQ(batch.complete_through, Lsn{300});
  EXPECT_EQ(batch.xids, std::vector<uint32_t>{6});
}

TEST_F(BatchCollectorTest, TransactionSplitOverBatchesIsNotAcknowledgedByItsFirstPart) {
  Begin(290, 6);
  for (int i = 0; !collector_.Full(); ++i) Insert(book_, std::to_string(i));
  const model::Batch first = collector_.Take();
  EXPECT_EQ(first.floor, Lsn{100});
  EXPECT_EQ(first.complete_through, Lsn{100});
  Insert(book_, "x");
  Commit(290, 300);
  const model::Batch second = collector_.Take();
  EXPECT_EQ(second.floor, Lsn{100});
  EXPECT_EQ(second.complete_through, Lsn{300});
  EXPECT_EQ(second.xids, std::vector<uint32_t>{6});
}

TEST_F(BatchCollectorTest, SeveralTransactionsShareABatchAndTouchesAreKeptOnce) {
  Begin(290, 6);
  Insert(book_, "1");
  Commit(290, 300);
  Begin(390, 7);
  Insert(book_, "2");
  Insert(book_, "1");
  Commit(390, 400);
  const model::Batch batch = collector_.Take();
  EXPECT_EQ(batch.touches.size(), 2u);
  EXPECT_EQ(batch.xids, (std::vector<uint32_t>{6, 7}));
  EXPECT_EQ(batch.floor, Lsn{100});
  EXPECT_EQ(batch.complete_through, Lsn{400});
}

TEST_F(BatchCollectorTest, KeepaliveAdvancesOnlyBetweenTransactions) {
  Begin(290, 6);
  collector_.Advance(Lsn{250});
  EXPECT_EQ(collector_.CompleteThrough(), Lsn{100});
  Commit(290, 300);
  collector_.Advance(Lsn{350});
  EXPECT_EQ(collector_.CompleteThrough(), Lsn{350});
  collector_.Advance(Lsn{320});
  EXPECT_EQ(collector_.CompleteThrough(), Lsn{350});
}

TEST_F(BatchCollectorTest, TransactionInProgressWaitsForItsCommit) {
  Block(6, 6, {"1", "2"});
  EXPECT_TRUE(collector_.Empty());
  Begin(190, 5);
  Insert(book_, "9");
  Commit(190, 200);
  Block(6, 7, {"3"});
  const model::Batch plain = collector_.Take();
  EXPECT_EQ(IdsOf(plain), (std::set<std::string>{"9"}));
  EXPECT_EQ(plain.xids, std::vector<uint32_t>{5});
  EXPECT_EQ(plain.complete_through, Lsn{200});

  collector_.Advance(Lsn{250});
  EXPECT_TRUE(StreamCommit(6, 290, 300).empty());
  EXPECT_EQ(collector_.CompleteThrough(), Lsn{300});
  const model::Batch batch = collector_.Take();
  EXPECT_EQ(IdsOf(batch), (std::set<std::string>{"1", "2", "3"}));
  EXPECT_EQ(batch.floor, Lsn{250});
  EXPECT_EQ(batch.last_commit, Lsn{290});
  EXPECT_EQ(batch.complete_through, Lsn{300});
  EXPECT_EQ(batch.xids, std::vector<uint32_t>{6});
}

TEST_F(BatchCollectorTest, ReplayedTransactionSplitOverBatchesIsAcknowledgedByItsEnd) {
  std::vector<std::string> ids;
  for (int i = 0; i < 30; ++i) ids.push_back(std::to_string(i));
  Block(6, 6, ids);
  std::vector<model::Batch> batches = StreamCommit(6, 290, 300);
  ASSERT_GT(batches.size(), 3u);
  if (!collector_.Empty()) batches.push_back(collector_.Take());
  std::set<std::string> found;
  for (const model::Batch& batch : batches) {
    EXPECT_EQ(batch.floor, Lsn{100});
    EXPECT_EQ(batch.last_commit, Lsn{290});
    EXPECT_EQ(batch.xids, std::vector<uint32_t>{6});
    EXPECT_LE(batch.complete_through, Lsn{300});
    if (&batch != &batches.back()) {
      EXPECT_EQ(batch.complete_through, Lsn{100});
    }
    found.merge(IdsOf(batch));
  }
  EXPECT_EQ(found.size(), ids.size());
  EXPECT_EQ(collector_.CompleteThrough(), Lsn{300});
}

TEST_F(BatchCollectorTest, AbortedPartsOfATransactionInProgressAreGone) {
  Block(6, 6, {"1"});
  Block(6, 7, {"2"});
  Block(8, 8, {"3"});
  ASSERT_TRUE(collector_.Add(model::StreamAbort{6, 7}));
  ASSERT_TRUE(collector_.Add(model::StreamAbort{8, 8}));
  StreamCommit(6, 290, 300);
  EXPECT_EQ(IdsOf(collector_.Take()), (std::set<std::string>{"1"}));
  EXPECT_EQ(collector_.SpoolUsage().transactions, 0u);
}

TEST_F(BatchCollectorTest, TruncateInABlockBecomesARebuild) {
  ASSERT_TRUE(collector_.Add(model::StreamStart{6, true}));
  Truncate(book_);
  ASSERT_TRUE(collector_.Add(model::Subtransaction{7}));
  Truncate(book_);
  ASSERT_TRUE(collector_.Add(model::StreamStop{}));
  EXPECT_TRUE(collector_.Empty());
  StreamCommit(6, 290, 300);
  EXPECT_EQ(collector_.Take().rebuilds, (std::vector<model::Rebuild>{{0, true}}));
}

// A column that documents need is dropped, rows are written, and all of it is rolled back.
TEST_F(BatchCollectorTest, ChangeThatCannotBeFollowedCountsOnlyIfItCommits) {
  auto without_id = std::make_shared<model::Relation>(*book_);
  without_id->columns[0].name = "gone";
  for (const uint32_t xid : {6u, 7u}) {
    ASSERT_TRUE(collector_.Add(model::StreamStart{xid, true}));
    Insert(without_id, "1");
    ASSERT_TRUE(collector_.Add(model::StreamStop{}));
  }
  ASSERT_TRUE(collector_.Add(model::StreamAbort{6, 6}));
  const auto committed = collector_.Add(model::StreamCommit{7, Lsn{290}, Lsn{300}, 0});
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().kind, base::ErrorKind::kRefused);
  EXPECT_NE(committed.error().message.find("no longer in the stream"), std::string::npos);
}

TEST_F(BatchCollectorTest, KeepaliveAdvancesBesideTransactionsInProgress) {
  ASSERT_TRUE(collector_.Add(model::StreamStart{6, true}));
  Insert(book_, "1");
  collector_.Advance(Lsn{250});
  EXPECT_EQ(collector_.CompleteThrough(), Lsn{100});
  ASSERT_TRUE(collector_.Add(model::StreamStop{}));
  collector_.Advance(Lsn{260});
  EXPECT_EQ(collector_.CompleteThrough(), Lsn{260});
}

TEST_F(BatchCollectorTest, BlockOfACommittedTransactionNeedNotWait) {
  Block(6, 6, {"1"});  // it was in progress then
  ASSERT_TRUE(collector_.Add(model::StreamStart{6, false}));
  collector_.BlockIsCommitted();
  Insert(book_, "2");
  ASSERT_TRUE(collector_.Add(model::Subtransaction{7}));
  Insert(book_, "3");
  ASSERT_TRUE(collector_.Add(model::StreamStop{}));
  const model::Batch early = collector_.Take();
  EXPECT_EQ(IdsOf(early), (std::set<std::string>{"2", "3"}));
  EXPECT_EQ(early.xids, (std::vector<uint32_t>{6}));
  EXPECT_EQ(early.floor, Lsn{100});
  EXPECT_EQ(early.complete_through, Lsn{100}) << "it is not complete before its commit record";
  collector_.Advance(Lsn{280});
  StreamCommit(6, 290, 300);
  const model::Batch rest = collector_.Take();
  EXPECT_EQ(IdsOf(rest), (std::set<std::string>{"1"}));
  EXPECT_EQ(rest.floor, Lsn{280});
  EXPECT_EQ(rest.last_commit, Lsn{290});
  EXPECT_EQ(rest.complete_through, Lsn{300});

  // A new block begins as one that is not known to have committed.
  Block(8, 8, {"4"});
  EXPECT_TRUE(collector_.Empty());
}

TEST_F(BatchCollectorTest, PartOfACommittedTransactionThatWasRolledBackMayBeStrange) {
  auto without_id = std::make_shared<model::Relation>(*book_);
  without_id->columns[0].name = "gone";
  for (const uint32_t xid : {6u, 8u}) {
    ASSERT_TRUE(collector_.Add(model::StreamStart{xid, true}));
    collector_.BlockIsCommitted();
    ASSERT_TRUE(collector_.Add(model::Subtransaction{xid + 1}));
    Insert(without_id, "1");
    ASSERT_TRUE(collector_.Add(model::StreamStop{}));
  }
  ASSERT_TRUE(collector_.Add(model::StreamAbort{6, 7}));
  ASSERT_TRUE(collector_.Add(model::StreamCommit{6, Lsn{290}, Lsn{300}, 0}));
  while (collector_.Replaying()) ASSERT_TRUE(collector_.Replay());
  EXPECT_FALSE(collector_.Add(model::StreamCommit{8, Lsn{310}, Lsn{320}, 0}));
}

TEST_F(BatchCollectorTest, TransactionWithoutTouchesCompletesTheWal) {
  Block(6, 6, {});
  EXPECT_TRUE(StreamCommit(6, 290, 300).empty());
  EXPECT_TRUE(collector_.Empty());
  EXPECT_EQ(collector_.CompleteThrough(), Lsn{300});
}

}  // namespace
}  // namespace app
