// transform: what is refused, and what Resolve makes of it (sections 8, 11 and 14 of the
// reference).
#include "consumer/schema/moves.h"
#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

const std::string kTransform = "schema.json[0].nodes.transform";
const std::string kError = "error: " + kTransform;
const std::string kIgnored =
    "PGSync ignored \"move\"; here it is applied, so documents differ from PGSync's";

// A book with its columns isbn, title, doc, and reviews (objects), authors' names (scalars, through
// a junction) and a publisher.
std::string Book(const std::string& transform, const std::string& review = "{}",
                 const std::string& publisher = "{}", const std::string& author = "{}") {
  return Document(R"({"table": "book", "columns": ["isbn", "title", "doc"], "transform": )" +
                  transform +
                  R"(, "children": [
        {"table": "review", "label": "reviews", "columns": ["stars", "note"],
         "relationship": {"type": "one_to_many", "variant": "object"}, "transform": )" +
                  review + R"(},
        {"table": "publisher", "columns": ["id", "name"],
         "relationship": {"type": "one_to_one", "variant": "object"}, "transform": )" +
                  publisher + R"(},
        {"table": "author", "label": "authors", "columns": ["name"],
         "relationship": {"type": "one_to_many", "variant": "scalar",
                          "through_tables": ["book_author"]}, "transform": )" +
                  author + R"(}]})");
}

Transform OfRoot(const std::string& transform) {
  return TreeOf(Book(transform)).nodes[0].transform;
}

TEST(TransformKeys, RefusesAnUnknownTransform) {
  EXPECT_EQ(OfParse(Book(R"({"renames": {}})")),
            Strings{kError + ".renames: unknown transform \"renames\"; allowed: concat, mapping, "
                             "move, rename, replace; did you mean \"rename\"?"});
}

TEST(TransformKeys, NothingAskedIsNothingDone) {
  const Transform transform =
      OfRoot(R"({"replace": {}, "rename": null, "concat": [], "move": [], "mapping": {}})");
  EXPECT_TRUE(transform.Empty());
}

// --- replace

TEST(TransformReplace, NamesAreKeysBeforeRename) {
  const Transform transform =
      OfRoot(R"({"rename": {"title": "name"}, "replace": {"title": {"b": "1", "a": "2"}}})");
  ASSERT_EQ(transform.replace.size(), 1u);
  EXPECT_EQ(transform.replace[0].path, Strings{"name"});
  const std::vector<std::pair<std::string, std::string>> in_file_order = {{"b", "1"}, {"a", "2"}};
  EXPECT_EQ(transform.replace[0].pairs, in_file_order);
  EXPECT_EQ(OfParse(Book(R"({"rename": {"title": "name"}, "replace": {"name": {"b": "1"}}})")),
            Strings{kError + ".replace.name: this node has no key \"name\""});
}

TEST(TransformReplace, RefusesWhatItCannotDo) {
  EXPECT_EQ(OfParse(Book(R"({"replace": {"titel": {"a": "b"}}})")),
            Strings{kError + ".replace.titel: this node has no key \"titel\"; did you mean "
                             "\"title\"?"});
  EXPECT_EQ(OfParse(Book(R"({"replace": {"title": {"": "b"}}})")),
            Strings{kError + ".replace.title.: the text to search for cannot be empty"});
  EXPECT_EQ(OfParse(Book(R"({"replace": {"title": {"a": 1, "b": null, "c": ["x"]}}})")),
            (Strings{kError + ".replace.title.a: replacements are strings; found a number",
                     kError + ".replace.title.b: replacements are strings; found null",
                     kError + ".replace.title.c: replacements are strings; found a list"}));
  EXPECT_EQ(OfParse(Book(R"({"replace": {"title": "a"}})")),
            Strings{kError + ".replace.title: expected an object {\"search\": \"replacement\"}; "
                             "found a string"});
  EXPECT_EQ(OfParse(Book(R"({"replace": ["title"]})")),
            Strings{kError + ".replace: expected an object; found a list"});
}

TEST(TransformReplace, DescendsIntoAJsonColumn) {
  const Transform transform =
      OfRoot(R"({"replace": {"doc": {"code": {"-": "_", "deep": {"+": "~"}}, "x": "y"}}})");
  ASSERT_EQ(transform.replace.size(), 3u);
  EXPECT_EQ(transform.replace[0].path, (Strings{"doc", "code", "deep"}));
  EXPECT_EQ(transform.replace[1].path, (Strings{"doc", "code"}));
  EXPECT_EQ(transform.replace[2].path, Strings{"doc"});
}

TEST(TransformReplace, AParentMayNameItsScalarChild) {
  const Transform transform =
      OfRoot(R"({"rename": {"authors": "by"}, "replace": {"authors": {"-": " "}}})");
  ASSERT_EQ(transform.replace.size(), 1u);
  EXPECT_EQ(transform.replace[0].path, Strings{"by"});
  EXPECT_EQ(OfParse(Book(R"({"replace": {"reviews": {"note": {"-": " "}}}})")),
            Strings{kError + ".replace.reviews.note: \"reviews\" is a child; write this into the "
                             "\"transform\" of children[0]"});
}

TEST(TransformReplace, OnAScalarNodeIsForTheBareValue) {
  const DocumentTree tree = TreeOf(Book("{}", "{}", "{}", R"({"replace": {"name": {"-": " "}}})"));
  ASSERT_EQ(tree.nodes[3].transform.replace.size(), 1u);
  EXPECT_EQ(tree.nodes[3].transform.replace[0].path, Strings{});
}

// --- rename

TEST(TransformRename, DescendsDeepestFirst) {
  const Transform transform =
      OfRoot(R"({"rename": {"title": "name", "doc": {"x": "why", "y": {"a": "b"}}}})");
  ASSERT_EQ(transform.rename.size(), 2u);
  EXPECT_EQ(transform.rename[0].path, (Strings{"doc", "y"}));
  EXPECT_EQ(transform.rename[1].path, Strings{"doc"});
  const std::vector<std::pair<std::string, std::string>> names = {{"x", "why"}};
  EXPECT_EQ(transform.rename[1].names, names);
}

TEST(TransformRename, RefusesWhatItCannotDo) {
  EXPECT_EQ(OfParse(Book(R"({"rename": {"docs": {"x": "y"}}})")),
            Strings{kError + ".rename.docs: this node has no key \"docs\"; did you mean \"doc\"?"});
  EXPECT_EQ(OfParse(Book(R"({"rename": {"doc": {"x": 3, "y": ""}, "title": []}})")),
            (Strings{kError + ".rename.doc.x: expected a string; found a number",
                     kError + ".rename.doc.y: the new name cannot be empty",
                     kError + ".rename.title: expected a string; found a list"}));
  EXPECT_EQ(OfParse(Book("{}", "{}", "{}", R"({"rename": {"name": {"x": "y"}}})")),
            Strings{"error: schema.json[0].nodes.children[2].transform.rename: a scalar node is a "
                    "bare value and has no key to rename"});
}

// B11: a parent's rename of a label and the child's own transforms work together.
TEST(TransformRename, OfALabelKeepsTheChildsTransforms) {
  const DocumentTree tree = TreeOf(Book(R"({"rename": {"reviews": "opinions"}})",
                                        R"({"rename": {"note": "text"},
                      "concat": {"columns": ["stars", "text"], "destination": "both"}})"));
  EXPECT_EQ(tree.nodes[1].label, "opinions");
  EXPECT_EQ(tree.nodes[1].columns[1].key, "text");
  EXPECT_EQ(tree.nodes[1].transform.concat.size(), 1u);
}

// --- concat

TEST(TransformConcat, NamesAreKeysAfterRenameOrLiteralText) {
  const Transform transform = OfRoot(
      R"({"rename": {"title": "name"},
          "concat": {"columns": ["isbn", "name", "title", "reviews", ", "], "destination": "all",
                     "delimiter": "-"}})");
  ASSERT_EQ(transform.concat.size(), 1u);
  const Concat& concat = transform.concat[0];
  EXPECT_EQ(concat.destination, "all");
  EXPECT_EQ(concat.delimiter, "-");
  std::vector<std::pair<bool, std::string>> parts;
  for (const Concat::Part& part : concat.parts) parts.emplace_back(part.literal, part.text);
  const std::vector<std::pair<bool, std::string>> expected = {
      {false, "isbn"}, {false, "name"}, {true, "title"}, {false, "reviews"}, {true, ", "}};
  EXPECT_EQ(parts, expected);
}

TEST(TransformConcat, LaterItemsSeeEarlierDestinations) {
  const Transform transform = OfRoot(
      R"({"concat": [{"columns": ["later"], "destination": "first"},
                     {"columns": ["first"], "destination": "later", "delimiter": null},
                     {"columns": ["later"], "destination": "third"}]})");
  ASSERT_EQ(transform.concat.size(), 3u);
  EXPECT_TRUE(transform.concat[0].parts[0].literal);
  EXPECT_FALSE(transform.concat[1].parts[0].literal);
  EXPECT_FALSE(transform.concat[2].parts[0].literal);
  EXPECT_EQ(transform.concat[1].delimiter, "");
}

TEST(TransformConcat, RefusesWhatItCannotDo) {
  const std::string needs = ": needs \"columns\" and \"destination\"";
  EXPECT_EQ(OfParse(Book(R"({"concat": {"columns": ["isbn"]}})")),
            Strings{kError + ".concat" + needs});
  EXPECT_EQ(OfParse(Book(R"({"concat": [{"columns": [], "destination": "x"},
                                        {"destination": "x"}, 3]})")),
            (Strings{kError + ".concat[1]" + needs,
                     kError + ".concat[2]: expected an object; found a number"}));
  EXPECT_EQ(OfParse(Book(R"({"concat": {"columns": ["isbn", 3], "destination": "",
                                        "delimiter": 1}})")),
            (Strings{kError + ".concat.columns[1]: expected a string; found a number",
                     kError + ".concat.destination: the destination cannot be empty",
                     kError + ".concat.delimiter: expected a string; found a number"}));
  EXPECT_EQ(OfParse(Book(R"({"concat": {"columns": ["isbn"], "destination": "x",
                                        "delimeter": "-"}})")),
            Strings{kError + ".concat: unknown key \"delimeter\"; allowed: columns, destination, "
                             "delimiter; did you mean \"delimiter\"?"});
  EXPECT_EQ(
      OfParse(Book("{}", "{}", "{}", R"({"concat": {"columns": ["name"], "destination": "x"}})")),
      Strings{"error: schema.json[0].nodes.children[2].transform.concat: a scalar node is a "
              "bare value and has no keys"});
}

TEST(TransformConcat, WarnsOfALiteralThatIsNearlyAKey) {
  const auto warning = [](int at, const std::string& name, const std::string& key) {
    return "warning: " + kTransform + ".concat.columns[" + std::to_string(at) +
           "]: this node has no key \"" + name + "\", so it is literal text; did you mean \"" +
           key + "\"?";
  };
  // One letter missing, too many, wrong; two letters differ: no mistake.
  EXPECT_EQ(OfParse(Book(R"({"concat": {"columns": ["titl", "titles", "ti1le", "tit", "-", ""],
                                        "destination": "x"}})")),
            (Strings{warning(0, "titl", "title"), warning(1, "titles", "title"),
                     warning(2, "ti1le", "title")}));
}

TEST(TransformConcat, ADestinationIsAKeyForTheMapping) {
  EXPECT_EQ(OfParse(Book(R"({"concat": {"columns": ["isbn"], "destination": "both"},
                             "mapping": {"both": {"type": "keyword"}}})")),
            Strings{});
}

// --- move

TEST(TransformMove, IsAppliedWithOneWarning) {
  const std::string text = Book(R"({"rename": {"title": "name"},
               "move": [{"column": "name", "destination": "$root.a.b"},
                        {"column": "doc", "destination": "$root.c"}]})",
                                R"({"move": {"column": "note", "destination": "$root.notes"}})");
  EXPECT_EQ(OfParse(text), Strings{"warning: " + kTransform + ".move: " + kIgnored});
  const DocumentTree tree = TreeOf(text);
  ASSERT_EQ(tree.nodes[0].transform.move.size(), 2u);
  EXPECT_EQ(tree.nodes[0].transform.move[0].key, "name");
  EXPECT_EQ(tree.nodes[0].transform.move[0].destination, (Strings{"a", "b"}));
  EXPECT_EQ(tree.nodes[1].transform.move[0].key, "note");
  EXPECT_EQ(TopKeys(tree), (Strings{"isbn", "reviews", "publisher", "authors", "a", "c", "notes"}));
}

TEST(TransformMove, TakesTheOldNameIfNoKeyHasIt) {
  const auto moved = [](const std::string& rename, const std::string& column) {
    return OfRoot(R"({"rename": )" + rename + R"(, "move": {"column": ")" + column +
                  R"(", "destination": "$root.x"}})")
        .move[0]
        .key;
  };
  EXPECT_EQ(moved(R"({"title": "name"})", "title"), "name");
  EXPECT_EQ(moved(R"({"title": "isbn", "isbn": "title"})", "title"), "title");
  const std::string made = R"({"concat": {"columns": ["isbn"], "destination": "both"},
                               "move": {"column": "both", "destination": "$root.x"}})";
  EXPECT_EQ(OfRoot(made).move[0].key, "both");
}

Strings OfMove(const std::string& move) {
  Strings found = OfParse(Book(R"({"move": )" + move + "}"));
  std::erase(found, "warning: " + kTransform + ".move: " + kIgnored);
  return found;
}

TEST(TransformMove, RefusesWhatItCannotDo) {
  const Strings needs{kError + ".move: needs \"column\" and \"destination\""};
  EXPECT_EQ(OfMove(R"({"column": "isbn"})"), needs);
  EXPECT_EQ(OfMove(R"({"destination": "$root.a"})"), needs);
  EXPECT_EQ(OfMove("3"), Strings{kError + ".move: expected an object; found a number"});
  for (const std::string bad : {"$root", "$root.", "$root..a", "$root.a.", "a.b", "root.a", ""}) {
    EXPECT_EQ(OfMove(R"([{"column": "isbn", "destination": ")" + bad + "\"}]"),
              Strings{kError + ".move[0].destination: destination must look like \"$root.a.b\""})
        << bad;
  }
  EXPECT_EQ(OfMove(R"({"column": "titel", "destination": "$root.a"})"),
            Strings{kError + ".move.column: this node has no key \"titel\"; did you mean "
                             "\"title\"?"});
  EXPECT_EQ(OfMove(R"([{"column": "isbn", "destination": "$root.a"},
                       {"column": "isbn", "destination": "$root.b"}])"),
            Strings{kError + ".move[1].column: \"isbn\" is moved twice"});
  EXPECT_EQ(OfMove(R"([{"column": "isbn", "destination": "$root.a"},
                       {"column": "title", "destination": "$root.a"}])"),
            Strings{kError + ".move[1].destination: \"$root.a\" is already the destination of " +
                    kTransform + ".move[0]"});
  EXPECT_EQ(OfMove(R"({"column": "isbn", "destination": "$root.a", "from": "x"})"),
            Strings{kError + ".move: unknown key \"from\"; allowed: column, destination"});
}

TEST(TransformMove, RefusesTwoArrays) {
  const std::string text = WithChild("publisher", R"({
    "table": "book", "columns": ["isbn"],
    "relationship": {"type": "one_to_many", "variant": "object"},
    "children": [{"table": "review", "columns": ["id"],
      "relationship": {"type": "one_to_many", "variant": "object"},
      "transform": {"move": {"column": "id", "destination": "$root.a"}}}]})");
  const std::string path = "schema.json[0].nodes.children[0].children[0].transform.move: ";
  EXPECT_EQ(OfParse(text), (Strings{"warning: " + path + kIgnored,
                                    "error: " + path +
                                        "a value inside of 2 arrays has no single place in the "
                                        "document; only one array may be around it"}));
}

TEST(TransformMove, RefusesADestinationThroughWhatIsNoObject) {
  const auto found = [](const std::string& destination, const std::string& more = "") {
    return OfResolve(Book(R"({)" + more + R"("move": {"column": "isbn", "destination": ")" +
                          destination + "\"}}"));
  };
  const auto through = [](const std::string& destination, const std::string& key) {
    return Strings{kError + ".move.destination: \"" + destination + "\" leads through \"" + key +
                   "\", which is not an object"};
  };
  EXPECT_EQ(found("$root.title.x"), through("$root.title.x", "title"));
  EXPECT_EQ(found("$root.reviews.x"), through("$root.reviews.x", "reviews"));
  EXPECT_EQ(found("$root.authors.x"), through("$root.authors.x", "authors"));
  EXPECT_EQ(found("$root.publisher.name.x"), through("$root.publisher.name.x", "name"));
  EXPECT_EQ(found("$root.c.x", R"("concat": {"columns": [], "destination": "c"}, )"),
            through("$root.c.x", "c"));
  EXPECT_EQ(found("$root.doc.x"), Strings{});
  EXPECT_EQ(found("$root.publisher.x"), Strings{});
  EXPECT_EQ(found("$root.isbn.x"), Strings{});  // itself goes away
  EXPECT_EQ(found("$root.publisher.name"),
            Strings{"warning: " + kTransform +
                    ".move.destination: \"$root.publisher.name\" is a key of the document "
                    "already; the moved value replaces it"});
}

TEST(TransformMove, MappingsFollowTheKeys) {
  const std::string move = R"("move": {"column": "title", "destination": "$root.name"}, )";
  Strings found = OfParse(Book("{" + move + R"("mapping": {"title": {"type": "text"},
                                                           "name": {"type": "text"}}})"));
  std::erase(found, "warning: " + kTransform + ".move: " + kIgnored);
  EXPECT_EQ(found, Strings{"warning: " + kTransform +
                           ".mapping.title: \"title\" is moved away; map it where it goes"});
}

// --- the keys of the finished document

TEST(TopKeys, AreThoseAfterRenameConcatAndMove) {
  EXPECT_EQ(TopKeys(TreeOf(Book(
                R"({"rename": {"title": "name", "publisher": "house"},
                    "concat": [{"columns": ["isbn"], "destination": "doc"},
                               {"columns": ["isbn"], "destination": "new"}],
                    "move": {"column": "isbn", "destination": "$root.house.isbn"}})"))),
            (Strings{"name", "doc", "reviews", "house", "authors", "new"}));
}

TEST(TopKeys, SayWhichValuesATransformMakes) {
  const DocumentTree tree = TreeOf(
      Book(R"({"rename": {"title": "name", "doc": {"x": "y"}}, "replace": {"authors": {"a": "b"}},
               "concat": {"columns": ["isbn"], "destination": "new"}})",
           "{}", R"({"move": {"column": "name", "destination": "$root.house.name"}})"));
  for (const std::string made : {"doc", "authors", "new", "house"}) {
    EXPECT_TRUE(MadeByTransform(tree, made)) << made;
  }
  for (const std::string built : {"isbn", "name", "reviews"}) {
    EXPECT_FALSE(MadeByTransform(tree, built)) << built;
  }
}

}  // namespace
}  // namespace schema
