// The weakest sufficient replica identity, and the indexes that links need.
#include "consumer/app/identity.h"

#include <gtest/gtest.h>

#include "consumer/app/preflight.h"

namespace app {
namespace {

// Table public.c (id primary key, p_id, ref not null, opt) with the given identity.
schema::CatalogTable Table(char identity = 'd') {
  schema::CatalogTable table;
  table.name = {"public", "c"};
  table.replica_identity = identity;
  for (const char* name : {"id", "p_id", "ref", "opt"}) {
    schema::CatalogColumn column;
    column.name = name;
    column.not_null = std::string(name) != "opt";
    table.columns.push_back(column);
  }
  table.primary_key = {"id"};
  table.indexes = {{"c_pkey", {"id"}, true, false, true}};
  return table;
}

schema::TableUse Use(std::vector<std::string> old_values) {
  return {{"public", "c"}, old_values, {}, old_values};
}

TEST(PlanIdentity, PrimaryKeyIsEnoughForItself) {
  const IdentityPlan plan = PlanIdentity(Use({"id"}), Table());
  EXPECT_TRUE(plan.sufficient);
  EXPECT_EQ(plan.weakest, 'd');
}

TEST(PlanIdentity, NothingNeededIsAlwaysEnough) {
  EXPECT_TRUE(PlanIdentity(Use({}), Table('n')).sufficient);
}

TEST(PlanIdentity, NothingNeedsDefaultForTheKey) {
  const IdentityPlan plan = PlanIdentity(Use({"id"}), Table('n'));
  EXPECT_FALSE(plan.sufficient);
  EXPECT_EQ(plan.missing, std::vector<std::string>{"id"});
  EXPECT_EQ(plan.statement, "ALTER TABLE \"public\".\"c\" REPLICA IDENTITY DEFAULT;");
}

TEST(PlanIdentity, LinkOutsideOfTheKeyNeedsFull) {
  const IdentityPlan plan = PlanIdentity(Use({"id", "p_id"}), Table());
  EXPECT_FALSE(plan.sufficient);
  EXPECT_EQ(plan.missing, std::vector<std::string>{"p_id"});
  EXPECT_EQ(plan.statement, "ALTER TABLE \"public\".\"c\" REPLICA IDENTITY FULL;");
  EXPECT_TRUE(PlanIdentity(Use({"id", "p_id"}), Table('f')).sufficient);
}

TEST(PlanIdentity, NarrowestSuitableIndexBeatsFull) {
  schema::CatalogTable table = Table();
  table.indexes.push_back({"wide", {"id", "p_id", "ref"}, true, false, true});
  table.indexes.push_back({"b \"q\"", {"p_id", "id"}, true, false, true});
  table.indexes.push_back({"c", {"id", "p_id"}, true, false, true});
  const IdentityPlan plan = PlanIdentity(Use({"p_id", "id"}), table);
  EXPECT_EQ(plan.weakest, 'i');
  EXPECT_EQ(plan.statement,
            "ALTER TABLE \"public\".\"c\" REPLICA IDENTITY USING INDEX \"b \"\"q\"\"\";");
}

TEST(PlanIdentity, UnsuitableIndexesDoNotCount) {
  const schema::CatalogIndex unsuitable[] = {
      {"plain", {"id", "p_id"}, false, false, true},
      {"partial", {"id", "p_id"}, true, true, true},
      {"deferrable", {"id", "p_id"}, true, false, false},
      {"nullable", {"id", "p_id", "opt"}, true, false, true},
      {"expression", {"id", "p_id", ""}, true, false, true},
  };
  for (const schema::CatalogIndex& index : unsuitable) {
    schema::CatalogTable table = Table();
    table.indexes.push_back(index);
    EXPECT_EQ(PlanIdentity(Use({"id", "p_id"}), table).weakest, 'f') << index.name;
  }
}

TEST(PlanIdentity, PresentIndexIsComparedByItsColumns) {
  schema::CatalogTable table = Table('i');
  table.identity_index = "c_link";
  table.indexes.push_back({"c_link", {"id", "p_id"}, true, false, true});
  EXPECT_TRUE(PlanIdentity(Use({"p_id"}), table).sufficient);
  EXPECT_FALSE(PlanIdentity(Use({"ref"}), table).sufficient);
  table.identity_index = "dropped";  // then the server logs nothing
  EXPECT_FALSE(PlanIdentity(Use({"id"}), table).sufficient);
}

TEST(PlanIdentity, PartitionedTableTakesNoIndexAndViewsNothing) {
  schema::CatalogTable table = Table();
  table.indexes.push_back({"c_link", {"id", "p_id"}, true, false, true});
  table.kind = 'p';
  EXPECT_EQ(PlanIdentity(Use({"p_id"}), table).weakest, 'f');
  table.kind = 'v';
  EXPECT_TRUE(PlanIdentity(Use({"p_id"}), table).sufficient);
}

TEST(IdentityCheck, NamesTableColumnAndStatement) {
  const CheckResult check = IdentityCheck(Use({"id", "p_id"}), Table());
  EXPECT_EQ(check.level, CheckLevel::kError);
  EXPECT_EQ(
      check.what,
      "public.c: replica identity DEFAULT: deletes and updates carry only the old "
      "values of (id), but documents are found by p_id; weakest "
      "that does: FULL, as neither the primary key nor a suitable unique index holds (id, p_id)");
  EXPECT_EQ(check.remedy, "ALTER TABLE \"public\".\"c\" REPLICA IDENTITY FULL;");
  EXPECT_EQ(check.apply_sql, std::vector<std::string>{check.remedy});
}

// A document of p with children c, joined by c.p_id.
schema::DocumentTree Tree() {
  schema::DocumentTree tree;
  schema::Node root, child;
  root.table = {"public", "p"};
  child.id = 1;
  child.parent = 0;
  child.table = {"public", "c"};
  child.link = {{"id"}, {"p_id"}, {"integer"}, {"integer"}};
  tree.nodes = {root, child};
  return tree;
}

schema::Catalog TreeCatalog() {
  schema::Catalog catalog;
  schema::CatalogTable parent = Table();
  parent.name = {"public", "p"};
  catalog.tables[parent.name] = parent;
  catalog.tables[{"public", "c"}] = Table();
  return catalog;
}

TEST(MissingIndexes, NamesTheLinkThatHasNone) {
  const auto missing = MissingIndexes({Tree(), Tree()}, TreeCatalog());
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].statement, "CREATE INDEX CONCURRENTLY ON \"public\".\"c\" (\"p_id\");");
}

TEST(MissingIndexes, LeadingColumnsServeAndPartialOnesDoNot) {
  schema::Catalog catalog = TreeCatalog();
  auto& indexes = catalog.tables[{"public", "c"}].indexes;
  indexes.push_back({"partial", {"p_id"}, false, true, true});
  indexes.push_back({"trailing", {"ref", "p_id"}, false, false, true});
  EXPECT_EQ(MissingIndexes({Tree()}, catalog).size(), 1u);
  indexes.push_back({"leading", {"p_id", "ref"}, false, false, true});
  EXPECT_TRUE(MissingIndexes({Tree()}, catalog).empty());
}

TEST(MissingIndexes, JunctionsNeedBothSides) {
  schema::DocumentTree tree = Tree();
  tree.nodes[1].link = {};
  tree.nodes[1].junction =
      schema::Junction{{"public", "c"}, {{"id"}, {"p_id"}, {}, {}}, {{"ref"}, {"id"}, {}, {}}, {}};
  const auto missing = MissingIndexes({tree}, TreeCatalog());
  ASSERT_EQ(missing.size(), 2u);
  EXPECT_EQ(missing[0].columns, std::vector<std::string>{"p_id"});
  EXPECT_EQ(missing[1].columns, std::vector<std::string>{"ref"});
}

}  // namespace
}  // namespace app
