// Resolve: joins from constraints, from foreign_key, through junctions.
#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

const std::string kRelationship = "error: schema.json[0].nodes.children[0].relationship";

TEST(Join, FollowsAConstraintOfTheChild) {
  const Link link = TreeOf(WithChild("book", Child("review", ""))).nodes[1].link;
  EXPECT_EQ(link.upper, Strings{"isbn"});
  EXPECT_EQ(link.lower, Strings{"book_isbn"});
  EXPECT_EQ(link.types, Strings{"text"});
  EXPECT_EQ(link.lower_types, Strings{"text"});
}

TEST(Join, FollowsAConstraintOfTheParent) {
  const Link link = TreeOf(WithChild("book", Child("publisher", ""))).nodes[1].link;
  EXPECT_EQ(link.upper, Strings{"publisher_id"});
  EXPECT_EQ(link.lower, Strings{"id"});
}

TEST(Join, KeepsTheOrderOfTheConstraint) {
  const Link link = TreeOf(WithChild("shelf", Child("slip", ""))).nodes[1].link;
  EXPECT_EQ(link.upper, (Strings{"area", "room"}));
  EXPECT_EQ(link.lower, (Strings{"area", "room"}));
}

TEST(Join, CrossesSchemas) {
  const Link link =
      TreeOf(WithChild("book", R"({"table": "book", "schema": "archive", "label": "old",
      "relationship": {"type": "one_to_many", "variant": "object"}})"))
          .nodes[1]
          .link;
  EXPECT_EQ(link.upper, Strings{"isbn"});
  EXPECT_EQ(link.lower, Strings{"isbn"});
}

TEST(Join, RefusesTablesWithoutAConstraint) {
  EXPECT_EQ(OfResolve(WithChild("book", Child("slip", ""))),
            Strings{kRelationship + ": no foreign key between public.book and public.slip; add "
                                    "\"foreign_key\": {\"parent\": […], \"child\": […]}"});
}

TEST(Join, ListsTheCandidatesOfSeveralConstraints) {
  EXPECT_EQ(
      OfResolve(WithChild("book", Child("person", ""))),
      Strings{kRelationship + ": 2 foreign keys between public.book and public.person; choose one: "
                              "{\"parent\": [\"editor_id\"], \"child\": [\"id\"]}, "
                              "{\"parent\": [\"translator_id\"], \"child\": [\"id\"]}"});
}

TEST(Join, CountsTwoConstraintsOnTheSameColumnsOnce) {
  Catalog catalog = Library();
  catalog.foreign_keys.push_back(
      {"again", {"public", "review"}, {"book_isbn"}, {"public", "book"}, {"isbn"}});
  EXPECT_EQ(TreeOf(WithChild("book", Child("review", "")), catalog).nodes[1].link.lower,
            Strings{"book_isbn"});
}

TEST(Join, TakesForeignKeyOverConstraints) {
  const Link link = TreeOf(WithChild("book", Child("person", R"(, "foreign_key":
      {"parent": ["translator_id"], "child": "id"})")))
                        .nodes[1]
                        .link;
  EXPECT_EQ(link.upper, Strings{"translator_id"});
  EXPECT_EQ(link.lower, Strings{"id"});
  EXPECT_EQ(link.types, Strings{"integer"});
}

TEST(Join, GoesTheWayOfASelfReference) {
  const Link up = TreeOf(WithChild("staff", Child("staff", R"(, "foreign_key":
      {"parent": ["boss_id"], "child": ["id"]})")))
                      .nodes[1]
                      .link;
  EXPECT_EQ(up.upper, Strings{"boss_id"});
  EXPECT_EQ(up.lower, Strings{"id"});
  const Link down = TreeOf(WithChild("staff", Child("staff", R"(, "foreign_key":
      {"parent": ["id"], "child": ["boss_id"]})")))
                        .nodes[1]
                        .link;
  EXPECT_EQ(down.upper, Strings{"id"});
  EXPECT_EQ(down.lower, Strings{"boss_id"});
}

TEST(Join, ChecksTheColumnsOfForeignKey) {
  EXPECT_EQ(OfResolve(WithChild("book", Child("review", R"(, "foreign_key":
                {"parent": ["isnb"], "child": ["book"]})"))),
            (Strings{kRelationship + ".foreign_key.parent[0]: column \"isnb\" does not exist in "
                                     "public.book; did you mean \"isbn\"?",
                     kRelationship + ".foreign_key.child[0]: column \"book\" does not exist in "
                                     "public.review"}));
}

TEST(Join, RefusesTypesWithoutEquality) {
  EXPECT_EQ(
      OfResolve(WithChild("book", Child("slip", R"(, "foreign_key":
                {"parent": ["title"], "child": ["id"]})"))),
      Strings{kRelationship + ".foreign_key: book.title is text, slip.id is uuid: not comparable"});
  EXPECT_EQ(OfResolve(WithChild("odd", Child("odd", R"(, "foreign_key":
                {"parent": ["spot"], "child": ["spot"]})"))),
            Strings{kRelationship +
                    ".foreign_key: odd.spot is point, odd.spot is point: not comparable"});
}

TEST(Join, ComparesNumbersOfAllWidths) {
  const DocumentTree tree = TreeOf(WithChild("author", Child("review", R"(, "foreign_key":
      {"parent": ["id"], "child": ["stars"]})")));
  EXPECT_EQ(tree.nodes[1].link.types, Strings{"bigint"});
  EXPECT_EQ(tree.nodes[1].link.lower_types, Strings{"integer"});
  EXPECT_EQ(tree.entries[1].types, Strings{"integer"});
}

TEST(Junction, FollowsOneConstraintToEachSide) {
  const DocumentTree tree =
      TreeOf(WithChild("book", Child("author", R"(, "through_tables": ["book_author"])")));
  ASSERT_TRUE(tree.nodes[1].junction.has_value());
  const Junction& junction = *tree.nodes[1].junction;
  EXPECT_EQ(junction.table, (TableName{"public", "book_author"}));
  EXPECT_EQ(junction.to_parent.upper, Strings{"isbn"});
  EXPECT_EQ(junction.to_parent.lower, Strings{"book_isbn"});
  EXPECT_EQ(junction.to_child.upper, Strings{"author_id"});
  EXPECT_EQ(junction.to_child.lower, Strings{"id"});
  EXPECT_EQ(junction.to_child.types, Strings{"bigint"});
  EXPECT_EQ(junction.key, (Strings{"book_isbn", "author_id"}));
  EXPECT_TRUE(tree.nodes[1].link.upper.empty());
  EXPECT_TRUE(tree.nodes[1].IsArray());
}

TEST(Junction, MayNameItsSchema) {
  const DocumentTree tree =
      TreeOf(WithChild("book", Child("author", R"(, "through_tables": ["public.book_author"])")));
  EXPECT_EQ(tree.nodes[1].junction->table, (TableName{"public", "book_author"}));
}

TEST(Junction, WarnsOfAView) {
  Catalog catalog = Library();
  catalog.tables.at({"public", "book_author"}).kind = 'v';
  EXPECT_EQ(OfResolve(WithChild("book", Child("author", R"(, "through_tables": ["book_author"])")),
                      catalog),
            Strings{"warning" + kRelationship.substr(5) +
                    ".through_tables[0]: public.book_author is not a table: its changes are not "
                    "followed. Where they matter, make it a node of its own, with "
                    "\"base_tables\""});
}

TEST(Junction, RefusesATableWithoutAConstraintToASide) {
  EXPECT_EQ(OfResolve(WithChild("book", Child("slip", R"(, "through_tables": ["book_author"])"))),
            Strings{kRelationship + ".through_tables[0]: public.book_author has no foreign key to "
                                    "public.slip"});
}

TEST(Junction, ListsTheCandidatesOfSeveralConstraints) {
  EXPECT_EQ(
      OfResolve(WithChild("person", Child("person", R"(, "through_tables": ["friendship"])"))),
      (Strings{kRelationship + ".through_tables[0]: 2 foreign keys between public.friendship and "
                               "public.person; write the junction as an object and choose one for "
                               "\"parent\": {\"parent\": [\"id\"], \"through\": [\"person_id\"]}, "
                               "{\"parent\": [\"id\"], \"through\": [\"friend_id\"]}",
               kRelationship + ".through_tables[0]: 2 foreign keys between public.friendship and "
                               "public.person; write the junction as an object and choose one for "
                               "\"child\": {\"through\": [\"person_id\"], \"child\": [\"id\"]}, "
                               "{\"through\": [\"friend_id\"], \"child\": [\"id\"]}"}));
}

TEST(Junction, TakesTheJoinsOfAnObject) {
  const DocumentTree tree = TreeOf(WithChild("person", Child("person", R"(, "through_tables":
      [{"table": "friendship", "parent": {"parent": ["id"], "through": ["friend_id"]},
        "child": {"through": "person_id", "child": "id"}}])")));
  const Junction& junction = *tree.nodes[1].junction;
  EXPECT_EQ(junction.to_parent.lower, Strings{"friend_id"});
  EXPECT_EQ(junction.to_child.upper, Strings{"person_id"});
}

TEST(Junction, GivesTheOtherSideWhatOneSideLeaves) {
  const DocumentTree tree = TreeOf(WithChild("person", Child("person", R"(, "through_tables":
      [{"table": "friendship", "parent": {"parent": ["id"], "through": ["person_id"]}}])")));
  EXPECT_EQ(tree.nodes[1].junction->to_child.upper, Strings{"friend_id"});
  const DocumentTree other = TreeOf(WithChild("person", Child("person", R"(, "through_tables":
      [{"table": "friendship", "child": {"through": ["person_id"], "child": ["id"]}}])")));
  EXPECT_EQ(other.nodes[1].junction->to_parent.lower, Strings{"friend_id"});
}

TEST(Junction, RefusesToJoinEachRowToItself) {
  Catalog catalog = Library();
  std::erase_if(catalog.foreign_keys, [](const auto& key) { return key.name == "f_friend"; });
  const SchemaFile file =
      Parse(WithChild("person", Child("person", R"(, "through_tables": ["friendship"])")),
            "schema.json", NoEnvironment);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(
      Texts(Resolve(file, "shop", catalog).findings),
      Strings{kRelationship +
              ".through_tables[0]: public.friendship has one foreign key to public.person, which "
              "would join each row to itself; write the junction as an object with \"parent\" "
              "and \"child\""});
}

TEST(Junction, ChecksTheKeysAndColumnsOfAnObject) {
  EXPECT_EQ(OfParse(WithChild("person", Child("person", R"(, "through_tables":
                [{"tabel": "friendship", "parent": {"through": ["a"]}}])"))),
            (Strings{kRelationship + ".through_tables[0]: unknown key \"tabel\"; allowed: table, "
                                     "schema, parent, child; did you mean \"table\"?",
                     kRelationship + ".through_tables[0].table: required: the junction table"}));
  EXPECT_EQ(
      OfResolve(WithChild("person", Child("person", R"(, "through_tables":
                [{"table": "friendship", "parent": {"parent": ["id"], "through": ["persn_id"]}}])"))),
      (Strings{kRelationship + ".through_tables[0].parent.through[0]: column \"persn_id\" does "
                               "not exist in public.friendship; did you mean \"person_id\"?",
               kRelationship + ".through_tables[0]: 2 foreign keys between public.friendship and "
                               "public.person; write the junction as an object and choose one "
                               "for \"child\": {\"through\": [\"person_id\"], \"child\": "
                               "[\"id\"]}, {\"through\": [\"friend_id\"], \"child\": [\"id\"]}"}));
}

}  // namespace
}  // namespace schema
