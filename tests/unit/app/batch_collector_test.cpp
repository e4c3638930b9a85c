// Which position a batch may acknowledge: transactions whole, split over batches, and without any
// touch.
#include "consumer/app/batch_collector.h"

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
  void Commit(uint64_t commit_lsn, uint64_t end_lsn) {
    ASSERT_TRUE(collector_.Add(model::Commit{Lsn{commit_lsn}, Lsn{end_lsn}, 0}));
  }

  std::vector<schema::DocumentTree> trees_{assemble::testing::BookTree()};
  BatchCollector collector_{trees_, Lsn{100}, 100};
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

}  // namespace
}  // namespace app
