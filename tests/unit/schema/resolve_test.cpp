// Resolve: tables, columns, keys, entry points.
#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

const std::string kNode = "error: schema.json[0].nodes";

Strings KeysOfNode(const Node& node) {
  Strings keys;
  for (const Column& column : node.columns) keys.push_back(column.key);
  return keys;
}

TEST(Resolve, RefusesAMissingTable) {
  EXPECT_EQ(
      OfResolve(Document(R"({"table": "boook"})")),
      Strings{kNode + ".table: table \"public.boook\" does not exist; did you mean \"book\"?"});
}

TEST(Resolve, RefusesAMissingSchema) {
  EXPECT_EQ(
      OfResolve(Document(R"({"table": "book", "schema": "sales"})")),
      Strings{kNode + ".schema: schema \"sales\" does not exist in database \"shop\"; it has: "
                      "archive, public"});
}

TEST(Resolve, FindsTablesBySchema) {
  const DocumentTree tree = TreeOf(Document(R"({"table": "book", "schema": "archive"})"));
  EXPECT_EQ(KeysOfNode(tree.nodes[0]), (Strings{"id", "isbn"}));
}

TEST(Resolve, RefusesAMissingColumn) {
  EXPECT_EQ(
      OfResolve(Document(R"({"table": "book", "columns": ["isbn", "titel"]})")),
      Strings{kNode + ".columns[1]: column \"titel\" does not exist in public.book; did you mean "
                      "\"title\"?"});
}

TEST(Resolve, RefusesAPathOnAColumnThatIsNotJson) {
  EXPECT_EQ(
      OfResolve(Document(R"({"table": "book", "columns": ["title->x"]})")),
      Strings{kNode + ".columns[0]: \"title->x\": title is text; a path needs json or jsonb"});
}

TEST(Resolve, TakesAllColumnsInTableOrderByDefault) {
  for (const char* columns : {"", R"(, "columns": [])"}) {
    const DocumentTree tree =
        TreeOf(Document(R"({"table": "review")" + std::string(columns) + "}"));
    EXPECT_EQ(KeysOfNode(tree.nodes[0]), (Strings{"id", "book_isbn", "stars", "note"}));
  }
}

TEST(Resolve, TakesAnEntryThatIsAWholeNameAsThatColumn) {
  const DocumentTree tree = TreeOf(Document(R"({"table": "odd", "columns": ["doc->x"]})"));
  ASSERT_EQ(tree.nodes[0].columns.size(), 1u);
  EXPECT_EQ(tree.nodes[0].columns[0].name, "doc->x");
  EXPECT_EQ(tree.nodes[0].columns[0].key, "doc->x");
  EXPECT_EQ(tree.nodes[0].columns[0].path, "");
}

TEST(Resolve, TakesANameThatIsNoPathAsThatColumn) {
  Catalog catalog = Library();
  catalog.tables[{"public", "odd"}].columns.push_back(ColumnOfType("x#>>y", "text"));
  const std::string text = Document(R"({"table": "odd", "columns": ["x#>>y", "doc->x"],
      "transform": {"rename": {"doc->x": "z"}}})");
  EXPECT_EQ(OfResolve(text, catalog), Strings{});
  EXPECT_EQ(KeysOfNode(TreeOf(text, catalog).nodes[0]), (Strings{"x#>>y", "z"}));
  EXPECT_EQ(OfResolve(text),
            Strings{kNode + ".columns[0]: \"x#>>y\": after #>> comes a path in braces, as "
                            "{a,b,0}"});
}

TEST(Resolve, GivesPathsAsSqlWithTheTypeOfTheResult) {
  const DocumentTree tree =
      TreeOf(Document(R"({"table": "book", "columns": ["isbn", "doc->x->0", "raw->>y"]})"));
  const auto& columns = tree.nodes[0].columns;
  ASSERT_EQ(columns.size(), 3u);
  EXPECT_EQ(columns[0].path, "");
  EXPECT_EQ(columns[0].type_oid, 25u);
  EXPECT_EQ(columns[1].key, "doc_x_0");
  EXPECT_EQ(columns[1].name, "doc");
  EXPECT_EQ(columns[1].path, "->'x'->0");
  EXPECT_EQ(columns[1].type_oid, 3802u);
  EXPECT_EQ(columns[2].path, "->>'y'");
  EXPECT_EQ(columns[2].type_oid, 25u);
}

TEST(Resolve, AcceptsXminAndCtidWithAWarning) {
  const std::string text = Document(R"({"table": "book", "columns": ["isbn", "xmin"]})");
  EXPECT_EQ(
      OfResolve(text),
      Strings{"warning: schema.json[0].nodes.columns[1]: \"xmin\" changes without any change of "
              "the row; the document will not follow it"});
  EXPECT_EQ(TreeOf(text).nodes[0].columns[1].type_oid, 28u);
}

TEST(Resolve, RefusesTheSystemColumnOid) {
  EXPECT_EQ(
      OfResolve(Document(R"({"table": "book", "columns": ["oid"]})")),
      Strings{kNode + ".columns[0]: column \"oid\" does not exist in public.book; no supported "
                      "PostgreSQL has it"});
}

TEST(Resolve, RequiresAPrimaryKey) {
  EXPECT_EQ(OfResolve(Document(R"({"table": "log"})")),
            Strings{kNode + ": public.log has no primary key; a table needs one (a view: "
                            "\"primary_key\")"});
}

TEST(Resolve, RequiresAPrimaryKeyOfChildrenToo) {
  EXPECT_EQ(
      OfResolve(WithChild("book", Child("log", R"(, "foreign_key":
                {"parent": "title", "child": "line"})"))),
      Strings{kNode + ".children[0]: public.log has no primary key; a table needs one (a view: "
                      "\"primary_key\")"});
}

TEST(Resolve, IgnoresPrimaryKeyWhenTheTableHasItsOwn) {
  EXPECT_EQ(
      OfResolve(Document(R"({"table": "book", "primary_key": ["title"]})")),
      Strings{"warning: schema.json[0].nodes.primary_key: public.book has its own primary key; "
              "this is ignored"});
}

TEST(Resolve, ChecksTheColumnsOfPrimaryKey) {
  EXPECT_EQ(
      OfResolve(Document(R"({"table": "log", "primary_key": ["at", "lines", "at"]})")),
      (Strings{kNode + ".primary_key[1]: column \"lines\" does not exist in public.log; did you "
                       "mean \"line\"?",
               kNode + ".primary_key[2]: \"at\" is listed twice"}));
}

TEST(Resolve, SortsTheColumnsOfARealKeyInTheIdOnly) {
  const DocumentTree tree = TreeOf(Document(R"({"table": "shelf"})"));
  EXPECT_EQ(tree.id_columns, (Strings{"area", "room"}));
  EXPECT_EQ(tree.id_types, (Strings{"integer", "integer"}));
  EXPECT_EQ(tree.nodes[0].key, (Strings{"room", "area"}));
  EXPECT_EQ(tree.entries[0].columns, tree.id_columns);
}

TEST(Resolve, KeepsTheOrderOfAKeyFromTheFile) {
  const DocumentTree tree =
      TreeOf(Document(R"({"table": "best_seller", "primary_key": ["rank", "isbn"]})"));
  EXPECT_EQ(tree.id_columns, (Strings{"rank", "isbn"}));
  EXPECT_EQ(tree.id_types, (Strings{"integer", "text"}));
}

TEST(Resolve, WarnsThatChangesBehindAViewAreNotSeen) {
  EXPECT_EQ(OfResolve(Document(R"({"table": "best_seller", "primary_key": ["rank"]})")),
            Strings{"warning: schema.json[0].nodes: public.best_seller is a view without "
                    "\"base_tables\": changes behind it are not seen"});
}

TEST(Resolve, AppliesRenamesToColumnsAndLabels) {
  const DocumentTree tree = TreeOf(Document(R"({"table": "book", "columns": ["isbn", "title"],
      "transform": {"rename": {"title": "name", "review": "opinions"}},
      "children": [)" + Child("review", "") +
                                            "]}"));
  EXPECT_EQ(KeysOfNode(tree.nodes[0]), (Strings{"isbn", "name"}));
  EXPECT_EQ(tree.nodes[1].label, "opinions");
}

TEST(Resolve, ChecksRenamesAgainstAllColumnsOfTheTable) {
  EXPECT_EQ(
      OfResolve(Document(R"({"table": "publisher", "transform": {"rename": {"nmae": "x"}}})")),
      Strings{kNode + ".transform.rename.nmae: this node has no key \"nmae\"; did you mean "
                      "\"name\"?"});
}

TEST(Resolve, LeavesOutAColumnThatAChildHides) {
  const std::string text = Document(R"({"table": "publisher", "children": [{"table": "book",
      "label": "name", "columns": ["isbn"],
      "relationship": {"type": "one_to_many", "variant": "scalar"}}]})");
  EXPECT_EQ(
      OfResolve(text),
      Strings{"warning: schema.json[0].nodes.children[0].label: \"name\" is also the key of a "
              "column; the child wins, the column is left out"});
  EXPECT_EQ(KeysOfNode(TreeOf(text).nodes[0]), Strings{"id"});
}

TEST(Resolve, TakesTheFirstColumnOfAScalar) {
  const DocumentTree tree =
      TreeOf(WithChild("book", R"({"table": "review", "columns": ["stars", "id"],
      "relationship": {"type": "one_to_many", "variant": "scalar"}})"));
  EXPECT_EQ(KeysOfNode(tree.nodes[1]), Strings{"stars"});
  EXPECT_EQ(tree.nodes[1].variant, Variant::kScalar);
}

TEST(Resolve, SaysWhichColumnAScalarWithoutColumnsTakes) {
  EXPECT_EQ(
      OfResolve(WithChild("book", R"({"table": "review",
      "relationship": {"type": "one_to_many", "variant": "scalar"}})")),
      Strings{"warning: schema.json[0].nodes.children[0]: a scalar node has one value: \"id\", "
              "the first column of public.review; name it in \"columns\""});
}

TEST(Resolve, NumbersParentsBeforeChildren) {
  const DocumentTree tree =
      TreeOf(WithChild("publisher",
                       R"({"table": "book", "label": "books", "columns": ["isbn"],
        "relationship": {"type": "one_to_many", "variant": "object"},
        "children": [)" + Child("review", "") +
                           "," + Child("author", R"(, "through_tables": ["book_author"])") + "]}"));
  ASSERT_EQ(tree.nodes.size(), 4u);
  EXPECT_EQ(tree.nodes[0].children, std::vector<uint32_t>{1});
  EXPECT_EQ(tree.nodes[1].children, (std::vector<uint32_t>{2, 3}));
  EXPECT_EQ(tree.nodes[1].label, "books");
  EXPECT_EQ(tree.nodes[2].parent, 1);
  EXPECT_EQ(tree.nodes[3].parent, 1);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(tree.nodes[i].id, i);
}

TEST(Resolve, GivesEveryTableThatCanChangeAnEntry) {
  const DocumentTree tree =
      TreeOf(WithChild("book", Child("review", "") + "," +
                                   Child("author", R"(, "through_tables": ["book_author"])")));
  ASSERT_EQ(tree.entries.size(), 4u);
  EXPECT_EQ(tree.entries[0].via, EntryPoint::Via::kRoot);
  EXPECT_EQ(tree.entries[1].via, EntryPoint::Via::kChild);
  EXPECT_EQ(tree.entries[1].table, (TableName{"public", "review"}));
  EXPECT_EQ(tree.entries[1].columns, Strings{"book_isbn"});
  EXPECT_EQ(tree.entries[1].types, Strings{"text"});
  EXPECT_EQ(tree.entries[2].via, EntryPoint::Via::kChild);
  EXPECT_EQ(tree.entries[2].table, (TableName{"public", "author"}));
  EXPECT_EQ(tree.entries[2].columns, Strings{"id"});
  EXPECT_EQ(tree.entries[2].types, Strings{"bigint"});
  EXPECT_EQ(tree.entries[3].via, EntryPoint::Via::kJunction);
  EXPECT_EQ(tree.entries[3].table, (TableName{"public", "book_author"}));
  EXPECT_EQ(tree.entries[3].columns, Strings{"book_isbn"});
  EXPECT_EQ(tree.entries[3].node, 2u);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(tree.entries[i].id, i);
}

TEST(Resolve, CarriesTheSettingsOfTheDocument) {
  const DocumentTree tree =
      TreeOf(Document(R"({"table": "book"})", R"("pipeline": "p", "alias": false,
      "version": false, "empty_array": "empty", )"));
  EXPECT_EQ(tree.pipeline, "p");
  EXPECT_FALSE(tree.alias);
  EXPECT_FALSE(tree.versioned);
  EXPECT_TRUE(tree.empty_array);
  EXPECT_EQ(tree.database, "shop");
  EXPECT_EQ(tree.index, "book");
}

TEST(Resolve, TakesTheDocumentsOfTheGivenDatabaseOnly) {
  const SchemaFile file = Parse(R"([{"database": "other", "nodes": {"table": "nothing"}},
      {"database": "shop", "nodes": {"table": "book"}}])",
                                "schema.json", NoEnvironment);
  ASSERT_TRUE(file.ok());
  const Resolved resolved = Resolve(file, "shop", Library());
  EXPECT_EQ(Texts(resolved.findings), Strings{});
  ASSERT_EQ(resolved.trees.size(), 1u);
  EXPECT_EQ(resolved.trees[0].number, 1u);
}

TEST(Resolve, ReportsEveryNodeAtOnce) {
  EXPECT_EQ(
      OfResolve(WithChild("boook", R"({"table": "review", "columns": ["strs"],
                "relationship": {"type": "one_to_many", "variant": "object"}, "children": [)" +
                                       Child("authr", R"(, "through_tables": ["nowhere"])") +
                                       "]}")),
      (Strings{kNode + ".table: table \"public.boook\" does not exist; did you mean \"book\"?",
               kNode + ".children[0].columns[0]: column \"strs\" does not exist in "
                       "public.review; did you mean \"stars\"?",
               kNode + ".children[0].children[0].table: table \"public.authr\" does not exist; "
                       "did you mean \"author\"?",
               kNode + ".children[0].children[0].relationship.through_tables[0]: table "
                       "\"public.nowhere\" does not exist"}));
}

}  // namespace
}  // namespace schema
