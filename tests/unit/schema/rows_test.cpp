// where, soft_delete, order_by, limit, exclude, computed columns, polymorphic.
#include "consumer/schema/expression.h"
#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

const std::string kNode = "error: schema.json[0].nodes";
const std::string kChild = kNode + ".children[0]";

// A one_to_many child of book with these further keys.
std::string Review(const std::string& more) {
  return WithChild("book",
                   R"({"table": "review", )" + more +
                       R"(, "relationship": {"type": "one_to_many", "variant": "object"}})");
}

Catalog Says(const Expression& expression, const ExpressionFacts& facts,
             Catalog catalog = Library()) {
  catalog.expressions[expression] = facts;
  return catalog;
}

const TableName kBook = {"public", "book"};
const TableName kReview = {"public", "review"};

TEST(Where, BecomesTheFilterWithItsColumns) {
  const std::string sql = "stars > 3 -- good ones";
  ExpressionFacts facts;
  facts.columns = {"stars"};
  const DocumentTree tree = TreeOf(Review(R"("where": ")" + sql + "\""),
                                   Says({kReview, sql, Expression::Use::kCondition}, facts));
  EXPECT_EQ(tree.nodes[1].filter, "(" + sql + "\n)");
  EXPECT_EQ(tree.nodes[1].expression_columns, Strings{"stars"});
  EXPECT_EQ(tree.nodes[0].filter, "");
}

TEST(Where, TellsWhatPostgresqlSaysAndWhere) {
  ExpressionFacts facts;
  facts.error = "column \"starz\" does not exist";
  facts.position = 4;
  EXPECT_EQ(OfResolve(Review(R"("where": "1 < starz")"),
                      Says({kReview, "1 < starz", Expression::Use::kCondition}, facts)),
            Strings{kChild + ".where: column \"starz\" does not exist at character 4"});
}

TEST(Where, HasToBeImmutable) {
  for (const char volatility : {'s', 'v'}) {
    ExpressionFacts facts;
    facts.volatility = volatility;
    EXPECT_EQ(
        OfResolve(Review(R"("where": "now() > at")"),
                  Says({kReview, "now() > at", Expression::Use::kCondition}, facts)),
        Strings{kChild + ".where: must be immutable: with a function or a cast that depends on the "
                         "time, the session or chance, rows would come and go without a change to "
                         "see"});
  }
}

TEST(Where, IsOneExpression) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "where": "true; DROP TABLE book"})")),
            Strings{kNode + ".where: has a \";\"; it must be one expression"});
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "where": ""})")),
            Strings{kNode + ".where: an expression cannot be empty"});
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "where": 7})")),
            Strings{kNode + ".where: expected a string; found a number"});
}

TEST(Expression, IsClosedInItself) {
  for (const char* good : {"a",
                           "(a)",
                           "f(a, b)",
                           "a[1]",
                           "'it''s'",
                           "E'it\\'s;'",
                           "\"a;b\"",
                           "$$;$$",
                           "$x$ $$ ; $x$",
                           "a -- ; comment",
                           "a /* ; /* nested ) */ */",
                           "a$x$b",
                           "1.5e3 + 2",
                           "a->'b'->>'c'",
                           "'a' || 'b'",
                           "e",
                           "U&'\\00e9'",
                           "b = 'x\\'",
                           "é > 1",
                           "E'a''b\\''"}) {
    EXPECT_EQ(FaultOfExpression(good), "") << good;
  }
  const std::map<std::string, std::string> bad = {
      {"", "an expression cannot be empty"},
      {" \n\t", "an expression cannot be empty"},
      {"-- all comment", "an expression cannot be empty"},
      {"/* x */", "an expression cannot be empty"},
      {"a, b", "has a \",\" outside of parentheses; it must be one expression"},
      {"a; b", "has a \";\"; it must be one expression"},
      {"(a; b)", "has a \";\"; it must be one expression"},
      {"a) OR (b", "a \")\" has no beginning"},
      {"(a", "a \"(\" is not closed"},
      {"(a]", "a \"]\" has no beginning"},
      {"'a", "a ' is not closed"},
      {"E'a\\'", "a ' is not closed"},
      {"'a\\' ; '", "has a \";\"; it must be one expression"},
      {"\"a", "a \" is not closed"},
      {"$$a", "a $$ is not closed"},
      {"$x$a$$", "a $x$ is not closed"},
      {"($1)", "has a parameter; there is nothing to fill it with"},
      {"a + $x", "has a \"$\" that begins no quote"},
      {"a /* b", "a /* is not closed"},
      {"a /* /* b */", "a /* is not closed"},
      {"E'a'\n'\\' ; '", "has a string in two pieces; write it in one"},
      {"1$$;$$", "has a quote right after a number"},
      {"1E'\\'';'", "has a quote right after a number"},
      {std::string("a\0b", 3), "holds the character \\u0000"},
  };
  for (const auto& [text, fault] : bad) EXPECT_EQ(FaultOfExpression(text), fault) << text;
}

std::string FilterOf(const std::string& soft_delete, const std::string& more = "") {
  Catalog catalog = Library();
  catalog.tables[kBook].columns.push_back(ColumnOfType("gone", "boolean"));
  return TreeOf(Document(R"({"table": "book", "soft_delete": )" + soft_delete + more + "}"),
                catalog)
      .nodes[0]
      .filter;
}

TEST(SoftDelete, TakesNullAsAliveUnlessItIsListed) {
  EXPECT_EQ(FilterOf(R"({"column": "gone"})"), "(\"gone\" IS NOT TRUE\n)");
  EXPECT_EQ(FilterOf(R"({"column": "title"})"), "(\"title\" IS NULL\n)");
  EXPECT_EQ(FilterOf(R"({"column": "gone", "values": "not_null"})"), "(\"gone\" IS NULL\n)");
  EXPECT_EQ(FilterOf(R"({"column": "title", "values": ["it's", 7, true]})"),
            "((\"title\" IN ('it''s', '7', 'true')) IS NOT TRUE\n)");
  EXPECT_EQ(FilterOf(R"({"column": "title", "values": ["x", null]})"),
            "(\"title\" IS NOT NULL\n) AND ((\"title\" IN ('x')) IS NOT TRUE\n)");
  EXPECT_EQ(FilterOf(R"({"column": "title", "values": [null]})"), "(\"title\" IS NOT NULL\n)");
}

TEST(SoftDelete, CombinesWithWhere) {
  EXPECT_EQ(FilterOf(R"({"column": "gone"})", R"(, "where": "true")"),
            "(true\n) AND (\"gone\" IS NOT TRUE\n)");
}

TEST(SoftDelete, IsCheckedWhole) {
  const auto faults = [](const std::string& soft_delete) {
    return OfParse(Document(R"({"table": "book", "soft_delete": )" + soft_delete + "}"));
  };
  const std::string at = kNode + ".soft_delete";
  EXPECT_EQ(faults("7"), Strings{at + ": expected an object; found a number"});
  EXPECT_EQ(faults("{}"), Strings{at + ".column: required: the column that tells deleted rows"});
  EXPECT_EQ(faults(R"({"column": "title", "values": "x"})"),
            Strings{at + ".values: expected a list of values or \"not_null\"; found \"x\""});
  EXPECT_EQ(faults(R"({"column": "title", "values": []})"),
            Strings{at + ".values: an empty list deletes nothing; leave \"soft_delete\" out"});
  EXPECT_EQ(faults(R"({"column": "title", "values": [["x"]]})"),
            Strings{at + ".values[0]: expected a string, a number or a boolean; found a list"});
  EXPECT_EQ(faults(R"({"column": "title", "value": ["x"]})"),
            Strings{at + ".value: unknown key \"value\"; allowed: column, values; did you mean "
                         "\"values\"?"});
  EXPECT_EQ(OfResolve(Document(R"({"table": "book", "soft_delete": {"column": "titel"}})")),
            Strings{at + ".column: column \"titel\" does not exist in public.book; did you mean "
                         "\"title\"?"});
}

TEST(SoftDelete, LetsPostgresqlJudgeTheValues) {
  ExpressionFacts facts;
  facts.error = "invalid input syntax for type integer: \"x\"";
  EXPECT_EQ(
      OfResolve(
          Document(R"({"table": "book", "soft_delete": {"column": "editor_id", "values": ["x"]}})"),
          Says({kBook, "\"editor_id\" IN ('x')", Expression::Use::kCondition}, facts)),
      Strings{kNode + ".soft_delete.values: invalid input syntax for type integer: \"x\""});
}

TEST(OrderBy, DefaultsAsPostgresqlDoes) {
  const DocumentTree tree = TreeOf(Review(
      R"("order_by": ["note", {"column": "stars", "direction": "desc"},
                      {"column": "id", "direction": "desc", "nulls": "last"}])"));
  const auto& order = tree.nodes[1].order_by;
  ASSERT_EQ(order.size(), 3u);
  EXPECT_EQ(std::tie(order[0].column, order[0].descending, order[0].nulls_first),
            std::make_tuple("note", false, false));
  EXPECT_EQ(std::tie(order[1].column, order[1].descending, order[1].nulls_first),
            std::make_tuple("stars", true, true));
  EXPECT_EQ(std::tie(order[2].column, order[2].descending, order[2].nulls_first),
            std::make_tuple("id", true, false));
}

TEST(OrderBy, IsCheckedWhole) {
  const std::string at = kChild + ".order_by";
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "order_by": ["isbn"]})")),
            Strings{kNode + ".order_by: the root node has no order: its rows are documents of "
                            "their own"});
  EXPECT_EQ(OfParse(Review(R"("order_by": "stars")")),
            Strings{at + ": expected a list of columns; found a string"});
  EXPECT_EQ(
      OfParse(Review(R"("order_by": [7, {}, {"column": "a", "direction": "down", "nulls": "x"},
                                     "b", "b", {"column": "c", "dir": "asc"}])")),
      (Strings{at + "[0]: expected a column or an object; found a number",
               at + "[1].column: required: the column to order by",
               at + "[2].direction: \"down\" is not allowed; use \"asc\" or \"desc\"",
               at + "[2].nulls: \"x\" is not allowed; use \"last\" or \"first\"",
               at + "[4]: \"b\" is listed twice",
               at + "[5].dir: unknown key \"dir\"; allowed: column, direction, nulls"}));
  EXPECT_EQ(OfResolve(Review(R"("order_by": ["star"])")),
            Strings{at + "[0]: column \"star\" does not exist in public.review; did you mean "
                         "\"stars\"?"});
}

TEST(OrderBy, LetsPostgresqlJudgeTheType) {
  ExpressionFacts facts;
  facts.error = "could not identify an ordering operator for type json";
  EXPECT_EQ(OfResolve(WithChild("publisher", R"({"table": "book", "order_by": ["raw"],
                 "relationship": {"type": "one_to_many", "variant": "object"}})"),
                      Says({kBook, "\"raw\"", Expression::Use::kOrder}, facts)),
            Strings{kChild + ".order_by[0]: could not identify an ordering operator for type "
                             "json"});
}

TEST(Limit, IsAPositiveInteger) {
  EXPECT_EQ(TreeOf(Review(R"("limit": 20)")).nodes[1].limit, 20u);
  for (const auto& [value, found] : std::map<std::string, std::string>{{"0", "0"},
                                                                       {"-1", "-1"},
                                                                       {"1.5", "1.5"},
                                                                       {"2147483648", "2147483648"},
                                                                       {"\"3\"", "a string"}}) {
    EXPECT_EQ(OfParse(Review("\"limit\": " + value)),
              Strings{kChild + ".limit: expected an integer from 1 to 2147483647; found " + found});
  }
}

TEST(Limit, NeedsAnArray) {
  EXPECT_EQ(OfParse(Document(R"({"table": "book", "limit": 3})")),
            Strings{kNode + ".limit: the root node has no limit: its rows are documents of their "
                            "own"});
  EXPECT_EQ(OfParse(WithChild("book", R"({"table": "publisher", "limit": 3,
      "relationship": {"type": "one_to_one", "variant": "object"}})")),
            Strings{kChild + ".limit: a one_to_one without a junction holds one row anyway"});
  EXPECT_EQ(OfParse(WithChild("book", R"({"table": "author", "limit": 3, "relationship": {
      "type": "one_to_one", "variant": "object", "through_tables": ["book_author"]}})")),
            Strings{});
}

Strings KeysOfRoot(const DocumentTree& tree) {
  Strings keys;
  for (const Column& column : tree.nodes[0].columns) keys.push_back(column.key);
  return keys;
}

TEST(Exclude, LeavesColumnsOut) {
  EXPECT_EQ(KeysOfRoot(TreeOf(Document(R"({"table": "review", "exclude": ["note", "stars"]})"))),
            (Strings{"id", "book_isbn"}));
}

TEST(Exclude, IsCheckedWhole) {
  EXPECT_EQ(OfParse(Document(R"({"table": "review", "columns": ["id"], "exclude": ["note"]})")),
            Strings{kNode + ".exclude: \"columns\" names the columns already; use one of the two"});
  EXPECT_EQ(OfParse(Document(R"({"table": "review", "exclude": "note"})")),
            Strings{kNode + ".exclude: expected a list of strings; found a string"});
  EXPECT_EQ(
      OfResolve(Document(R"({"table": "review", "exclude": ["notes"]})")),
      Strings{kNode + ".exclude[0]: column \"notes\" does not exist in public.review; did you "
                      "mean \"note\"?"});
  EXPECT_EQ(
      OfResolve(
          Document(R"({"table": "review", "exclude": ["id", "book_isbn", "stars", "note"]})")),
      Strings{kNode + ".exclude: nothing is left: all columns of public.review are excluded"});
}

const char* const kUpper = R"({"name": "upper", "expression": "note || '!'"
})";

TEST(Computed, StandsBesideTheColumnsNamed) {
  ExpressionFacts facts;
  facts.columns = {"note"};
  facts.type = ColumnOfType("", "text");
  const DocumentTree tree =
      TreeOf(Document(R"({"table": "review", "columns": ["id", )" + std::string(kUpper) + "]}"),
             Says({kReview, "note || '!'", Expression::Use::kValue}, facts));
  ASSERT_EQ(KeysOfRoot(tree), (Strings{"id", "upper"}));
  EXPECT_EQ(tree.nodes[0].columns[1].expression, "note || '!'");
  EXPECT_EQ(tree.nodes[0].columns[1].name, "");
  EXPECT_EQ(tree.nodes[0].columns[1].type_oid, 25u);
  EXPECT_EQ(tree.nodes[0].expression_columns, Strings{"note"});
}

TEST(Computed, AloneStandsBesideAllColumns) {
  EXPECT_EQ(KeysOfRoot(TreeOf(Document(R"({"table": "review", "exclude": ["note"], "columns": [)" +
                                       std::string(kUpper) + "]}"))),
            (Strings{"id", "book_isbn", "stars", "upper"}));
}

TEST(Computed, IsTheValueOfAScalar) {
  const DocumentTree tree =
      TreeOf(WithChild("book", R"({"table": "review", "columns": [)" + std::string(kUpper) +
                                   R"(], "relationship": {
      "type": "one_to_many", "variant": "scalar"}})"));
  ASSERT_EQ(tree.nodes[1].columns.size(), 1u);
  EXPECT_EQ(tree.nodes[1].columns[0].expression, "note || '!'");
}

TEST(Computed, TakesPartInClashesAndRenames) {
  EXPECT_EQ(OfParse(Document(R"({"table": "review", "columns": ["upper", )" + std::string(kUpper) +
                             "]}")),
            Strings{kNode + ".columns[1]: \"upper\" and \"upper\" both give the key \"upper\""});
  EXPECT_EQ(OfResolve(Document(R"({"table": "review", "columns": [
                                   {"name": "note", "expression": "note || '!'"
}]
})")),
            Strings{kNode + ".columns[0]: \"note\" and \"note\" both give the key \"note\""});
  EXPECT_EQ(
      KeysOfRoot(TreeOf(Document(R"({"table": "review", "columns": ["id", )" + std::string(kUpper) +
                                 R"(], "transform": {"rename": {"upper": "loud"}}})"))),
      (Strings{"id", "loud"}));
}

TEST(Computed, IsCheckedWhole) {
  const std::string at = kNode + ".columns";
  EXPECT_EQ(
      OfParse(Document(R"({"table": "review", "columns": [{}, {"name": "a", "expression": "(a"},
                           {"name": 7, "expression": ["x"]}, {"names": "a"}]})")),
      (Strings{at + "[0].name: required: the key of the computed column",
               at + "[0].expression: required: an SQL expression",
               at + "[1].expression: a \"(\" is not closed",
               at + "[2].name: expected a string; found a number",
               at + "[2].expression: expected a string; found a list",
               at + "[3].names: unknown key \"names\"; allowed: name, expression; did you mean "
                    "\"name\"?",
               at + "[3].name: required: the key of the computed column",
               at + "[3].expression: required: an SQL expression"}));
}

TEST(Computed, MustNotBeVolatileAndWarnsOfStable) {
  ExpressionFacts facts;
  facts.type = ColumnOfType("", "text");
  const std::string text =
      Document(R"({"table": "review", "columns": ["id", )" + std::string(kUpper) + "]}");
  facts.volatility = 'v';
  EXPECT_EQ(OfResolve(text, Says({kReview, "note || '!'", Expression::Use::kValue}, facts)),
            Strings{kNode + ".columns[1].expression: uses a volatile function: its value changes "
                            "without a change to see"});
  facts.volatility = 's';
  EXPECT_EQ(OfResolve(text, Says({kReview, "note || '!'", Expression::Use::kValue}, facts)),
            Strings{"warning: schema.json[0].nodes.columns[1].expression: is not immutable: it is "
                    "computed under our session settings, and not again when only the time or "
                    "another table changes"});
  facts.volatility = 'i';
  facts.error = "cannot use subquery in check constraint";
  EXPECT_EQ(OfResolve(text, Says({kReview, "note || '!'", Expression::Use::kValue}, facts)),
            Strings{kNode + ".columns[1].expression: cannot use subquery in check constraint"});
}

std::string Notes(
    const std::string& polymorphic,
    const std::string& join = R"("foreign_key": {"parent": "isbn", "child": "note"},)") {
  return WithChild("book", R"({"table": "review", "relationship": {"type": "one_to_many",
      "variant": "object", )" + join +
                               R"( "polymorphic": )" + polymorphic + "}}");
}

TEST(Polymorphic, IsAQuotedLiteralOfTheColumnsType) {
  const auto match = [](const std::string& polymorphic) {
    return TreeOf(Notes(polymorphic)).nodes[1].polymorphic.value_or(TypeMatch{});
  };
  EXPECT_EQ(match(R"({"column": "book_isbn", "value": "Po'st"})").value, "'Po''st'");
  EXPECT_EQ(match(R"({"column": "book_isbn", "value": "a\\b"})").value, "E'a\\\\b'");
  EXPECT_EQ(match(R"({"column": "stars", "value": 7})").value, "'7'");
  EXPECT_EQ(match(R"({"column": "book_isbn", "value": true})").value, "'true'");
  EXPECT_EQ(match(R"({"column": "stars", "value": 7})").on, TypeMatch::On::kChild);
  EXPECT_EQ(match(R"({"column": "title", "value": "x", "on": "parent"})").on,
            TypeMatch::On::kParent);
}

TEST(Polymorphic, MayStandInTheJunction) {
  const DocumentTree tree = TreeOf(WithChild("book", R"({"table": "author", "relationship": {
      "type": "one_to_many", "variant": "object",
      "polymorphic": {"column": "position", "value": 1, "on": "through"},
      "through_tables": [{"table": "book_author",
                          "parent": {"parent": ["isbn"], "through": ["book_isbn"]}}]}})"));
  ASSERT_TRUE(tree.nodes[1].polymorphic);
  EXPECT_EQ(tree.nodes[1].polymorphic->on, TypeMatch::On::kThrough);
  EXPECT_EQ(tree.nodes[1].polymorphic->column, "position");
}

TEST(Polymorphic, IsCheckedWhole) {
  const std::string at = kChild + ".relationship.polymorphic";
  EXPECT_EQ(OfParse(Notes("7")), Strings{at + ": expected an object; found a number"});
  EXPECT_EQ(OfParse(Notes(R"({"on": "sideways"})")),
            (Strings{at + ".column: required: the column that holds the type",
                     at + ".value: required: a string, a number or a boolean",
                     at + ".on: \"sideways\" is not allowed; use \"child\", \"parent\" or "
                          "\"through\""}));
  EXPECT_EQ(OfParse(Notes(R"({"column": "x", "value": [1], "on": "through", "of": 1})")),
            (Strings{at + ".of: unknown key \"of\"; allowed: column, value, on; did you mean "
                          "\"on\"?",
                     at + ".value: expected a string, a number or a boolean; found a list",
                     at + ".on: \"through\" needs a junction table in \"through_tables\""}));
  EXPECT_EQ(OfParse(Notes(R"({"column": "note", "value": 1})", "")),
            Strings{at + ": needs \"foreign_key\": no constraint can lead to several tables"});
  EXPECT_EQ(
      OfParse(Notes(R"({"column": "note", "value": 1})", R"("through_tables": ["book_author"],)")),
      Strings{at + ": needs the junction as an object with \"parent\" or \"child\": no "
                   "constraint can lead to several tables"});
  EXPECT_EQ(OfResolve(Notes(R"({"column": "nota", "value": "x"})")),
            Strings{at + ".column: column \"nota\" does not exist in public.review; did you mean "
                         "\"note\"?"});
}

TEST(Polymorphic, LetsPostgresqlJudgeTheValue) {
  ExpressionFacts facts;
  facts.error = "invalid input syntax for type integer: \"x\"";
  EXPECT_EQ(OfResolve(Notes(R"({"column": "stars", "value": "x"})"),
                      Says({kReview, "\"stars\" = 'x'", Expression::Use::kCondition}, facts)),
            Strings{kChild + ".relationship.polymorphic.value: invalid input syntax for type "
                             "integer: \"x\""});
}

}  // namespace
}  // namespace schema
