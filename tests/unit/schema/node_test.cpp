// Parse: nodes, relationships, transforms; everything that needs no database.
#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

const std::string kNode = "error: schema.json[0].nodes";
const std::string kChild = "error: schema.json[0].nodes.children[0]";

std::string WithRelationship(const std::string& relationship) {
  return WithChild("book", R"({"table": "review", "relationship": )" + relationship + "}");
}

TEST(ParseNode, RefusesAnUnknownKey) {
  EXPECT_EQ(
      OfParse(Document(R"({"table": "book", "colums": []})")),
      Strings{kNode +
              ": unknown key \"colums\"; allowed: table, schema, columns, label, primary_key, "
              "base_tables, relationship, transform, children, where, order_by, limit, "
              "exclude, soft_delete, lookup; did you mean \"columns\"?"});
}

TEST(ParseNode, RequiresTheTable) {
  EXPECT_EQ(OfParse(Document("{}")),
            Strings{kNode + ".table: required: the table or view of this node"});
}

TEST(ParseNode, ExpectsListsOfStrings) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": 3, "primary_key": {}})")),
            (Strings{kNode + ".columns: expected a list of strings; found a number",
                     kNode + ".primary_key: expected a list of strings; found an object"}));
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": ["a", 3]})")),
            Strings{kNode + ".columns[1]: expected a string; found a number"});
}

TEST(ParseNode, RefusesAPathAfterText) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": ["doc->>x->y"]})")),
            Strings{kNode + ".columns[0]: \"doc->>x->y\": nothing may follow ->>"});
}

TEST(ParseNode, RefusesTwoPathsWithOneKey) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": ["doc->a", "doc_a"]})")),
            Strings{kNode + ".columns[1]: \"doc->a\" and \"doc_a\" both give the key \"doc_a\""});
}

TEST(ParseNode, WarnsOfAColumnListedTwice) {
  EXPECT_EQ(
      OfParse(Document(R"({"table": "book", "columns": ["isbn", "isbn"]})")),
      Strings{"warning: schema.json[0].nodes.columns[1]: \"isbn\" is listed twice; it gives one "
              "key"});
}

TEST(ParseNode, RefusesALabelUsedTwice) {
  const std::string child = Child("review", "");
  EXPECT_EQ(
      OfParse(WithChild("book", child + "," + child)),
      Strings{"error: schema.json[0].nodes.children[1].label: label \"review\" is already used "
              "by children[0]"});
}

TEST(ParseNode, WarnsWhenAChildHidesAColumn) {
  EXPECT_EQ(
      OfParse(Document(R"({"table": "book", "columns": ["isbn", "review"], "children": [)" +
                       Child("review", "") + "]}")),
      Strings{"warning: schema.json[0].nodes.children[0].label: \"review\" is also the key of a "
              "column; the child wins, the column is left out"});
}

TEST(ParseNode, IgnoresARelationshipOfTheRoot) {
  EXPECT_EQ(
      OfParse(Document(R"({"table": "book", "relationship": {"type": "x"}})")),
      Strings{"warning: schema.json[0].nodes.relationship: ignored: the root node has no parent"});
}

TEST(ParseNode, RefusesChildrenOfAScalar) {
  EXPECT_EQ(OfParse(WithChild("book", R"({"table": "review", "columns": ["id"],
      "relationship": {"type": "one_to_many", "variant": "scalar"},
      "children": [)" + Child("x", "") + "]}")),
            Strings{kChild +
                    ".children: a scalar node is a bare value and cannot hold children; use "
                    "\"variant\": \"object\""});
}

TEST(ParseNode, WarnsOfFurtherColumnsOfAScalar) {
  EXPECT_EQ(
      OfParse(WithChild("book", R"({"table": "review", "columns": ["stars", "id"],
      "relationship": {"type": "one_to_many", "variant": "scalar"}})")),
      Strings{"warning: schema.json[0].nodes.children[0].columns: a scalar node has one value: "
              "only \"stars\" counts"});
}

TEST(ParseRelationship, IsRequiredBelowTheRoot) {
  EXPECT_EQ(OfParse(WithChild("book", R"({"table": "review"})")),
            Strings{kChild + ".relationship: required: {\"type\": …, \"variant\": …}"});
}

TEST(ParseRelationship, RefusesAnUnknownKey) {
  EXPECT_EQ(
      OfParse(
          WithRelationship(R"({"type": "one_to_one", "variant": "object", "through_table": []})")),
      Strings{kChild + ".relationship.through_table: unknown key \"through_table\"; allowed: type, "
                       "variant, through_tables, foreign_key, polymorphic; did you mean "
                       "\"through_tables\"?"});
}

TEST(ParseRelationship, RefusesOtherTypesAndVariants) {
  EXPECT_EQ(
      OfParse(WithRelationship(R"({"type": "one_to_few", "variant": "Object"})")),
      (Strings{kChild + ".relationship.type: \"one_to_few\" is not allowed; use \"one_to_one\" or "
                        "\"one_to_many\"",
               kChild + ".relationship.variant: \"Object\" is not allowed; use \"object\" or "
                        "\"scalar\""}));
}

TEST(ParseRelationship, RequiresTypeAndVariant) {
  EXPECT_EQ(OfParse(WithRelationship("{}")),
            (Strings{kChild + ".relationship.type: required: \"one_to_one\" or \"one_to_many\"",
                     kChild + ".relationship.variant: required: \"object\" or \"scalar\""}));
}

TEST(ParseRelationship, AllowsOneJunction) {
  EXPECT_EQ(OfParse(WithChild("book", Child("author", R"(, "through_tables": ["a", "b"])"))),
            Strings{kChild + ".relationship.through_tables: at most one junction table; found 2"});
}

TEST(ParseRelationship, IgnoresForeignKeyBesideAJunction) {
  EXPECT_EQ(
      OfParse(WithChild("book", Child("author", R"(, "through_tables": ["book_author"],
                              "foreign_key": {"parent": "a", "child": "b"})"))),
      Strings{"warning: schema.json[0].nodes.children[0].relationship.foreign_key: ignored, as "
              "there is a junction table; to choose its join columns write it as an object with "
              "\"parent\" and \"child\""});
}

TEST(ParseRelationship, NeedsBothSidesOfAForeignKeyAndNothingElse) {
  for (const char* key : {R"({"parent": ["a"]})", R"({"parent": ["a"], "child": ["b"], "x": 1})",
                          R"({"parent": ["a"], "kid": ["b"]})"}) {
    EXPECT_EQ(
        OfParse(WithChild("book", Child("review", R"(, "foreign_key": )" + std::string(key)))),
        Strings{kChild + ".relationship.foreign_key: needs \"parent\" and \"child\" and nothing "
                         "else"});
  }
}

TEST(ParseRelationship, NeedsSidesOfOneLength) {
  EXPECT_EQ(
      OfParse(WithChild(
          "book", Child("review", R"(, "foreign_key": {"parent": "a", "child": ["b", "c"]})"))),
      Strings{kChild +
              ".relationship.foreign_key: \"parent\" has 1 column, \"child\" has 2; they are "
              "paired by position"});
}

TEST(ParseRelationship, AsksWhichWayASelfReferenceGoes) {
  EXPECT_EQ(OfParse(WithChild("staff", Child("staff", ""))),
            Strings{kChild + ".relationship: public.staff refers to itself; say which way with "
                             "\"foreign_key\""});
}

TEST(ParseTransform, RefusesAnUnknownTransform) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "transform": {"renames": {}}})")),
            Strings{kNode +
                    ".transform.renames: unknown transform \"renames\"; allowed: concat, mapping, "
                    "move, rename, replace; did you mean \"rename\"?"});
}

TEST(ParseTransform, RefusesToRenameWhatIsNotThere) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": ["isbn", "name"],
                                 "transform": {"rename": {"nmae": "x"}}})")),
            Strings{kNode + ".transform.rename.nmae: this node has no key \"nmae\"; did you mean "
                            "\"name\"?"});
}

TEST(ParseTransform, RefusesARenameOntoAnotherKey) {
  EXPECT_EQ(
      OfParse(Document(R"({"table": "book", "columns": ["isbn", "name"],
                                 "transform": {"rename": {"isbn": "name"}}})")),
      Strings{kNode + ".transform.rename.isbn: \"name\" and \"isbn\" both give the key \"name\""});
}

TEST(ParseTransform, RefusesTwoRenamesToOneKeyOnce) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": ["a", "b"],
                                 "transform": {"rename": {"a": "c", "b": "c"}}})")),
            Strings{kNode + ".transform.rename.b: \"a\" and \"b\" both give the key \"c\""});
}

TEST(ParseTransform, LetsTwoKeysTradeNames) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": ["a", "b"],
                                 "transform": {"rename": {"a": "b", "b": "a"}}})")),
            Strings{});
}

TEST(ParseTransform, RefusesToRenameAScalar) {
  EXPECT_EQ(OfParse(WithChild("book", R"({"table": "review", "columns": ["id"],
      "relationship": {"type": "one_to_many", "variant": "scalar"},
      "transform": {"rename": {"id": "x"}}})")),
            Strings{kChild + ".transform.rename: a scalar node is a bare value and has no key to "
                             "rename"});
}

TEST(ParseTransform, NeedsTheTypeOfAMappedKey) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": ["isbn"],
                                 "transform": {"mapping": {"isbn": {"analyzer": "x"}}}})")),
            Strings{kNode + ".transform.mapping.isbn: needs \"type\""});
}

TEST(ParseTransform, RefusesTheOldNameInAMapping) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": ["id"], "transform": {
                                 "rename": {"id": "book_id"}, "mapping": {"id": {"type": "long"}}}})")),
            Strings{kNode + ".transform.mapping.id: \"id\" is renamed to \"book_id\"; use the new "
                            "name"});
}

TEST(ParseTransform, WarnsOfAMappedKeyThatIsNotThere) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": ["isbn"],
                                 "transform": {"mapping": {"ibsn": {"type": "long"}}}})")),
            Strings{"warning: schema.json[0].nodes.transform.mapping.ibsn: this node has no key "
                    "\"ibsn\"; did you mean \"isbn\"?"});
}

TEST(ParseTransform, SaysNothingOfKeysWhenAColumnCouldNotBeRead) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "columns": [7],
                                 "transform": {"rename": {"isbn": "x"}}})")),
            Strings{kNode + ".columns[0]: expected a string; found a number"});
}

}  // namespace
}  // namespace schema
