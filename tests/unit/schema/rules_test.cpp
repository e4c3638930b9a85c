// Every rule of docs/schema-reference.md section 11, in its order, with a file that breaks it and
// the exact lines. The rules of sections 2 to 10 and 15 that the table does not list:
//
//   clashes of keys and labels            node_test, join_test
//   transforms                            transform_test
//   where, soft_delete, order_by, limit,
//   exclude, computed, polymorphic        rows_test (X1 to X6, X13)
//   id, routing, plugins, meta, views     document_test (X7, X12, 10.1, 10.3, 10.4)
//   empty_array, alias, schemas           parse_test (X8, X11, X14)
//   junction as object                    join_test (X10)
//
// The rows "(database)" (wal_level, slots, rights, identities, indexes) are rules of the server,
// with tests of their own: test_settings.py, test_bad_input.py, tests/unit/app/identity_test and
// preflight_test; the words of PostgreSQL about expressions are in test_bad_schema.py.
#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

struct Rule {
  std::string name;
  std::string file;
  Strings lines;
};

// Only what can be said without a database when that is enough to refuse the file.
Strings Lines(const std::string& file) {
  Strings offline = OfParse(file);
  if (std::any_of(offline.begin(), offline.end(),
                  [](const std::string& line) { return line.starts_with("error: "); })) {
    return offline;
  }
  return OfResolve(file);
}

const std::string kFile = "error: schema.json[0].";
const std::string kNode = kFile + "nodes";
const std::string kChild = kNode + ".children[0]";

std::string BookChild(const std::string& table, const std::string& relationship) {
  return WithChild("book", Child(table, relationship));
}

std::string Relationship(const std::string& relationship) {
  return WithChild("book", R"({"table": "review", "relationship": {)" + relationship + "}}");
}

std::string Transform(const std::string& transform) {
  return Document(R"({"table": "book", "columns": ["isbn", "title"], "transform": {)" + transform +
                  "}}");
}

std::vector<Rule> FileRules() {
  return {
      {"not an array",
       "{}",
       {"error: schema.json: a schema file is a JSON array of documents; found an object"}},
      {"empty",
       "[]",
       {"error: schema.json: a schema file is a JSON array of documents; found an empty array"}},
      {"not JSON",
       "[\n  7 8]",
       {"error: schema.json: line 2, column 5: not valid JSON: syntax error while parsing array - "
        "unexpected number literal; expected "
        "']'"}},
      {"unknown top-level key",
       Document(R"({"table": "book"})", R"("settings": {}, )"),
       {kFile + "settings: unknown key \"settings\"; allowed: database, index, nodes, plugins, "
                "pipeline, routing, setting, mapping, mappings, id, alias, version, empty_array, "
                "meta, type_mapping, schemas; did you mean \"setting\"?"}},
      {"no database",
       R"([{"index": "x", "nodes": {"table": "book"}}])",
       {kFile + "database: required: the name of the PostgreSQL database"}},
      {"illegal index name",
       R"([{"database": "shop", "index": "My Index", "nodes": {"table": "book"}}])",
       {kFile + "index: \"My Index\" cannot be an index name: lower case only, none of \\ / * ? \" "
                "< > | space , # :, not starting with - _ +, not . or .., at most 255 bytes, of "
                "which the generation suffix of an alias takes 10"}},
      {"index twice",
       R"([{"database": "shop", "index": "orders", "nodes": {"table": "book"}},
           {"database": "shop", "index": "orders", "nodes": {"table": "book"}}])",
       {"error: schema.json[1].index: (shop, orders) is already defined by schema.json[0]"}},
      {"version 1",
       R"([{"database": "shop", "nodes": [{"table": "book"}]}])",
       {kNode + ": the version 1 format (an array) is not supported: nodes is one object, the root "
                "node"}},
      {"wrong JSON type",
       Document(R"({"table": "book", "primary_key": 7})"),
       {kNode + ".primary_key: expected a list of strings; found a number"}},
      {"routing of no key",
       Document(R"({"table": "book", "columns": ["isbn", "title"],
                    "transform": {"rename": {"isbn": "book_isbn"}}})",
                R"("routing": "isbn", )"),
       {kFile + "routing: the document has no key \"isbn\" after rename; it has: book_isbn, "
                "title"}},
      {"unknown plugin",
       Document(R"({"table": "book"})", R"("plugins": ["Groot"], )"),
       {kFile + "plugins[0]: unknown plugin \"Groot\"; known: none in this version; with "
                "--skip-plugins documents are built without it"}},
      {"plugin twice",
       Document(R"({"table": "book"})", R"("plugins": ["Groot", "Groot"], )"),
       {kFile + "plugins[1]: \"Groot\" is listed twice",
        kFile + "plugins[0]: unknown plugin \"Groot\"; known: none in this version; with "
                "--skip-plugins documents are built without it",
        kFile + "plugins[1]: unknown plugin \"Groot\"; known: none in this version; with "
                "--skip-plugins documents are built without it"}},
      {"id of an unknown column",
       Document(R"({"table": "book"})", R"("id": ["isbm"], )"),
       {kFile + "id: column \"isbm\" does not exist in public.book; did you mean \"isbn\"?"}},
      {"id not unique",
       Document(R"({"table": "shelf"})", R"("id": ["area"], )"),
       {kFile + "id: (area) is not unique: no primary key or unique index on non-null columns "
                "covers exactly or partly these columns"}},
      {"id that may be NULL",
       Document(R"({"table": "slip"})", R"("id": ["area", "room"], )"),
       {kFile + "id: \"area\" may be NULL; an id is made of columns that are NOT NULL",
        kFile + "id: \"room\" may be NULL; an id is made of columns that are NOT NULL"}},
  };
}

std::vector<Rule> NodeRules() {
  return {
      {"unknown node key",
       Document(R"({"table": "book", "colums": []})"),
       {kNode + ": unknown key \"colums\"; allowed: table, schema, columns, label, primary_key, "
                "base_tables, relationship, transform, children, where, order_by, limit, exclude, "
                "soft_delete, lookup; did you mean \"columns\"?"}},
      {"lookup",
       Document(R"({"table": "book", "lookup": "wal"})"),
       {kNode + ".lookup: expected \"index\"; found \"wal\""}},
      {"lookup of the root",
       Document(R"({"table": "book", "lookup": "index"})"),
       {kNode + ".lookup: the root's rows are found by their own key; this belongs to children"}},
      {"no table", Document("{}"), {kNode + ".table: required: the table or view of this node"}},
      {"missing table",
       Document(R"({"table": "boook"})"),
       {kNode + ".table: table \"public.boook\" does not exist; did you mean \"book\"?"}},
      {"missing schema",
       Document(R"({"table": "book", "schema": "sales"})"),
       {kNode + ".schema: schema \"sales\" does not exist in database \"shop\"; it has: archive, "
                "public"}},
      {"unknown column",
       Document(R"({"table": "book", "columns": ["titel"]})"),
       {kNode + ".columns[0]: column \"titel\" does not exist in public.book; did you mean "
                "\"title\"?"}},
      {"bad path",
       Document(R"({"table": "book", "columns": ["doc->>x->y"]})"),
       {kNode + ".columns[0]: \"doc->>x->y\": nothing may follow ->>"}},
      {"path into text",
       Document(R"({"table": "book", "columns": ["title->x"]})"),
       {kNode + ".columns[0]: \"title->x\": title is text; a path needs json or jsonb"}},
      {"key clash",
       Document(R"({"table": "book", "columns": ["doc->a", "doc_a"]})"),
       {kNode + ".columns[1]: \"doc->a\" and \"doc_a\" both give the key \"doc_a\""}},
      {"label clash",
       WithChild("book", Child("author", "") + ", " + Child("author", "")),
       {kNode + ".children[1].label: label \"author\" is already used by children[0]"}},
      {"no primary key",
       Document(R"({"table": "log"})"),
       {kNode + ": public.log has no primary key; a table needs one (a view: \"primary_key\")"}},
      {"ignored primary key",
       Document(R"({"table": "book", "primary_key": ["title"]})"),
       {"warning: schema.json[0].nodes.primary_key: public.book has its own primary key; this is "
        "ignored"}},
      {"missing base table",
       Document(R"({"table": "best_seller", "primary_key": ["rank"], "base_tables": ["boook"]})"),
       {kNode + ".base_tables[0]: table \"public.boook\" does not exist; did you mean \"book\"?"}},
      {"base table without a key",
       Document(R"({"table": "best_seller", "primary_key": ["rank"], "base_tables": ["log"]})"),
       {kNode + ".base_tables[0]: public.log has no primary key; a base table needs one"}},
      {"base table's key hidden",
       Document(R"({"table": "best_seller", "primary_key": ["rank"], "base_tables": ["author"]})"),
       {kNode + ".base_tables[0]: public.author has the primary key (id); the view does not show "
                "\"id\""}},
      {"where that is no expression",
       Document(R"({"table": "book", "where": "(price > 0"})"),
       {kNode + ".where: a \"(\" is not closed"}},
      {"computed that is no expression",
       Document(R"({"table": "book", "columns": [{"name": "n", "expression": "1, 2"}]})"),
       {kNode + ".columns[0].expression: has a \",\" outside of parentheses; it must be one "
                "expression"}},
  };
}

std::vector<Rule> RelationshipRules() {
  const std::string at = kChild + ".relationship";
  return {
      {"no relationship",
       WithChild("book", R"({"table": "review"})"),
       {at + ": required: {\"type\": …, \"variant\": …}"}},
      {"unknown key",
       BookChild("author", R"(, "through": ["book_author"])"),
       {at + ".through: unknown key \"through\"; allowed: type, variant, through_tables, "
             "foreign_key, polymorphic"}},
      {"type and variant missing",
       Relationship(""),
       {at + ".type: required: \"one_to_one\" or \"one_to_many\"",
        at + ".variant: required: \"object\" or \"scalar\""}},
      {"type and variant not allowed",
       Relationship(R"("type": "one_to_few", "variant": "OBJECT")"),
       {at + ".type: \"one_to_few\" is not allowed; use \"one_to_one\" or \"one_to_many\"",
        at + ".variant: \"OBJECT\" is not allowed; use \"object\" or \"scalar\""}},
      {"two junctions",
       BookChild("author", R"(, "through_tables": ["book_author", "friendship"])"),
       {at + ".through_tables: at most one junction table; found 2"}},
      {"junction without a constraint",
       BookChild("publisher", R"(, "through_tables": ["book_author"])"),
       {at + ".through_tables[0]: public.book_author has no foreign key to public.publisher"}},
      {"junction of several constraints",
       WithChild("person", Child("person", R"(, "through_tables": ["friendship"])")),
       {at + ".through_tables[0]: 2 foreign keys between public.friendship and public.person; "
             "write the junction as an object and choose one for \"parent\": {\"parent\": "
             "[\"id\"], \"through\": [\"person_id\"]}, {\"parent\": [\"id\"], \"through\": "
             "[\"friend_id\"]}",
        at + ".through_tables[0]: 2 foreign keys between public.friendship and public.person; "
             "write the junction as an object and choose one for \"child\": {\"through\": "
             "[\"person_id\"], \"child\": [\"id\"]}, {\"through\": [\"friend_id\"], "
             "\"child\": [\"id\"]}"}},
      {"foreign_key with a side too many",
       BookChild("review", R"(, "foreign_key": {"parent": ["isbn"], "child": ["a"], "x": ["b"]})"),
       {at + ".foreign_key: needs \"parent\" and \"child\" and nothing else"}},
      {"foreign_key without a side",
       BookChild("review", R"(, "foreign_key": {"parent": ["isbn"]})"),
       {at + ".foreign_key: needs \"parent\" and \"child\" and nothing else"}},
      {"foreign_key of two lengths",
       BookChild("review", R"(, "foreign_key": {"parent": ["isbn"], "child": ["a", "b"]})"),
       {at + ".foreign_key: \"parent\" has 1 column, \"child\" has 2; they are paired by "
             "position"}},
      {"foreign_key of unknown columns",
       BookChild("review", R"(, "foreign_key": {"parent": ["isbm"], "child": ["notes"]})"),
       {at + ".foreign_key.parent[0]: column \"isbm\" does not exist in public.book; did you mean "
             "\"isbn\"?",
        at + ".foreign_key.child[0]: column \"notes\" does not exist in public.review; did you "
             "mean \"note\"?"}},
      {"foreign_key that does not compare",
       BookChild("review", R"(, "foreign_key": {"parent": ["isbn"], "child": ["stars"]})"),
       {at + ".foreign_key: book.isbn is text, review.stars is integer: not comparable"}},
      {"no constraint",
       BookChild("staff", ""),
       {at + ": no foreign key between public.book and public.staff; add \"foreign_key\": "
             "{\"parent\": […], \"child\": […]}"}},
      {"several constraints",
       BookChild("person", ""),
       {at + ": 2 foreign keys between public.book and public.person; choose one: {\"parent\": "
             "[\"editor_id\"], \"child\": [\"id\"]}, {\"parent\": [\"translator_id\"], \"child\": "
             "[\"id\"]}"}},
      {"self-reference",
       WithChild("staff", Child("staff", "")),
       {at + ": public.staff refers to itself; say which way with \"foreign_key\""}},
  };
}

std::vector<Rule> TransformRules() {
  const std::string at = kNode + ".transform.";
  return {
      {"unknown transform",
       Transform(R"("renames": {})"),
       {at + "renames: unknown transform \"renames\"; allowed: concat, mapping, move, rename, "
             "replace; did you mean \"rename\"?"}},
      {"rename of no key",
       Transform(R"("rename": {"titel": "x"})"),
       {at + "rename.titel: this node has no key \"titel\"; did you mean \"title\"?"}},
      {"rename onto a key",
       Transform(R"("rename": {"isbn": "title"})"),
       {at + "rename.isbn: \"title\" and \"isbn\" both give the key \"title\""}},
      {"replace of a number",
       Transform(R"("replace": {"title": {"a": 7}})"),
       {at + "replace.title.a: replacements are strings; found a number"}},
      {"replace of no key",
       Transform(R"("replace": {"titel": {"a": "b"}})"),
       {at + "replace.titel: this node has no key \"titel\"; did you mean \"title\"?"}},
      {"replace of nothing",
       Transform(R"("replace": {"title": {"": "b"}})"),
       {at + "replace.title.: the text to search for cannot be empty"}},
      {"concat without its keys",
       Transform(R"("concat": [{"columns": ["isbn"]}])"),
       {at + "concat[0]: needs \"columns\" and \"destination\""}},
      {"mapping without a type",
       Transform(R"("mapping": {"isbn": {"analyzer": "x"}})"),
       {at + "mapping.isbn: needs \"type\""}},
      {"mapping of an old name",
       Transform(R"("rename": {"isbn": "book_isbn"}, "mapping": {"isbn": {"type": "long"}})"),
       {at + "mapping.isbn: \"isbn\" is renamed to \"book_isbn\"; use the new name"}},
      {"move of no key",
       Transform(R"("move": {"column": "titel", "destination": "$root.a"})"),
       {"warning: schema.json[0].nodes.transform.move: PGSync ignored \"move\"; here it is "
        "applied, so documents differ from PGSync's",
        at + "move.column: this node has no key \"titel\"; did you mean \"title\"?"}},
      {"move to no place",
       Transform(R"("move": {"column": "isbn", "destination": "a.b"})"),
       {"warning: schema.json[0].nodes.transform.move: PGSync ignored \"move\"; here it is "
        "applied, so documents differ from PGSync's",
        at + "move.destination: destination must look like \"$root.a.b\""}},
  };
}

void Check(const std::vector<Rule>& rules) {
  for (const Rule& rule : rules) EXPECT_EQ(Lines(rule.file), rule.lines) << rule.name;
}

TEST(Rules, OfTheFile) { Check(FileRules()); }
TEST(Rules, OfANode) { Check(NodeRules()); }
TEST(Rules, OfARelationship) { Check(RelationshipRules()); }
TEST(Rules, OfTransforms) { Check(TransformRules()); }

// Faults of one node do not hide each other.
TEST(Rules, AreAllReportedAtOnce) {
  EXPECT_EQ(
      OfParse(R"([{"database": "", "index": "A", "alias": 7, "id": "{a", "nodes": {
      "tables": "x", "label": 7, "columns": ["isbn", 7], "where": "", "limit": 0,
      "soft_delete": {}, "order_by": [], "transform": {"renames": {}},
      "children": [{"table": "a", "relationship": {"type": "x", "variant": "object"}}]}}])"),
      (Strings{kFile + "database: required: the name of the PostgreSQL database",
               kFile + "alias: expected true or false; found a number",
               kFile + "id: \"{a\": a column stands in braces, like {id}; write {{ and }} for "
                       "braces",
               kFile + "index: \"A\" cannot be an index name: lower case only, none of \\ / * ? \" "
                       "< > | space , # :, not starting with - _ +, not . or .., at most 255 "
                       "bytes, of which the generation suffix of an alias takes 10",
               kNode + ": unknown key \"tables\"; allowed: table, schema, columns, label, "
                       "primary_key, base_tables, relationship, transform, children, where, "
                       "order_by, limit, exclude, soft_delete, lookup; did you mean \"table\"?",
               kNode + ".table: required: the table or view of this node",
               kNode + ".label: expected a string; found a number",
               kNode + ".columns[1]: expected a string; found a number",
               kNode + ".where: an expression cannot be empty",
               kNode + ".soft_delete.column: required: the column that tells deleted rows",
               kNode + ".limit: expected an integer from 1 to 2147483647; found 0",
               kNode + ".limit: the root node has no limit: its rows are documents of their own",
               kNode + ".transform.renames: unknown transform \"renames\"; allowed: concat, "
                       "mapping, move, rename, replace; did you mean \"rename\"?",
               kChild + ".relationship.type: \"x\" is not allowed; use \"one_to_one\" or "
                        "\"one_to_many\""}));
}

TEST(Rules, OfTheDatabaseAreAllReportedAtOnce) {
  ExpressionFacts bad;
  bad.error = "column \"pages\" does not exist";
  Catalog catalog = Library();
  catalog.expressions[{{"public", "book"}, "pages > 1", Expression::Use::kCondition}] = bad;
  EXPECT_EQ(OfResolve(Document(R"({"table": "book", "columns": ["titel", "title->x"],
      "where": "pages > 1", "soft_delete": {"column": "gone"}, "children": [
        {"table": "reviews", "relationship": {"type": "one_to_many", "variant": "object"}},
        {"table": "review", "columns": ["star"], "order_by": ["stras"],
         "relationship": {"type": "one_to_many", "variant": "object", "foreign_key":
           {"parent": ["isbm"], "child": ["stars"]}}}]})"),
                      catalog),
            (Strings{kNode + ".columns[0]: column \"titel\" does not exist in public.book; did you "
                             "mean \"title\"?",
                     kNode + ".columns[1]: \"title->x\": title is text; a path needs json or jsonb",
                     kNode + ".where: column \"pages\" does not exist",
                     kNode + ".soft_delete.column: column \"gone\" does not exist in public.book",
                     kChild + ".table: table \"public.reviews\" does not exist; did you mean "
                              "\"review\"?",
                     kNode + ".children[1].columns[0]: column \"star\" does not exist in "
                             "public.review; did you mean \"stars\"?",
                     kNode + ".children[1].order_by[0]: column \"stras\" does not exist in "
                             "public.review; did you mean \"stars\"?",
                     kNode + ".children[1].relationship.foreign_key.parent[0]: column \"isbm\" "
                             "does not exist in public.book; did you mean \"isbn\"?"}));
}

}  // namespace
}  // namespace schema
