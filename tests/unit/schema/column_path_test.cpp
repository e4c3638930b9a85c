// Column paths: entry -> key and SQL.
#include "consumer/schema/column_path.h"

#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

std::string KeyOf(const std::string& entry) {
  const auto path = ParseColumnPath(entry);
  return path.ok() ? path->key : path.error().message;
}

std::string SqlOf(const std::string& entry, const std::string& type = "jsonb") {
  const auto path = ParseColumnPath(entry);
  if (!path.ok()) return path.error().message;
  const auto sql = SqlOfPath(path.value(), entry, ColumnOfType(path->column, type));
  return sql.ok() ? sql->sql + " : " + std::to_string(sql->type_oid) : sql.error().message;
}

TEST(ColumnPath, GivesTheKeysOfTheReference) {
  EXPECT_EQ(KeyOf("doc->x"), "doc_x");
  EXPECT_EQ(KeyOf("doc->x->0->y"), "doc_x_0_y");
  EXPECT_EQ(KeyOf("doc#>{a,b,c}->4"), "doc_a,b,c_4");
  EXPECT_EQ(KeyOf("doc->>name"), "doc_name");
  EXPECT_EQ(KeyOf("doc->'0'"), "doc_0");
  EXPECT_EQ(KeyOf("doc->my key->é"), "doc_my key_é");
}

TEST(ColumnPath, DropsWhiteSpaceAroundPieces) {
  EXPECT_EQ(KeyOf(" doc -> x ->> y "), "doc_x_y");
  EXPECT_EQ(SqlOf(" doc -> x ->> y "), "->'x'->>'y' : 25");
}

TEST(ColumnPath, WritesDigitsAsIndexAndAllElseAsKey) {
  EXPECT_EQ(SqlOf("doc->0"), "->0 : 3802");
  EXPECT_EQ(SqlOf("doc->'0'"), "->'0' : 3802");
  EXPECT_EQ(SqlOf("doc->-1"), "->'-1' : 3802");
  EXPECT_EQ(SqlOf("doc->0->>1", "json"), "->0->>1 : 25");
  EXPECT_EQ(SqlOf("doc->x", "json"), "->'x' : 114");
}

TEST(ColumnPath, WritesPathsAsArrays) {
  EXPECT_EQ(SqlOf("doc#>{a, b ,0}"), R"(#>'{"a","b","0"}' : 3802)");
  EXPECT_EQ(SqlOf("doc#>>{}"), "#>>'{}' : 25");
  EXPECT_EQ(SqlOf(R"(doc#>{"a,b","c\"d"})"), R"(#>E'{"a,b","c\\"d"}' : 3802)");
  EXPECT_EQ(SqlOf("doc#>{net,ports,-1}"), R"(#>'{"net","ports","-1"}' : 3802)");
}

TEST(ColumnPath, KeepsOperatorsInsideQuotesAndBraces) {
  EXPECT_EQ(SqlOf("doc->'a->b'->c"), "->'a->b'->'c' : 3802");
  EXPECT_EQ(SqlOf("doc#>{a->b}->>c"), R"(#>'{"a->b"}'->>'c' : 25)");
}

TEST(ColumnPath, LetsNothingOutOfTheQuotes) {
  EXPECT_EQ(SqlOf("doc->it's"), "->'it''s' : 3802");
  EXPECT_EQ(SqlOf("doc->'it''s'"), "->'it''s' : 3802");
  EXPECT_EQ(SqlOf(R"(doc->\' OR 1=1 --)"), R"(->E'\\'' OR 1=1 --' : 3802)");
  EXPECT_EQ(SqlOf("doc#>{a'b}"), R"(#>'{"a''b"}' : 3802)");
}

TEST(ColumnPath, RefusesWhatIsNoPath) {
  EXPECT_EQ(KeyOf(""), "\"\": a column name cannot be empty");
  EXPECT_EQ(KeyOf("doc->"), "\"doc->\": nothing stands after ->");
  EXPECT_EQ(KeyOf("doc-> ->x"), "\"doc-> ->x\": nothing stands after ->");
  EXPECT_EQ(KeyOf("->x"), "\"->x\": the column before the first operator is missing");
  EXPECT_EQ(KeyOf("doc->>x->y"), "\"doc->>x->y\": nothing may follow ->>");
  EXPECT_EQ(KeyOf("doc#>>{a}#>{b}"), "\"doc#>>{a}#>{b}\": nothing may follow #>>");
  for (const char* entry : {"doc#>a", "doc#>{a", "doc#>{a,}", "doc#>{{a}}", "doc#>{\"a}"}) {
    EXPECT_EQ(KeyOf(entry),
              "\"" + std::string(entry) + "\": after #> comes a path in braces, as {a,b,0}");
  }
}

TEST(ColumnPath, RefusesAnIndexThatIsNoInt4) {
  EXPECT_EQ(SqlOf("doc->2147483647"), "->2147483647 : 3802");
  EXPECT_EQ(SqlOf("doc->0002147483647"), "->0002147483647 : 3802");
  EXPECT_EQ(KeyOf("doc->2147483648"), "\"doc->2147483648\": an array index is at most 2147483647");
  EXPECT_EQ(KeyOf("doc->99999999999999999999"),
            "\"doc->99999999999999999999\": an array index is at most 2147483647");
}

TEST(ColumnPath, NeedsAJsonColumn) {
  EXPECT_EQ(SqlOf("title->x", "text"), "\"title->x\": title is text; a path needs json or jsonb");
}

TEST(ColumnPath, ReadsHstoreByOneArrow) {
  EXPECT_EQ(SqlOf("tags->x", "hstore"), "->'x' : 25");
  EXPECT_EQ(SqlOf("tags->0", "extensions.hstore"), "->'0' : 25");
  EXPECT_EQ(SqlOf("tags->>x", "hstore"), "\"tags->>x\": tags is hstore; its only path is one ->");
  EXPECT_EQ(SqlOf("tags->x->y", "hstore"),
            "\"tags->x->y\": tags is hstore; its only path is one ->");
}

TEST(Names, AreQuotedForSql) {
  EXPECT_EQ(QuotedIdentifier("Val\"ue"), "\"Val\"\"ue\"");
  EXPECT_EQ(Quoted({"My Schema", "Order"}), "\"My Schema\".\"Order\"");
  EXPECT_EQ(ToString(TableName{"public", "book"}), "public.book");
}

}  // namespace
}  // namespace schema
