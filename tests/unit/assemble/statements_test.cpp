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

TEST_F(StatementsTest, IntegersAreJoinedByValueWithoutAJoin) {
  schema::Link& link = tree_.nodes[2].link;
  link.types = {"integer"};
  link.lower_types = {"bigint"};
  const TreeStatements statements = MakeStatements(tree_);
  EXPECT_TRUE(statements.levels[2].by_value);
  EXPECT_EQ(statements.levels[2].sql,
            R"(SELECT c."book_id", c."stars" FROM "public"."review" AS c )"
            R"(WHERE c."book_id" = ANY($1::integer[]) ORDER BY c."book_id", c."id")");
  // And parents select the value as it is.
  EXPECT_NE(statements.root_by_key.sql.find(R"(r."author_id"::text, r."id", r."id"::text)"),
            std::string::npos)
      << statements.root_by_key.sql;
}

TEST_F(StatementsTest, ScannedLevelHasTheSameColumnsInTheSameOrder) {
  // Not by value: the same statement.
  EXPECT_EQ(MakeStatements(tree_).scanned_levels[2], MakeStatements(tree_).levels[2].sql);
  schema::Link& link = tree_.nodes[2].link;
  link.types = {"integer"};
  link.lower_types = {"bigint"};
  EXPECT_EQ(MakeStatements(tree_).scanned_levels[2],
            R"(SELECT c."book_id", c."stars" FROM unnest($1::integer[]) AS k(v1) )"
            R"(JOIN "public"."review" AS c ON c."book_id" = k.v1 ORDER BY c."book_id", c."id")");
}

TEST_F(StatementsTest, ScannedLevelWithALimitNumbersTheRows) {
  tree_.nodes[2].limit = 3;
  tree_.nodes[2].order_by = {{"stars", true, false}};
  EXPECT_EQ(MakeStatements(tree_).scanned_levels[2],
            R"(SELECT x.ord, x.s1 FROM (SELECT k.ord AS ord, c."stars" AS s1, row_number() OVER )"
            R"((PARTITION BY k.ord ORDER BY c."stars" DESC NULLS LAST, c."id") AS number )"
            R"(FROM unnest($1::int4[]) WITH ORDINALITY AS k(v1, ord) )"
            R"(JOIN "public"."review" AS c ON c."book_id" = k.v1) AS x )"
            R"(WHERE x.number <= 3 ORDER BY x.ord, x.number)");
}

TEST_F(StatementsTest, ScannedLevelsAreListedAsTheyAreRead) {
  tree_.nodes[2].limit = 3;
  LoadStrategy strategy;
  strategy.levels.resize(tree_.nodes.size());
  strategy.levels[2].scanned = true;
  const TreeStatements statements = MakeStatements(tree_);
  const auto level = [&](const LoadStrategy* by) {
    for (const ListedStatement& listed : ListStatements(tree_, by)) {
      if (listed.heading == "level \"reviews\" (public.review)") return listed.sql;
    }
    return std::string();
  };
  EXPECT_EQ(level(nullptr), statements.levels[2].sql);
  EXPECT_EQ(level(&strategy), statements.scanned_levels[2]);
}

TEST_F(StatementsTest, JunctionIsJoinedByValueToo) {
  schema::Link& link = tree_.nodes[3].junction->to_parent;
  link.types = link.lower_types = {"uuid"};
  EXPECT_EQ(MakeStatements(tree_).levels[3].sql,
            R"(SELECT j."book_id", c."name" FROM "public"."book_tag" AS j )"
            R"(JOIN "public"."tag" AS c ON c."id" = j."tag_id" )"
            R"(WHERE j."book_id" = ANY($1::uuid[]) ORDER BY j."book_id", c."id", j."tag_id")");
}

TEST_F(StatementsTest, ValuesOfOtherTypesOrWithALimitAreJoinedByPosition) {
  schema::Link& link = tree_.nodes[2].link;
  link.types = {"integer"};
  link.lower_types = {"numeric"};
  EXPECT_FALSE(MakeStatements(tree_).levels[2].by_value);
  link.lower_types = {"integer"};
  EXPECT_TRUE(MakeStatements(tree_).levels[2].by_value);
  tree_.nodes[2].limit = 3;
  EXPECT_FALSE(MakeStatements(tree_).levels[2].by_value);
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

TEST_F(StatementsTest, FilterAndComputedColumnsComeFromADerivedTable) {
  tree_.nodes[2].filter = "stars > 0 -- all";
  tree_.nodes[2].columns.push_back({"half", "", "", 21, "stars / 2"});
  EXPECT_EQ(MakeStatements(tree_).levels[2].sql,
            "SELECT k.ord, c.\"stars\", c.\"pgsync.c1\" "
            "FROM unnest($1::int4[]) WITH ORDINALITY AS k(v1, ord) "
            "JOIN (SELECT *, (stars / 2\n) AS \"pgsync.c1\" FROM \"public\".\"review\" AS "
            "\"review\" WHERE (stars > 0 -- all\n)) AS c ON c.\"book_id\" = k.v1 "
            "ORDER BY k.ord, c.\"id\"");
}

TEST_F(StatementsTest, FilteredRootIsReadByPagesToo) {
  tree_.nodes[0].filter = "ok";
  EXPECT_NE(MakeStatements(tree_).root_by_pages.sql.find(
                "FROM (SELECT *, ctid FROM ONLY \x01heap\x01 AS \"book\" WHERE (ok\n)) AS r "
                "WHERE r.ctid >= $1::tid"),
            std::string::npos);
}

// Too many documents are harmless, too few are not.
TEST_F(StatementsTest, ClimbsIgnoreFiltersTypesAndLimits) {
  const std::string before = MakeStatements(tree_).climbs[3].sql;
  for (schema::Node& node : tree_.nodes) node.filter = "ok";
  tree_.nodes[3].limit = 3;
  tree_.nodes[3].polymorphic = {schema::TypeMatch::On::kThrough, "kind", "'book'"};
  EXPECT_EQ(MakeStatements(tree_).climbs[3].sql, before);
}

TEST_F(StatementsTest, OrderByComesBeforeTheKey) {
  tree_.nodes[2].order_by = {{"stars", true, false}, {"at", false, true}, {"id", true, true}};
  const std::string sql = MakeStatements(tree_).levels[2].sql;
  EXPECT_NE(sql.find(R"( ORDER BY k.ord, c."stars" DESC NULLS LAST, c."at" NULLS FIRST, )"
                     R"(c."id" DESC)"),
            std::string::npos)
      << sql;
  EXPECT_EQ(sql.find(R"(DESC, c."id")"), std::string::npos) << sql;
}

TEST_F(StatementsTest, LimitCountsPerParent) {
  tree_.nodes[2].order_by = {{"at", true, true}};
  tree_.nodes[2].limit = 5;
  EXPECT_EQ(MakeStatements(tree_).levels[2].sql,
            R"(SELECT k.ord, x.s1 FROM unnest($1::int4[]) WITH ORDINALITY AS k(v1, ord) )"
            R"(CROSS JOIN LATERAL (SELECT c."stars" AS s1, c."at" AS o1, c."id" AS o2 )"
            R"(FROM "public"."review" AS c WHERE c."book_id" = k.v1 )"
            R"(ORDER BY c."at" DESC, c."id" LIMIT 5) AS x ORDER BY k.ord, x.o1 DESC, x.o2)");
}

TEST_F(StatementsTest, PolymorphicChildAndJunctionAskForTheType) {
  tree_.nodes[2].polymorphic = {schema::TypeMatch::On::kChild, "kind", "'book'"};
  tree_.nodes[3].polymorphic = {schema::TypeMatch::On::kThrough, "kind", "7"};
  const TreeStatements statements = MakeStatements(tree_);
  EXPECT_NE(statements.levels[2].sql.find(R"(ON c."book_id" = k.v1 AND c."kind" = 'book' ORDER)"),
            std::string::npos);
  EXPECT_NE(statements.levels[3].sql.find(R"(ON j."book_id" = k.v1 AND j."kind" = 7 JOIN)"),
            std::string::npos);
}

TEST_F(StatementsTest, PolymorphicParentOfAnotherTypeHasNoLink) {
  tree_.nodes[1].polymorphic = {schema::TypeMatch::On::kParent, "kind", "'person'"};
  EXPECT_NE(MakeStatements(tree_).root_by_key.sql.find(
                R"(CASE WHEN r."kind" = 'person' THEN r."author_id"::text END)"),
            std::string::npos);
}

TEST_F(StatementsTest, RoutingIsPartOfTheAddress) {
  tree_.routing_key = tree_.routing_column = "shelf";
  tree_.routing_type = "text";
  tree_.entries[0].columns = {"id", "shelf"};
  tree_.entries[0].types = {"int4", "text"};
  tree_.entries[0].carried = 1;
  const TreeStatements statements = MakeStatements(tree_);
  const std::string& sql = statements.root_by_key.sql;
  EXPECT_NE(sql.find(R"(to_json(r."shelf") #>> '{}', to_json(k.v2) #>> '{}',)"), std::string::npos)
      << sql;
  EXPECT_NE(sql.find(R"(FROM unnest($1::int4[], $2::text[]) AS k(v1, v2) )"
                     R"(LEFT JOIN "public"."book" AS r ON r."id" = k.v1)"),
            std::string::npos)
      << sql;
  EXPECT_TRUE(statements.climbs[0].direct);
  EXPECT_EQ(statements.climbs[0].order, (std::vector<size_t>{0, 1}));
  // A review knows its book, but not where that stands.
  EXPECT_FALSE(statements.climbs[2].direct);
  EXPECT_EQ(statements.climbs[2].sql,
            R"(SELECT DISTINCT n0."id"::text, n0."shelf"::text FROM unnest($1::int4[]) AS k(v1) )"
            R"(JOIN "public"."book" AS n0 ON n0."id" = k.v1)");
}

TEST_F(StatementsTest, TablesBehindAViewClimbThroughItsRows) {
  using Via = schema::EntryPoint::Via;
  tree_.nodes[2].kind = 'v';
  tree_.entries.push_back({5, 2, Via::kView, {"public", "note"}, {"id"}, {"int4"}});
  tree_.entries.push_back({6, 2, Via::kViewLink, {"public", "note"}, {"book_id"}, {"int4"}});
  tree_.entries.push_back({7, 3, Via::kViewLink, {"public", "word"}, {"id"}, {"int4"}});
  const TreeStatements statements = MakeStatements(tree_);
  EXPECT_EQ(statements.climbs[5].sql,
            R"(SELECT DISTINCT n0."id"::text FROM unnest($1::int4[]) AS k(v1) )"
            R"(JOIN "public"."review" AS n2 ON n2."id" = k.v1 )"
            R"(JOIN "public"."book" AS n0 ON n0."id" = n2."book_id")");
  EXPECT_TRUE(statements.climbs[6].direct);
  EXPECT_EQ(statements.climbs[7].sql, statements.climbs[3].sql);
}

TEST_F(StatementsTest, TableBehindARootViewNamesItsRowsByTheId) {
  using Via = schema::EntryPoint::Via;
  tree_.nodes[0].kind = 'v';
  tree_.entries.push_back({5, 0, Via::kView, {"public", "volume"}, {"id"}, {"int4"}});
  tree_.entries.push_back({6, 0, Via::kView, {"public", "writer"}, {"author_id"}, {"int4"}});
  const TreeStatements statements = MakeStatements(tree_);
  EXPECT_TRUE(statements.climbs[5].direct);
  EXPECT_EQ(statements.climbs[6].sql,
            R"(SELECT DISTINCT n0."id"::text FROM unnest($1::int4[]) AS k(v1) )"
            R"(JOIN "public"."book" AS n0 ON n0."author_id" = k.v1)");
}

TEST_F(StatementsTest, RootViewIsEnteredByItsOwnRowsAlone) {
  using Via = schema::EntryPoint::Via;
  tree_.nodes[0].kind = 'v';
  tree_.entries.push_back({5, 0, Via::kViewLink, {"public", "volume"}, {"id"}, {"int4"}});
  tree_.entries.push_back({6, 0, Via::kViewLink, {"public", "writer"}, {"author_id"}, {"int4"}});
  const TreeStatements statements = MakeStatements(tree_);
  EXPECT_TRUE(statements.climbs[5].direct);
  EXPECT_EQ(statements.climbs[6].sql,
            R"(SELECT DISTINCT n0."id"::text FROM unnest($1::int4[]) AS k(v1) )"
            R"(JOIN "public"."book" AS n0 ON n0."author_id" = k.v1)");
}

TEST_F(StatementsTest, RoutingByAPartOfTheIdGoesToBothPlaces) {
  tree_.id_columns = tree_.entries[0].columns = {"id", "shelf"};
  tree_.id_types = tree_.entries[0].types = {"int4", "text"};
  tree_.routing_key = tree_.routing_column = "shelf";
  tree_.routing_type = "text";
  const TreeStatements statements = MakeStatements(tree_);
  EXPECT_TRUE(statements.climbs[0].direct);
  EXPECT_EQ(statements.climbs[0].order, (std::vector<size_t>{0, 1, 1}));
  EXPECT_NE(statements.root_by_key.sql.find("unnest($1::int4[], $2::text[], $3::text[])"),
            std::string::npos);
}

TEST_F(StatementsTest, ScalarSelectsItsFirstColumnOnly) {
  tree_.nodes[3].columns.push_back({"id", "id", "", 23});
  EXPECT_NE(MakeStatements(tree_).levels[3].sql.find(R"(SELECT k.ord, c."name" FROM)"),
            std::string::npos);
}

TEST_F(StatementsTest, ListsEveryStatementWithItsParameters) {
  const auto listed = ListStatements(tree_);
  ASSERT_EQ(listed.size(), 2u + 3u + 4u);
  EXPECT_EQ(listed[0].heading, "public.book by key");
  EXPECT_EQ(listed[0].parameter_types, std::vector<std::string>{"int4[]"});
  EXPECT_EQ(listed[1].parameter_types, (std::vector<std::string>{"tid", "tid"}));
  EXPECT_NE(listed[1].sql.find(R"(FROM ONLY "public"."book" AS r)"), std::string::npos);
  for (const ListedStatement& statement : listed) {
    size_t parameters = 0;
    while (statement.sql.find("$" + std::to_string(parameters + 1)) != std::string::npos) {
      ++parameters;
    }
    EXPECT_EQ(parameters, statement.parameter_types.size()) << statement.sql;
  }
}

TEST_F(StatementsTest, HostileNamesStayQuoted) {
  tree_.nodes[0].table.table = R"(a"; DROP TABLE x;--)";
  const std::string sql = MakeStatements(tree_).root_by_key.sql;
  EXPECT_NE(sql.find(R"("public"."a""; DROP TABLE x;--" AS r)"), std::string::npos) << sql;
}

}  // namespace
}  // namespace assemble
