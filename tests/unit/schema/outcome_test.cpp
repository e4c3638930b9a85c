// What others take from a tree: index body, fingerprint, tables used.
#include <nlohmann/json.hpp>

#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

using nlohmann::json;

json BodyOf(const std::string& text) { return json::parse(TreeOf(text).index_body); }

TEST(IndexBody, IsEmptyWhenTheFileSaysNothing) {
  EXPECT_EQ(BodyOf(Document(R"({"table": "book"})")), json::object());
}

TEST(IndexBody, PutsSettingUnderIndex) {
  EXPECT_EQ(BodyOf(Document(R"({"table": "book"})", R"("setting": {"number_of_shards": 1}, )")),
            json::parse(R"({"settings": {"index": {"number_of_shards": 1}}})"));
}

TEST(IndexBody, UnwrapsASettingThatHoldsIndexAlready) {
  EXPECT_EQ(BodyOf(Document(R"({"table": "book"})",
                            R"("setting": {"index": {"number_of_shards": 1}}, )")),
            json::parse(R"({"settings": {"index": {"number_of_shards": 1}}})"));
}

TEST(IndexBody, PutsMappingUnderProperties) {
  EXPECT_EQ(BodyOf(Document(R"({"table": "book"})", R"("mapping": {"title": {"type": "text"}}, )")),
            json::parse(R"({"mappings": {"properties": {"title": {"type": "text"}}}})"));
}

TEST(IndexBody, TakesAMappingWithDynamicTemplatesAsItIs) {
  EXPECT_EQ(BodyOf(Document(R"({"table": "book"})",
                            R"("mapping": {"dynamic_templates": [], "properties": {}}, )")),
            json::parse(R"({"mappings": {"dynamic_templates": [], "properties": {}}})"));
}

TEST(IndexBody, GeneratesPropertiesOfAllLevelsByRenamedKeys) {
  EXPECT_EQ(BodyOf(Document(R"({"table": "publisher", "columns": ["id", "name"],
      "transform": {"rename": {"name": "title", "book": "books"},
                    "mapping": {"title": {"type": "text"}}},
      "children": [{"table": "book", "columns": ["isbn"],
        "relationship": {"type": "one_to_many", "variant": "object"},
        "children": [{"table": "review", "label": "reviews", "columns": ["stars"],
          "relationship": {"type": "one_to_many", "variant": "object"},
          "transform": {"mapping": {"stars": {"type": "byte"}}}}]}]})")),
            json::parse(R"({"mappings": {"properties": {
                "title": {"type": "text"},
                "books": {"properties": {"reviews": {"properties": {"stars": {"type": "byte"}}}}}}}})"));
}

TEST(IndexBody, MapsAScalarAtItsLabel) {
  EXPECT_EQ(BodyOf(WithChild("book", R"({"table": "review", "label": "stars", "columns": ["stars"],
      "relationship": {"type": "one_to_many", "variant": "scalar"},
      "transform": {"mapping": {"stars": {"type": "byte"}}}})")),
            json::parse(R"({"mappings": {"properties": {"stars": {"type": "byte"}}}})"));
}

TEST(IndexBody, MergesMappingsThenGeneratedThenMapping) {
  EXPECT_EQ(
      BodyOf(Document(R"({"table": "book", "columns": ["isbn", "title"],
      "transform": {"mapping": {"isbn": {"type": "keyword"}, "title": {"type": "text"}}},
      "children": [{"table": "review", "label": "reviews", "columns": ["stars"],
        "relationship": {"type": "one_to_many", "variant": "object"},
        "transform": {"mapping": {"stars": {"type": "byte"}}}}]})",
                      R"("mappings": {"dynamic": "strict", "properties": {"isbn": {"type": "x"}}},
      "mapping": {"title": {"analyzer": "english"}, "reviews": {"type": "nested"}}, )")),
      json::parse(R"({"mappings": {"dynamic": "strict", "properties": {
                "isbn": {"type": "keyword"},
                "title": {"type": "text", "analyzer": "english"},
                "reviews": {"type": "nested", "properties": {"stars": {"type": "byte"}}}}}})"));
}

TEST(IndexBody, MergesWhatAParentSaysOfALabelWithTheChildsOwn) {
  EXPECT_EQ(BodyOf(Document(R"({"table": "book", "columns": ["isbn"],
      "transform": {"mapping": {"review": {"type": "nested"}}},
      "children": [{"table": "review", "columns": ["stars"],
        "relationship": {"type": "one_to_many", "variant": "object"},
        "transform": {"mapping": {"stars": {"type": "byte"}}}}]})")),
            json::parse(R"({"mappings": {"properties": {"review": {"type": "nested",
                "properties": {"stars": {"type": "byte"}}}}}})"));
}

TEST(IndexBody, RequiresRoutingAndHidesMeta) {
  EXPECT_EQ(BodyOf(Document(R"({"table": "book"})", R"("routing": "isbn", "meta": true, )")),
            json::parse(R"({"mappings": {"_routing": {"required": true},
                "properties": {"_meta": {"type": "object", "enabled": false}}}})"));
}

TEST(IndexBody, FollowsTypesOnDemand) {
  Catalog catalog = Library();
  CatalogTable& table = catalog.tables[{"public", "odd"}];
  table = Table(table.name, {}, {});
  const auto add = [&table](const std::string& name, uint32_t oid, const std::string& type,
                            char kind = 'b', uint32_t element = 0) {
    CatalogColumn column{name, oid, type, type, true, false};
    column.type_kind = kind;
    column.element_oid = element;
    table.columns.push_back(column);
  };
  add("id", 20, "bigint");
  add("i", 23, "integer");
  add("s", 21, "smallint");
  add("n", 1700, "numeric");
  add("f", 700, "real");
  add("b", 16, "boolean");
  add("at", 1184, "timestamp with time zone");
  add("t", 25, "text");
  add("ci", 90001, "public.citext");
  add("u", 2950, "uuid");
  add("ip", 869, "inet");
  add("e", 90002, "public.mood", 'e');
  add("r", 3904, "int4range", 'r');
  add("c", 90003, "public.pair", 'c');
  add("j", 3802, "jsonb");
  add("h", 90004, "public.hstore");
  add("g", 90005, "public.geometry");
  add("raw", 17, "bytea");
  add("ints", 1007, "integer[]", 'b', 23);
  add("moods", 90006, "public.mood[]", 'e', 90002);
  table.primary_key = {"id"};
  const std::string text = R"({"table": "odd", "transform": {"mapping": {"s": {"type": "byte"}}}})";
  const auto body = [&](const std::string& more) {
    return json::parse(TreeOf(Document(text, more), catalog).index_body);
  };
  const json keyword = {{"type", "keyword"}, {"ignore_above", 8191}};
  const json text_field = json::parse(
      R"({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}})");
  json expected = json::parse(R"({
      "id": {"type": "long"}, "i": {"type": "integer"}, "s": {"type": "byte"},
      "n": {"type": "double", "ignore_malformed": true},
      "f": {"type": "float", "ignore_malformed": true}, "b": {"type": "boolean"},
      "at": {"type": "date", "format": "strict_date_optional_time||yyyy-MM-dd",
             "ignore_malformed": true},
      "ip": {"type": "ip", "ignore_malformed": true},
      "g": {"type": "geo_shape", "ignore_malformed": true},
      "raw": {"type": "keyword", "index": false, "doc_values": false},
      "ints": {"type": "integer"}})");
  expected["t"] = expected["ci"] = text_field;
  expected["u"] = expected["e"] = expected["r"] = expected["moods"] = keyword;
  EXPECT_EQ(body(R"("type_mapping": true, )")["mappings"]["properties"], expected);
  EXPECT_EQ(body("")["mappings"]["properties"], json::parse(R"({"s": {"type": "byte"}})"));
  expected["t"]["analyzer"] = "english";
  EXPECT_EQ(
      body(R"("type_mapping": true, "mapping": {"t": {"analyzer": "english"}}, )")["mappings"]
                                                                                  ["properties"],
      expected);
}

std::string FingerprintOf(const std::string& text) { return TreeOf(text).fingerprint; }

TEST(Fingerprint, IsTheSameForTheSameMeaning) {
  const std::string one = FingerprintOf(
      R"([{"database": "shop", "index": "a", "setting": {"x": 1, "y": 2}, "nodes": {"table": "book",
           "columns": ["isbn"]}}])");
  EXPECT_EQ(one.size(), 16u);
  EXPECT_EQ(one, FingerprintOf(R"([{"_note": "another order", "database": "shop", "index": "b",
      "nodes": {"columns": ["isbn"], "table": "book", "label": "x"},
      "setting": {"y": 2, "x": 1}, "alias": false}])"));
}

TEST(Fingerprint, ChangesWithEverythingThatChangesDocumentsOrBody) {
  const Strings texts = {
      Document(R"({"table": "book", "columns": ["isbn"]})"),
      Document(R"({"table": "book", "columns": ["isbn", "title"]})"),
      Document(R"({"table": "book", "columns": ["isbn"], "transform": {"rename": {"isbn": "x"}}})"),
      Document(R"({"table": "book", "columns": ["isbn"]})", R"("setting": {"a": 1}, )"),
      Document(R"({"table": "book", "columns": ["isbn"]})", R"("empty_array": "empty", )"),
      Document(R"({"table": "book", "columns": ["isbn"]})", R"("pipeline": "p", )"),
      Document(R"({"table": "book", "columns": ["doc->x"]})"),
      Document(R"({"table": "book", "columns": ["doc->>x"]})"),
      WithChild("book", Child("review", "")),
      WithChild("book",
                Child("person", R"(, "foreign_key": {"parent": "editor_id", "child": "id"})")),
      WithChild("book",
                Child("person", R"(, "foreign_key": {"parent": "translator_id", "child": "id"})")),
      WithChild("book", Child("author", R"(, "through_tables": ["book_author"])")),
  };
  Strings fingerprints;
  for (const std::string& text : texts) fingerprints.push_back(FingerprintOf(text));
  std::sort(fingerprints.begin(), fingerprints.end());
  EXPECT_EQ(std::unique(fingerprints.begin(), fingerprints.end()), fingerprints.end());
}

TEST(Fingerprint, StaysTheSameFromVersionToVersion) {
  // A changed value makes every user rebuild every index: raise kDocumentFormat on purpose, never
  // by accident.
  EXPECT_EQ(FingerprintOf(Document(R"({"table": "book", "columns": ["isbn"]})")),
            "f10cd17e30180ebd");
}

const TableUse* UseOf(const std::vector<TableUse>& uses, const std::string& table) {
  for (const TableUse& use : uses) {
    if (use.table == TableName{"public", table}) return &use;
  }
  return nullptr;
}

TEST(TablesUsed, EmitsWhatLeadsUpAndWatchesTheRest) {
  const auto uses = TablesUsed({TreeOf(Document(R"({"table": "publisher", "columns": ["name"],
      "children": [{"table": "book", "columns": ["title", "doc->x", "doc->y"],
        "relationship": {"type": "one_to_many", "variant": "object"},
        "children": [{"table": "review", "columns": ["stars"],
          "relationship": {"type": "one_to_many", "variant": "object"}}]}]})"))});
  ASSERT_EQ(uses.size(), 3u);
  EXPECT_EQ(uses[0].table.table, "book");
  EXPECT_EQ(uses[0].emitted, Strings{"publisher_id"});
  EXPECT_EQ(uses[0].watched, (Strings{"doc", "isbn", "title"}));
  EXPECT_EQ(uses[0].old_values, Strings{"publisher_id"});
  EXPECT_EQ(uses[1].table.table, "publisher");
  EXPECT_EQ(uses[1].emitted, Strings{"id"});
  EXPECT_EQ(uses[1].watched, Strings{"name"});
  EXPECT_EQ(uses[2].emitted, Strings{"book_isbn"});
  EXPECT_EQ(uses[2].watched, (Strings{"id", "stars"}));
}

TEST(TablesUsed, SendsTheParentSideOfAJunctionAndWatchesTheOther) {
  const auto uses = TablesUsed(
      {TreeOf(WithChild("book", Child("author", R"(, "through_tables": ["book_author"])")))});
  const TableUse* junction = UseOf(uses, "book_author");
  ASSERT_NE(junction, nullptr);
  EXPECT_EQ(junction->emitted, Strings{"book_isbn"});
  EXPECT_EQ(junction->watched, Strings{"author_id"});
  const TableUse* author = UseOf(uses, "author");
  EXPECT_EQ(author->emitted, Strings{"id"});
  EXPECT_EQ(author->watched, Strings{"name"});
}

TEST(TablesUsed, UnitesAllUsesOfATable) {
  const auto uses =
      TablesUsed({TreeOf(Document(R"({"table": "book", "columns": ["title"]})")),
                  TreeOf(WithChild("publisher", R"({"table": "book", "columns": ["isbn"],
           "relationship": {"type": "one_to_many", "variant": "object"}})"))});
  const TableUse* book = UseOf(uses, "book");
  ASSERT_NE(book, nullptr);
  EXPECT_EQ(book->emitted, (Strings{"isbn", "publisher_id"}));
  EXPECT_EQ(book->watched, Strings{"title"});
}

TEST(TablesUsed, WatchesTheColumnsThatJoinDownward) {
  const auto uses =
      TablesUsed({TreeOf(Document(R"({"table": "book", "columns": ["title"], "children": [)" +
                                  Child("publisher", "") + "]}"))});
  EXPECT_EQ(UseOf(uses, "book")->watched, (Strings{"publisher_id", "title"}));
}

TEST(TablesUsed, LeavesOutViewsAndSystemColumns) {
  const auto uses = TablesUsed({TreeOf(Document(R"({"table": "book", "columns": ["isbn", "xmin"],
      "children": [{"table": "best_seller", "primary_key": ["rank"], "columns": ["rank"],
        "relationship": {"type": "one_to_one", "variant": "scalar",
                         "foreign_key": {"parent": "isbn", "child": "isbn"}}}]})"))});
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_EQ(uses[0].emitted, Strings{"isbn"});
  EXPECT_EQ(uses[0].watched, Strings{});
}

}  // namespace
}  // namespace schema
