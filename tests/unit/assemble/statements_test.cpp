// The SQL of a tree: quoted throughout, joined by the columns that the tree names, climbing only
// where it has to.
#include "consumer/assemble/statements.h"

#include <gtest/gtest.h>

#include "tests/unit/assemble/tree_fixture.h"

namespace assemble {
namespace {

class StatementsTest : public ::testing::Test {
 protected:
  schema::DocumentTree tree_ = testing::BookTree();
};

TEST_F(StatementsTest, RootByKeyFindsAbsentRowsToo) {
  const NodeStatement statement = MakeStatements(tree_).root_by_key;
  EXPECT_EQ(
      statement.sql,
      R"(SELECT r."id"::text, k."v1"::text, r."author_id"::text, r."id"::text, r."id"::text, )"
      R"(r."id", r."title" FROM unnest($1::int4[]) AS k(v1) )"
      R"(LEFT JOIN "public"."book" AS r ON r."id" = k.v1)");
  EXPECT_EQ(statement.layout.id, 0);
  EXPECT_EQ(statement.layout.wanted_id, 1);
  EXPECT_EQ(statement.layout.child_links, (std::vector<int>{2, 3, 4}));
  EXPECT_EQ(statement.layout.columns, 5);
}

TEST_F(StatementsTest, LocksEveryTableThatCanBeLockedOnce) {
  tree_.nodes[1].kind = 'm';
  EXPECT_EQ(MakeStatements(tree_).lock,
            R"(LOCK TABLE "public"."book", "public"."book_tag", "public"."review", "public"."tag" )"
            R"(IN ACCESS SHARE MODE)");
}

TEST_F(StatementsTest, LevelComesSortedByParentThenKey) {
  EXPECT_EQ(MakeStatements(tree_).levels[2].sql,
            R"(SELECT k.ord, c."stars" FROM unnest($1::int4[]) WITH ORDINALITY AS k(v1, ord) )"
            R"(JOIN "public"."review" AS c ON c."book_id" = k.v1 ORDER BY k.ord, c."id")");
}

TEST_F(StatementsTest, JunctionLevelIsOrderedByChildThenJunction) {
  EXPECT_EQ(MakeStatements(tree_).levels[3].sql,
            R"(SELECT k.ord, c."name" FROM unnest($1::int4[]) WITH ORDINALITY AS k(v1, ord) )"
            R"(JOIN "public"."book_tag" AS j ON j."book_id" = k.v1 )"
            R"(JOIN "public"."tag" AS c ON c."id" = j."tag_id" )"
            R"(ORDER BY k.ord, c."id", j."book_id", j."tag_id")");
}

TEST_F(StatementsTest, LinkThatIsTheRootsKeyNeedsNoClimb) {
  const TreeStatements statements = MakeStatements(tree_);
  EXPECT_TRUE(statements.climbs[0].direct);
  EXPECT_TRUE(statements.climbs[2].direct);   // review.book_id
  EXPECT_TRUE(statements.climbs[4].direct);   // book_tag.book_id
  EXPECT_FALSE(statements.climbs[1].direct);  // author.id is book.author_id
  EXPECT_EQ(statements.climbs[1].sql,
            R"(SELECT DISTINCT n0."id"::text FROM unnest($1::int4[]) AS k(v1) )"
            R"(JOIN "public"."book" AS n0 ON n0."author_id" = k.v1)");
  EXPECT_EQ(statements.climbs[3].sql,
            R"(SELECT DISTINCT n0."id"::text FROM unnest($1::int4[]) AS k(v1) )"
            R"(JOIN "public"."book_tag" AS j ON j."tag_id" = k.v1 )"
            R"(JOIN "public"."book" AS n0 ON n0."id" = j."book_id")");
}

TEST_F(StatementsTest, LinkOfAnotherTypeThanTheKeyClimbs) {
  tree_.entries[2].types = {"int8"};  // a value beyond int4 must not fail, it just has no parent
  EXPECT_FALSE(MakeStatements(tree_).climbs[2].direct);
}

TEST_F(StatementsTest, TypesWithoutWriterComeAsJson) {
  tree_.nodes[2].columns = {{"at", "at", "", 790}, {"doc_x", "doc", "->'x'", 3802}};
  const std::string sql = MakeStatements(tree_).levels[2].sql;
  EXPECT_NE(sql.find(R"(to_json(c."at"), (c."doc"->'x') FROM)"), std::string::npos) << sql;
}

TEST_F(StatementsTest, IdOfATypeWithATextCastOfItsOwnTakesTheOutputFunction) {
  tree_.id_types = {"bpchar"};
  const std::string sql = MakeStatements(tree_).root_by_key.sql;
  EXPECT_NE(sql.find(R"(CASE WHEN r."id" IS NOT NULL THEN concat(r."id") END)"), std::string::npos)
      << sql;
}

TEST_F(StatementsTest, HostileNamesStayQuoted) {
  tree_.nodes[0].table.table = R"(a"; DROP TABLE x;--)";
  const std::string sql = MakeStatements(tree_).root_by_key.sql;
  EXPECT_NE(sql.find(R"("public"."a""; DROP TABLE x;--" AS r)"), std::string::npos) << sql;
}

}  // namespace
}  // namespace assemble
