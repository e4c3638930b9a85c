// Which touches a row change causes: old and new values, at every kind of entry.
#include "consumer/assemble/affected_roots.h"

#include <gtest/gtest.h>

#include "tests/unit/assemble/tree_fixture.h"

namespace assemble {
namespace {

using model::OldRow;
using model::RowChange;
using model::Touch;
using model::Value;

std::shared_ptr<const model::Relation> Relation(const std::string& table,
                                                std::vector<std::string> columns) {
  auto relation = std::make_shared<model::Relation>();
  relation->schema = "public";
  relation->table = table;
  for (std::string& column : columns) relation->columns.push_back({std::move(column), 23, true});
  return relation;
}

Value Text(const char* text) { return {Value::Kind::kText, text}; }
const Value kNull{Value::Kind::kNull, ""};
const Value kMissing{Value::Kind::kMissing, ""};
const Value kUnchanged{Value::Kind::kUnchanged, ""};

class AffectedRootsTest : public ::testing::Test {
 protected:
  std::vector<Touch> Collect(const RowChange& change) {
    std::vector<Touch> touches;
    const auto status = roots_.Collect(change, &touches);
    EXPECT_TRUE(status.ok());
    return touches;
  }
  base::ErrorKind CollectError(const RowChange& change) {
    std::vector<Touch> touches;
    const auto status = roots_.Collect(change, &touches);
    EXPECT_FALSE(status.ok());
    return status.ok() ? base::ErrorKind::kRetry : status.error().kind;
  }

  std::vector<schema::DocumentTree> trees_{testing::BookTree()};
  AffectedRoots roots_{trees_};
};

TEST_F(AffectedRootsTest, InsertOfARootTouchesItsKey) {
  const auto touches = Collect(
      {RowChange::Kind::kInsert, Relation("book", {"id"}), OldRow::kAbsent, {}, {Text("7")}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 0, {"7"}}}));
}

TEST_F(AffectedRootsTest, MovedChildTouchesOldAndNewParent) {
  const auto touches = Collect({RowChange::Kind::kUpdate,
                                Relation("review", {"id", "book_id"}),
                                OldRow::kFull,
                                {Text("1"), Text("7")},
                                {Text("1"), Text("8")}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 2, {"7"}}, {0, 2, {"8"}}}));
}

TEST_F(AffectedRootsTest, UpdateWithoutOldRowTouchesOnce) {
  const auto touches = Collect({RowChange::Kind::kUpdate,
                                Relation("review", {"id", "book_id"}),
                                OldRow::kAbsent,
                                {},
                                {Text("1"), Text("8")}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 2, {"8"}}}));
}

// The link may have changed: only an identity that holds it would have brought the old row.
TEST_F(AffectedRootsTest, UpdateWithoutOldRowUnderAWeakIdentityIsRefused) {
  auto weak = std::make_shared<model::Relation>(*Relation("review", {"id", "book_id"}));
  weak->columns[1].in_identity = false;
  EXPECT_EQ(
      CollectError({RowChange::Kind::kUpdate, weak, OldRow::kAbsent, {}, {Text("1"), Text("8")}}),
      base::ErrorKind::kRefused);
  const auto touches =
      Collect({RowChange::Kind::kInsert, weak, OldRow::kAbsent, {}, {Text("1"), Text("8")}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 2, {"8"}}}));
}

TEST_F(AffectedRootsTest, NullLinkTouchesNobody) {
  const auto touches = Collect({RowChange::Kind::kUpdate,
                                Relation("review", {"id", "book_id"}),
                                OldRow::kFull,
                                {Text("1"), Text("7")},
                                {Text("1"), kNull}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 2, {"7"}}}));
}

TEST_F(AffectedRootsTest, DeleteTouchesByTheOldRow) {
  const auto touches = Collect(
      {RowChange::Kind::kDelete, Relation("book_tag", {"book_id"}), OldRow::kKey, {Text("7")}, {}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 4, {"7"}}}));
}

TEST_F(AffectedRootsTest, UnchangedToastIsTakenFromTheOldRow) {
  const auto touches = Collect({RowChange::Kind::kUpdate,
                                Relation("review", {"id", "book_id"}),
                                OldRow::kFull,
                                {Text("1"), Text("7")},
                                {Text("1"), kUnchanged}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 2, {"7"}}}));
}

// What only makes up the address beside the id goes along, NULL or not.
TEST_F(AffectedRootsTest, CarriedValuesMayBeNull) {
  trees_[0].entries[0].columns = {"id", "shelf"};
  trees_[0].entries[0].types = {"int4", "text"};
  trees_[0].entries[0].carried = 1;
  const auto touches = Collect({RowChange::Kind::kUpdate,
                                Relation("book", {"id", "shelf"}),
                                OldRow::kFull,
                                {Text("1"), Text("a")},
                                {Text("1"), kNull}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 0, {"1", "a"}}, {0, 0, {"1", std::nullopt}}}));
  EXPECT_TRUE(Collect({RowChange::Kind::kInsert,
                       Relation("book", {"id", "shelf"}),
                       OldRow::kAbsent,
                       {},
                       {kNull, Text("a")}})
                  .empty());
}

TEST_F(AffectedRootsTest, UnchangedCarriedValueIsTheOldOne) {
  trees_[0].entries[0].columns = {"id", "shelf"};
  trees_[0].entries[0].types = {"int4", "text"};
  trees_[0].entries[0].carried = 1;
  const auto touches = Collect({RowChange::Kind::kUpdate,
                                Relation("book", {"id", "shelf"}),
                                OldRow::kFull,
                                {Text("1"), Text("a")},
                                {Text("2"), kUnchanged}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 0, {"1", "a"}}, {0, 0, {"2", "a"}}}));
}

TEST_F(AffectedRootsTest, TableBehindAViewTouchesByItsKey) {
  trees_[0].entries.push_back(
      {5, 2, schema::EntryPoint::Via::kView, {"public", "note"}, {"id"}, {"int4"}});
  trees_[0].entries.push_back(
      {6, 2, schema::EntryPoint::Via::kViewLink, {"public", "note"}, {"book_id"}, {"int4"}});
  const auto touches = Collect({RowChange::Kind::kUpdate,
                                Relation("note", {"id", "book_id"}),
                                OldRow::kFull,
                                {Text("1"), Text("7")},
                                {Text("1"), Text("8")}});
  EXPECT_EQ(touches, (std::vector<Touch>{{0, 5, {"1"}}, {0, 6, {"7"}}, {0, 6, {"8"}}}));
}

TEST_F(AffectedRootsTest, TruncateBehindARootViewSweeps) {
  trees_[0].entries.push_back(
      {5, 0, schema::EntryPoint::Via::kView, {"public", "volume"}, {"id"}, {"int4"}});
  std::vector<model::Rebuild> rebuilds;
  roots_.Collect(model::Truncate{{Relation("volume", {"id"})}, false, false}, &rebuilds);
  EXPECT_EQ(rebuilds, (std::vector<model::Rebuild>{{0, true}}));
}

// Entry 2 (review by book_id) gets a lookup by review's key behind it.
class LookupTest : public AffectedRootsTest {
 protected:
  LookupTest() {
    std::vector<schema::EntryPoint>& entries = trees_[0].entries;
    entries[2].old_by_lookup = true;
    entries.resize(3);
    entries.push_back(
        {3, 2, schema::EntryPoint::Via::kLookup, {"public", "review"}, {"id"}, {"int4"}});
  }
  static std::shared_ptr<const model::Relation> Review(bool link_in_identity) {
    auto relation = std::make_shared<model::Relation>(*Relation("review", {"id", "book_id"}));
    relation->columns[1].in_identity = link_in_identity;
    return relation;
  }
};

TEST_F(LookupTest, StandsInForOldLinksThatTheWalLacks) {
  EXPECT_EQ(
      Collect(
          {RowChange::Kind::kUpdate, Review(false), OldRow::kAbsent, {}, {Text("1"), Text("8")}}),
      (std::vector<Touch>{{0, 2, {"8"}}, {0, 3, {"1"}}}));
  EXPECT_EQ(Collect({RowChange::Kind::kUpdate,
                     Review(false),
                     OldRow::kKey,
                     {Text("1"), kMissing},
                     {Text("2"), Text("8")}}),
            (std::vector<Touch>{{0, 2, {"8"}}, {0, 3, {"1"}}}));
  EXPECT_EQ(
      Collect({RowChange::Kind::kDelete, Review(false), OldRow::kKey, {Text("1"), kMissing}, {}}),
      (std::vector<Touch>{{0, 3, {"1"}}}));
}

TEST_F(LookupTest, IsNotNeededForInsertsNorWhereTheWalHasTheLinks) {
  EXPECT_EQ(
      Collect(
          {RowChange::Kind::kInsert, Review(false), OldRow::kAbsent, {}, {Text("1"), Text("8")}}),
      (std::vector<Touch>{{0, 2, {"8"}}}));
  EXPECT_EQ(
      Collect({RowChange::Kind::kDelete, Review(true), OldRow::kFull, {Text("1"), Text("7")}, {}}),
      (std::vector<Touch>{{0, 2, {"7"}}}));
}

TEST_F(LookupTest, NeedsTheKeyOfADeletedRow) {
  EXPECT_EQ(CollectError({RowChange::Kind::kDelete, Review(false), OldRow::kAbsent, {}, {}}),
            base::ErrorKind::kRefused);
}

TEST_F(AffectedRootsTest, LinkOutsideOfTheIdentityIsRefused) {
  EXPECT_EQ(CollectError({RowChange::Kind::kDelete,
                          Relation("review", {"id", "book_id"}),
                          OldRow::kKey,
                          {Text("1"), kMissing},
                          {}}),
            base::ErrorKind::kRefused);
}

TEST_F(AffectedRootsTest, DeleteWithoutIdentityIsRefused) {
  EXPECT_EQ(
      CollectError({RowChange::Kind::kDelete, Relation("book", {"id"}), OldRow::kAbsent, {}, {}}),
      base::ErrorKind::kRefused);
}

// The WAL stays as it is: an identity that is right again does not help, only a new load does.
TEST_F(AffectedRootsTest, WeakIdentityIsMendedByANewLoad) {
  std::vector<Touch> touches;
  const auto status = roots_.Collect(
      {RowChange::Kind::kDelete, Relation("book", {"id"}), OldRow::kAbsent, {}, {}}, &touches);
  ASSERT_FALSE(status.ok());
  const std::string& message = status.error().message;
  const size_t teardown = message.find("`pgsync-consumer teardown SCHEMA`");
  const size_t bootstrap = message.find("`pgsync-consumer bootstrap --apply SCHEMA`");
  EXPECT_NE(bootstrap, std::string::npos) << message;
  EXPECT_LT(teardown, bootstrap) << message;
}

TEST_F(AffectedRootsTest, ColumnThatLeftTheStreamIsRefused) {
  EXPECT_EQ(
      CollectError(
          {RowChange::Kind::kInsert, Relation("review", {"id"}), OldRow::kAbsent, {}, {Text("1")}}),
      base::ErrorKind::kRefused);
}

TEST_F(AffectedRootsTest, TableOfNobodyTouchesNothing) {
  EXPECT_TRUE(
      Collect(
          {RowChange::Kind::kInsert, Relation("other", {"id"}), OldRow::kAbsent, {}, {Text("1")}})
          .empty());
}

TEST_F(AffectedRootsTest, TruncateOfTheRootSweepsAndOfAChildDoesNot) {
  std::vector<model::Rebuild> rebuilds;
  roots_.Collect(model::Truncate{{Relation("review", {"id"})}, false, false}, &rebuilds);
  EXPECT_EQ(rebuilds, (std::vector<model::Rebuild>{{0, false}}));
  roots_.Collect(model::Truncate{{Relation("book", {"id"})}, true, false}, &rebuilds);
  EXPECT_EQ(rebuilds, (std::vector<model::Rebuild>{{0, true}}));
}

}  // namespace
}  // namespace assemble
