// Rows by hand -> bulk text: addresses, deletions, documents that cannot be made, _meta.
#include "consumer/assemble/document_writer.h"

#include <gtest/gtest.h>

#include "tests/unit/assemble/rows_fixture.h"
#include "tests/unit/assemble/tree_fixture.h"

namespace assemble {
namespace {

using model::BulkItem;
using testing::Cells;
using testing::Int4;
using testing::Int8;
using testing::MakeRows;

constexpr uint32_t kInt4 = 23, kInt8 = 20, kText = 25, kJson = 114;

// A root alone: table shelf(id, room), both in the document.
schema::DocumentTree ShelfTree() {
  schema::DocumentTree tree;
  tree.index = "shelf";
  tree.id_columns = {"id"};
  tree.id_types = {"int4"};
  schema::Node shelf;
  shelf.table = {"public", "shelf"};
  shelf.columns = {{"id", "id", "", kInt4}, {"room", "room", "", kText}};
  shelf.key = {"id"};
  shelf.key_types = {"int4"};
  tree.nodes = {shelf};
  tree.entries = {{0, 0, schema::EntryPoint::Via::kRoot, shelf.table, {"id"}, {"int4"}}};
  return tree;
}

void RouteByRoom(schema::DocumentTree* tree) {
  tree->routing_key = tree->routing_column = "room";
  tree->routing_type = "text";
  tree->entries[0].columns = {"id", "room"};
  tree->entries[0].types = {"int4", "text"};
  tree->entries[0].carried = 1;
}

// The request for root rows as the by-key statement gives them.
model::BulkRequest Write(const schema::DocumentTree& tree, const std::vector<uint32_t>& types,
                         const std::vector<Cells>& rows) {
  const TreeStatements statements = MakeStatements(tree);
  const DocumentWriter writer(tree, statements);
  ChunkRows chunk;
  chunk.levels.resize(1);
  chunk.levels[0].rows = MakeRows(types, rows);
  chunk.root_layout = &statements.root_by_key.layout;
  model::BulkRequest request;
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto status = writer.Append(chunk, static_cast<int>(row), 9, &request);
    EXPECT_TRUE(status.ok()) << status.error().message;
  }
  return request;
}

// id, wanted id, columns
const std::vector<uint32_t> kPlain = {kText, kText, kInt4, kText};
// id, wanted id, routing, wanted routing, columns
const std::vector<uint32_t> kRouted = {kText, kText, kText, kText, kInt4, kText};

TEST(DocumentWriter, AbsentRootIsADeletionWithAVersion) {
  const auto request =
      Write(ShelfTree(), kPlain,
            {{"1", "1", Int4(1), "attic"}, {std::nullopt, "2", std::nullopt, std::nullopt}});
  EXPECT_EQ(request.body, R"({"index":{"_id":"1","version":9,"version_type":"external_gte"}})"
                          "\n"
                          R"({"id":1,"room":"attic"})"
                          "\n"
                          R"({"delete":{"_id":"2","version":9,"version_type":"external_gte"}})"
                          "\n");
  ASSERT_EQ(request.items.size(), 2u);
  EXPECT_FALSE(request.items[0].any_routing);
  EXPECT_EQ(request.items[1].routing, "");
}

TEST(DocumentWriter, RoutingComesFromTheColumn) {
  auto tree = ShelfTree();
  RouteByRoom(&tree);
  const auto request = Write(tree, kRouted, {{"1", "1", "attic", "attic", Int4(1), "attic"}});
  ASSERT_EQ(request.items.size(), 1u);
  EXPECT_EQ(request.items[0].routing, "attic");
  EXPECT_EQ(request.body,
            R"({"index":{"_id":"1","routing":"attic","version":9,"version_type":"external_gte"}})"
            "\n"
            R"({"id":1,"room":"attic"})"
            "\n");
}

TEST(DocumentWriter, ChangedRoutingDeletesTheOldCopyFirst) {
  auto tree = ShelfTree();
  RouteByRoom(&tree);
  const auto request = Write(tree, kRouted, {{"1", "1", "hall", "attic", Int4(1), "hall"}});
  ASSERT_EQ(request.items.size(), 2u);
  EXPECT_EQ(request.items[0].kind, BulkItem::Kind::kDelete);
  EXPECT_EQ(request.items[0].routing, "attic");
  EXPECT_EQ(request.items[1].kind, BulkItem::Kind::kIndex);
  EXPECT_EQ(request.items[1].routing, "hall");
}

// The engine demands a routing of every action; by the id means the shard it would have without.
TEST(DocumentWriter, NullRoutingIsTheId) {
  auto tree = ShelfTree();
  RouteByRoom(&tree);
  const auto request =
      Write(tree, kRouted,
            {{"1", "1", std::nullopt, "attic", Int4(1), std::nullopt},
             {std::nullopt, "2", std::nullopt, std::nullopt, std::nullopt, std::nullopt},
             {"3", "3", "", std::nullopt, Int4(3), ""}});
  ASSERT_EQ(request.items.size(), 4u);
  EXPECT_EQ(request.items[0].routing, "attic");
  EXPECT_EQ(request.items[1].routing, "1");
  EXPECT_EQ(request.items[2].kind, BulkItem::Kind::kDelete);
  EXPECT_EQ(request.items[2].routing, "2");
  EXPECT_EQ(request.items[3].routing, "3");
  EXPECT_NE(request.body.find(R"({"delete":{"_id":"2","routing":"2",)"), std::string::npos);
}

TEST(DocumentWriter, RoutingOfTheFinishedDocumentLeavesDeletionsOpen) {
  auto tree = ShelfTree();
  tree.routing_key = "place";
  tree.nodes[0].transform.concat = {{{{false, "room"}, {false, "id"}}, "place", "-"}};
  const auto request =
      Write(tree, kPlain,
            {{"1", "1", Int4(1), "attic"}, {std::nullopt, "2", std::nullopt, std::nullopt}});
  ASSERT_EQ(request.items.size(), 2u);
  EXPECT_TRUE(request.items[0].any_routing);
  EXPECT_EQ(request.items[0].routing, "attic-1");
  EXPECT_EQ(request.Document(request.items[0]), R"({"id":1,"room":"attic","place":"attic-1"})");
  EXPECT_TRUE(request.items[1].any_routing);
  EXPECT_EQ(request.items[1].routing, "");
}

TEST(DocumentWriter, DocumentThatCannotBeMadeStopsNoOther) {
  auto tree = ShelfTree();
  tree.nodes[0].transform.move = {{"id", {"room", "id"}}};  // room is no object in the first
  tree.nodes[0].columns[1].type_oid = kJson;
  const auto request =
      Write(tree, {kText, kText, kInt4, kJson},
            {{"1", "1", Int4(1), R"("attic")"}, {"2", "2", Int4(2), R"({"a":0})"}});
  ASSERT_EQ(request.unmade.size(), 1u);
  EXPECT_EQ(request.unmade[0].id, "1");
  EXPECT_EQ(request.unmade[0].version, 9u);
  EXPECT_NE(request.unmade[0].reason, "");
  ASSERT_EQ(request.items.size(), 1u);
  EXPECT_EQ(request.items[0].action_offset, 0u);
  EXPECT_EQ(request.Document(request.items[0]), R"({"room":{"a":0,"id":2}})");
}

TEST(DocumentWriter, TemplateOfTheIdEscapesNothing) {
  auto tree = ShelfTree();
  tree.id_columns = {"room", "id"};
  tree.id_types = {"text", "int4"};
  tree.entries[0].columns = tree.id_columns;
  tree.entries[0].types = tree.id_types;
  tree.id_texts = {"at-", "/", ""};
  const auto request = Write(tree, {kText, kText, kText, kText, kInt4, kText},
                             {{"a|b", "1", "a|b", "1", Int4(1), "a|b"}});
  ASSERT_EQ(request.items.size(), 1u);
  EXPECT_EQ(request.items[0].id, "at-a|b/1");
}

// Books with reviews: the second review of book 1 hangs on a group of its own number.
TEST(DocumentWriter, MetaHoldsAllKeysOnceInOrder) {
  auto tree = testing::BookTree();
  tree.meta = true;
  tree.nodes[0].children = {2, 3};
  tree.nodes[3].junction->key = {"tag_id"};
  const TreeStatements statements = MakeStatements(tree);
  const DocumentWriter writer(tree, statements);
  ChunkRows chunk;
  chunk.levels.resize(4);
  // id, links of reviews and tags, key, columns
  chunk.levels[0].rows =
      MakeRows({kText, kText, kText, kText, kInt4, kText}, {{"7", "7", "7", "7", Int4(7), "T"}});
  chunk.root_layout = &statements.root_by_pages.layout;
  LevelRows& reviews = chunk.levels[2];
  reviews.rows =
      MakeRows({kInt8, kText, kInt4}, {{Int8(1), "9", Int4(5)}, {Int8(1), "10", Int4(4)}});
  LevelRows& tags = chunk.levels[3];
  tags.rows = MakeRows({kInt8, kText, kText, kText},
                       {{Int8(1), "\"b\"", "3", "x"}, {Int8(1), "\"b\"", "2", "y"}});
  for (LevelRows* level : {&reviews, &tags}) {
    level->group_of_parent = {0};
    FindGroups({}, 1, level);
    EXPECT_EQ(level->groups_of_several, 1u);
  }
  model::BulkRequest request;
  ASSERT_TRUE(writer.Append(chunk, 0, 9, &request).ok());
  EXPECT_EQ(request.Document(request.items.at(0)),
            R"({"id":7,"title":"T","reviews":[{"stars":5},{"stars":4}],"tags":["x","y"],"_meta":)"
            R"({"book":{"id":["7"]},"book_tag":{"tag_id":[2,3]},"review":{"id":[9,10]},)"
            R"("tag":{"id":["b"]}}})");
}

}  // namespace
}  // namespace assemble
