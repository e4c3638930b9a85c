// Parse: the file and its top-level keys.
#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

TEST(Parse, AcceptsTheSmallestFile) {
  const SchemaFile file =
      Parse(R"([{"database": "shop", "nodes": {"table": "book"}}])", "schema.json", NoEnvironment);
  EXPECT_EQ(Texts(file.findings()), Strings{});
  EXPECT_EQ(file.Databases(), Strings{"shop"});
  EXPECT_EQ(file.FirstIndex(file.Databases().front()), "shop");
}

TEST(Parse, GivesLineAndColumnOfWhatIsNotJson) {
  const Strings found = OfParse("[\n  {\"é\": x}\n]");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].starts_with("error: schema.json: line 2, column 9: not valid JSON: "))
      << found[0];
}

TEST(Parse, GivesTheEndWhenTheFileIsCutOff) {
  const Strings found = OfParse("[{\"database\": \"shop\",\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].starts_with("error: schema.json: line 2, column 1: not valid JSON: "))
      << found[0];
}

TEST(Parse, RefusesNumbersThatNoDoubleHolds) {
  EXPECT_EQ(OfParse("[-1e400]"), Strings{"error: schema.json: line 1, column 7: not valid JSON: "
                                         "number overflow parsing '-1e400'"});
}

TEST(Parse, RefusesTextThatIsNotUtf8) {
  const Strings found = OfParse("[{\"database\": \"\xff\"}]");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("not valid JSON"), std::string::npos);
}

TEST(Parse, RefusesAnObject) {
  EXPECT_EQ(
      OfParse("{}"),
      Strings{"error: schema.json: a schema file is a JSON array of documents; found an object"});
}

TEST(Parse, RefusesAnEmptyArray) {
  EXPECT_EQ(OfParse("[]"),
            Strings{"error: schema.json: a schema file is a JSON array of documents; "
                    "found an empty array"});
}

TEST(Parse, RefusesADocumentThatIsNoObject) {
  EXPECT_EQ(OfParse("[7]"), Strings{"error: schema.json[0]: expected an object; found a number"});
}

TEST(Parse, RefusesAKeyGivenTwice) {
  EXPECT_EQ(OfParse(R"([{"database": "shop", "nodes": {"table": "a", "table": "b"}}])"),
            Strings{"error: schema.json[0].nodes: the key \"table\" is given twice"});
}

TEST(Parse, NamesTheArrayElementOfAKeyGivenTwice) {
  EXPECT_EQ(OfParse(R"([{"database": "shop", "nodes": {"table": "a"}}, {"index": "x", "index": "y",
                        "database": "shop", "nodes": {"table": "a"}}])"),
            Strings{"error: schema.json[1]: the key \"index\" is given twice"});
}

TEST(Parse, RefusesBottomlessNesting) {
  const Strings found = OfParse(std::string(100000, '['));
  EXPECT_EQ(found, Strings{"error: schema.json: nested deeper than 400 levels of JSON"});
}

TEST(Parse, RefusesAnUnknownTopLevelKey) {
  EXPECT_EQ(
      OfParse(Document(R"({"table": "book"})", R"("mapings": {}, )")),
      Strings{
          "error: schema.json[0].mapings: unknown key \"mapings\"; allowed: database, "
          "index, nodes, plugins, pipeline, routing, setting, mapping, mappings, id, "
          "alias, version, empty_array, meta, type_mapping, schemas; did you mean \"mappings\"?"});
}

TEST(Parse, LeavesCommentsAlone) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book"})", R"("_why": 1, "$schema": "${NOT}", )")),
            Strings{});
}

TEST(Parse, RefusesWhatIsNotSupportedYetByName) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book"})", R"("schemas": "tenant_*", )")),
            Strings{"error: schema.json[0].schemas: \"schemas\" is not supported yet by this "
                    "version"});
  EXPECT_EQ(OfParse(Document(R"({"table": "book"})", R"("schemas": [], )")), Strings{});
}

TEST(Parse, AcceptsKeysThatAskForNothing) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "base_tables": [], "order_by": [],
                                 "exclude": [], "where": null})",
                             R"("plugins": [], "meta": false, "id": [], "routing": "", )")),
            Strings{});
}

TEST(Parse, RequiresTheDatabase) {
  for (const char* text : {R"([{"index": "book", "nodes": {"table": "book"}}])",
                           R"([{"database": "", "index": "book", "nodes": {"table": "book"}}])"}) {
    EXPECT_EQ(
        OfParse(text),
        Strings{"error: schema.json[0].database: required: the name of the PostgreSQL database"});
  }
}

TEST(Parse, RequiresTheRootNode) {
  EXPECT_EQ(OfParse(R"([{"database": "shop"}])"),
            Strings{"error: schema.json[0].nodes: required: the root node"});
}

TEST(Parse, RefusesTheVersion1Format) {
  EXPECT_EQ(
      OfParse(R"([{"database": "shop", "nodes": [{"table": "book"}]}])"),
      Strings{"error: schema.json[0].nodes: the version 1 format (an array) is not supported: "
              "nodes is one object, the root node"});
}

TEST(Parse, RefusesIllegalIndexNames) {
  for (const char* name : {"My Index", "a/b", "-a", "_a", "+a", "..", "a:b", "A"}) {
    const Strings found = OfParse(R"([{"database": "shop", "index": ")" + std::string(name) +
                                  R"(", "alias": false, "nodes": {"table": "book"}}])");
    EXPECT_EQ(
        found,
        Strings{"error: schema.json[0].index: \"" + std::string(name) +
                "\" cannot be an index name: lower case only, none of \\ / * ? \" < > | space "
                ", # :, not starting with - _ +, not . or .., at most 255 bytes"});
  }
}

TEST(Parse, LeavesRoomForTheGenerationOfAnAlias) {
  const auto file = [](size_t length, const std::string& alias) {
    return R"([{"database": "shop", "index": ")" + std::string(length, 'a') + R"(", "alias": )" +
           alias + R"(, "nodes": {"table": "book"}}])";
  };
  EXPECT_EQ(OfParse(file(255, "false")), Strings{});
  EXPECT_EQ(OfParse(file(256, "false")).size(), 1u);
  EXPECT_EQ(OfParse(file(245, "true")), Strings{});
  EXPECT_EQ(OfParse(file(246, "true")).size(), 1u);
}

TEST(Parse, ChecksTheDatabaseAsIndexNameWhenThereIsNone) {
  const Strings found = OfParse(R"([{"database": "Shop", "nodes": {"table": "book"}}])");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].starts_with("error: schema.json[0].index: \"Shop\" cannot be"));
}

TEST(Parse, RefusesTheSameIndexTwice) {
  EXPECT_EQ(
      OfParse(R"([{"database": "shop", "index": "orders", "nodes": {"table": "a"}},
                        {"database": "shop", "index": "orders", "nodes": {"table": "b"}}])"),
      Strings{"error: schema.json[1].index: (shop, orders) is already defined by schema.json[0]"});
}

TEST(Parse, AllowsOneIndexNameInTwoDatabases) {
  EXPECT_EQ(OfParse(R"([{"database": "a", "index": "orders", "nodes": {"table": "a"}},
                        {"database": "b", "index": "orders", "nodes": {"table": "b"}}])"),
            Strings{});
}

TEST(Parse, NamesTheJsonTypeItExpected) {
  EXPECT_EQ(OfParse(R"([{"database": 1, "index": [], "nodes": "x", "pipeline": {}, "setting": [],
                         "mapping": "m", "alias": "yes", "version": 0}])"),
            (Strings{"error: schema.json[0].database: expected a string; found a number",
                     "error: schema.json[0].index: expected a string; found a list",
                     "error: schema.json[0].alias: expected true or false; found a string",
                     "error: schema.json[0].version: expected true or false; found a number",
                     "error: schema.json[0].pipeline: expected a string; found an object",
                     "error: schema.json[0].setting: expected an object; found a list",
                     "error: schema.json[0].mapping: expected an object; found a string",
                     "error: schema.json[0].nodes: expected an object; found a string"}));
}

TEST(Parse, RefusesOtherWordsForEmptyArray) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book"})", R"("empty_array": "none", )")),
            Strings{"error: schema.json[0].empty_array: \"none\" is not allowed; use \"null\" or "
                    "\"empty\""});
}

TEST(Parse, RefusesNulInNames) {
  EXPECT_EQ(
      OfParse(R"([{"database": "shop", "nodes": {"table": "bo\u0000ok"}}])"),
      Strings{"error: schema.json[0].nodes.table: holds the character \\u0000, which no name or "
              "text in PostgreSQL can"});
}

TEST(Parse, ReportsEverythingAtOnce) {
  EXPECT_EQ(OfParse(R"([{"index": "A", "nodes": {"tabel": "book", "children": [{}]}}])").size(),
            6u);
}

TEST(Parse, ListsDatabasesAndTheirTables) {
  const SchemaFile file = Parse(R"([
      {"database": "b", "nodes": {"table": "book", "children": [
         {"table": "author", "schema": "x", "relationship":
           {"type": "one_to_many", "variant": "object", "through_tables": ["y.book_author"]}}]}},
      {"database": "a", "nodes": {"table": "other"}},
      {"database": "b", "index": "i", "nodes": {"table": "book"}}])",
                                "schema.json", NoEnvironment);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file.Databases(), (Strings{"b", "a"}));
  EXPECT_EQ(file.TablesNamed("b"),
            (std::vector<TableName>{{"public", "book"}, {"x", "author"}, {"y", "book_author"}}));
  EXPECT_EQ(file.FirstIndex(file.Databases().front()), "b");
}

TEST(Substitution, ReplacesTopLevelStringsOnly) {
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "STAGE") return "blue";
    if (name == "DB") return "shop";
    return std::nullopt;
  };
  const SchemaFile file =
      Parse(R"([{"database": "$DB", "index": "book_${STAGE}_$$1_$_$NOT", "alias": false,
                 "nodes": {"table": "${STAGE}"}}])",
            "schema.json", environment);
  const Strings found = Texts(file.findings());
  ASSERT_EQ(found.size(), 1u);  // upper case in what was not replaced
  EXPECT_TRUE(found[0].starts_with("error: schema.json[0].index: \"book_blue_$1_$_$NOT\" cannot"))
      << found[0];
  EXPECT_EQ(file.Databases(), Strings{"shop"});
  EXPECT_EQ(file.TablesNamed("shop"), (std::vector<TableName>{{"public", "${STAGE}"}}));
}

TEST(Substitution, WarnsOfAnUnsetBracedVariable) {
  EXPECT_EQ(
      OfParse(Document(R"({"table": "book"})", R"("pipeline": "p-${NOT_SET}-${", )")),
      Strings{"warning: schema.json[0].pipeline: the environment has no variable \"NOT_SET\": "
              "${NOT_SET} stays as it is"});
}

TEST(Substitution, KeepsTheDollarOfOpenAndEmptyBraces) {
  const SchemaFile file = Parse(
      R"([{"database": "shop", "index": "a${b", "nodes": {"table": "t"}},
          {"database": "shop", "index": "${}$1", "nodes": {"table": "t"}}])",
      "schema.json", [](const std::string&) { return std::optional<std::string>("no"); });
  EXPECT_EQ(Texts(file.findings()), Strings{});
  EXPECT_EQ(file.FirstIndex(file.Databases().front()), "a${b");
}

}  // namespace
}  // namespace schema
