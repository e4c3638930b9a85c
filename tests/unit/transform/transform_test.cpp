// Documents through transforms: every rule of section 8 of the reference, and B11, B12, B14.
#include "tests/unit/transform/trees.h"

namespace transform {
namespace {

// --- replace

TEST(Replace, PairsAreAppliedInOrderToTheResultOfTheOneBefore) {
  const Trees trees = Trees().Replace(0, {"slug"}, {{"-", "="}, {"=b", "!"}, {"aa", "a"}});
  EXPECT_EQ(trees.Apply(R"({"slug":"a-b-c"})"), R"({"slug":"a!=c"})");
  EXPECT_EQ(trees.Apply(R"({"slug":"aaa"})"), R"({"slug":"aa"})");  // not again on its own result
  EXPECT_EQ(trees.Apply(R"({"slug":""})"), R"({"slug":""})");
}

TEST(Replace, IsLiteral) {
  const Trees trees = Trees().Replace(0, {"s"}, {{"*", ".*"}, {".", "\\."}, {"\n", "\""}});
  EXPECT_EQ(trees.Apply(R"({"s":"P.P*\n"})"), R"({"s":"P\\.P\\.*\""})");
}

TEST(Replace, AppliesToStringsAndStringsOfListsOnly) {
  const Trees trees = Trees().Replace(0, {"v"}, {{"1", "9"}, {"-", "+"}});
  for (const std::string same : {R"({"v":1.10})", R"({"v":null})", R"({"v":true})",
                                 R"({"v":{"a":"1"}})", R"({"w":"1"})", R"({"v":[]})"}) {
    EXPECT_EQ(trees.Apply(same), same);
  }
  EXPECT_EQ(trees.Apply(R"({"v":["1-",1,null,"x",["-"],{"a":"-"}]})"),
            R"({"v":["9+",1,null,"x",["+"],{"a":"-"}]})");
}

TEST(Replace, DescendsIntoJson) {
  const Trees trees =
      Trees().Replace(0, {"doc", "code", "x"}, {{"-", "_"}}).Replace(0, {"doc", "y"}, {{"a", "b"}});
  EXPECT_EQ(trees.Apply(R"({"doc":{"code": {"x": "1-2", "z": "-"}, "y": ["a", 2.50], "-": "-"}})"),
            R"({"doc":{"code":{"x":"1_2","z":"-"},"y":["b",2.50],"-":"-"}})");
  EXPECT_EQ(trees.Apply(R"({"doc":[{"y":"a"},{"code":[{"x":"-"}]},"a"]})"),
            R"({"doc":[{"y":"b"},{"code":[{"x":"_"}]},"a"]})");
  EXPECT_EQ(trees.Apply(R"({"doc":null})"), R"({"doc":null})");
}

TEST(Replace, OfAScalarChildByItsParentAndByItself) {
  Trees by_parent;
  by_parent.Add(0, "words", true, true);
  by_parent.Replace(0, {"words"}, {{"-", "~"}});
  Trees by_itself;
  by_itself.Replace(by_itself.Add(0, "words", true, true), {}, {{"-", "~"}});
  Trees nested;
  nested.Replace(nested.Add(0, "words", true, true), {"code"}, {{"-", "~"}});
  for (const Trees* trees : {&by_parent, &by_itself}) {
    EXPECT_EQ(trees->Apply(R"({"words":["w-1",null,3]})"), R"({"words":["w~1",null,3]})");
    EXPECT_EQ(trees->Apply(R"({"words":[["a-"],["-"]]})"), R"({"words":[["a~"],["~"]]})");
    EXPECT_EQ(trees->Apply(R"({"words":null})"), R"({"words":null})");
    EXPECT_EQ(trees->Apply(R"({"words":"-"})"), R"({"words":"~"})");
  }
  EXPECT_EQ(nested.Apply(R"({"words":[{"code":"-"},"-"]})"), R"({"words":[{"code":"~"},"-"]})");
}

TEST(Replace, KnowsEveryEscapeAndCharacter) {
  const Trees trees = Trees().Replace(0, {"s"}, {{"ü", "ue"}, {"/", "|"}, {"😀", ":)"}});
  EXPECT_EQ(trees.Apply(R"({"s":"\u00fc\/ü\ud83d\ude00 \"\\\b\f\n\r\t\u0001é"})"),
            R"({"s":"ue|ue:) \"\\\b\f\n\r\t\u0001é"})");
  // Type json may hold halves of a character: they stay what they are.
  EXPECT_EQ(trees.Apply(R"({"s":"\ud83d/\udc00\u0000"})"), R"({"s":"\ud83d|\udc00\u0000"})");
  // Unchanged text is not written anew.
  EXPECT_EQ(trees.Apply(R"({"s":"\u0041"})"), R"({"s":"\u0041"})");
}

// --- rename inside of JSON

TEST(Rename, AllNamesOfAnObjectAtOnce) {
  const Trees trees = Trees().Rename(0, {"doc"}, {{"a", "b"}, {"b", "a"}, {"none", "x"}});
  EXPECT_EQ(trees.Apply(R"({"doc":{"a": 1, "b": 2, "c": 3},"a":4})"),
            R"({"doc":{"b":1,"a":2,"c":3},"a":4})");
  EXPECT_EQ(trees.Apply(R"({"doc":[{"a":1},[{"b":2}],"a",null]})"),
            R"({"doc":[{"b":1},[{"a":2}],"a",null]})");
  EXPECT_EQ(trees.Apply(R"({"doc":"a"})"), R"({"doc":"a"})");
}

TEST(Rename, DeeperOnesFindTheOldNames) {
  const Trees trees =
      Trees().Rename(0, {"doc", "x"}, {{"a", "b"}}).Rename(0, {"doc"}, {{"x", "y"}});
  EXPECT_EQ(trees.Apply(R"({"doc":{"x":{"a":1}}})"), R"({"doc":{"y":{"b":1}}})");
}

TEST(Rename, TheLastOfTwoEqualNamesWins) {
  const Trees trees = Trees().Rename(0, {"doc"}, {{"a", "b"}});
  EXPECT_EQ(trees.Apply(R"({"doc":{"a":1,"c":2,"b":3}})"), R"({"doc":{"c":2,"b":3}})");
  EXPECT_EQ(trees.Apply(R"({"doc":{"b":3,"a":1}})"), R"({"doc":{"b":1}})");
}

TEST(Rename, ComparesNamesNotSpellings) {
  const Trees trees = Trees().Rename(0, {"doc"}, {{"a\"é", "b\"\n"}});
  EXPECT_EQ(trees.Apply(R"({"doc":{"\u0061\"\u00e9":1,"\\":2}})"), R"({"doc":{"b\"\n":1,"\\":2}})");
}

TEST(Rename, ComesAfterReplaceAndBeforeConcat) {
  const Trees trees = Trees()
                          .Rename(0, {"doc"}, {{"x", "y"}})
                          .Replace(0, {"doc", "x"}, {{"-", "+"}})
                          .Concat(0, {"doc"}, "all");
  EXPECT_EQ(trees.Apply(R"({"doc":{"x": "-"}})"), R"({"doc":{"y":"+"},"all":"{\"y\":\"+\"}"})");
}

// --- concat

std::string Concatenated(const std::string& value) {
  const std::string out =
      Trees().Concat(0, {"'<", "v", "'>"}, "d", "-").Apply("{\"v\":" + value + "}");
  const std::string start = "{\"v\":" + value + ",\"d\":\"";
  EXPECT_TRUE(out.starts_with(start)) << out;
  return out.substr(start.size(), out.size() - start.size() - 2);
}

TEST(Concat, SkipsWhatIsNothingWithItsDelimiter) {
  for (const std::string nothing :
       {"null", "\"\"", "0", "0.00", "-0", "0e5", "-0.0E-3", "false", "[]", "{}", "[ ]", "{ }"}) {
    EXPECT_EQ(Concatenated(nothing), "<->") << nothing;
  }
  EXPECT_EQ(Trees().Concat(0, {"'", "a", "'"}, "d", ",").Apply(R"({"a":1})"), R"({"a":1,"d":"1"})");
  EXPECT_EQ(Trees().Concat(0, {"a"}, "d", ",").Apply(R"({"a":null})"), R"({"a":null,"d":""})");
  EXPECT_EQ(Trees().Concat(0, {}, "d", ",").Apply(R"({})"), R"({"d":""})");
}

TEST(Concat, TextOfEveryKindOfValue) {
  EXPECT_EQ(Concatenated("\"x y\""), "<-x y->");
  EXPECT_EQ(Concatenated("\" \""), "<- ->");
  EXPECT_EQ(Concatenated("\"0\""), "<-0->");
  EXPECT_EQ(Concatenated("\"false\""), "<-false->");
  EXPECT_EQ(Concatenated("\"[]\""), "<-[]->");
  EXPECT_EQ(Concatenated("\"a\\\"\\u00e9\\n\""), "<-a\\\"é\\n->");
  EXPECT_EQ(Concatenated("true"), "<-True->");
  for (const std::string number : {"2.50", "12345678901234567890.10", "1e+100", "-1", "0.001",
                                   "1e0", "9223372036854775808", "-0.5"}) {
    EXPECT_EQ(Concatenated(number), "<-" + number + "->");
  }
  EXPECT_EQ(Concatenated(R"([1, "a b", null])"), R"(<-[1,\"a b\",null]->)");
  EXPECT_EQ(Concatenated(R"({"a": [], "b c": 2.50})"), R"(<-{\"a\":[],\"b c\":2.50}->)");
  EXPECT_EQ(Concatenated(R"(["\\", "\" ", 1])"), R"(<-[\"\\\\\",\"\\\" \",1]->)");
}

TEST(Concat, LaterOnesSeeEarlierDestinations) {
  const Trees trees =
      Trees().Concat(0, {"room", "floor"}, "where", "/").Concat(0, {"where", "where"}, "twice");
  EXPECT_EQ(trees.Apply(R"({"room":12,"floor":0})"),
            R"({"room":12,"floor":0,"where":"12","twice":"1212"})");
  EXPECT_EQ(trees.Apply(R"({"room":1,"floor":2})"),
            R"({"room":1,"floor":2,"where":"1/2","twice":"1/21/2"})");
}

TEST(Concat, OverwritesTheDestination) {
  const Trees trees = Trees().Concat(0, {"a", "b"}, "a", "-");
  EXPECT_EQ(trees.Apply(R"({"a":"x","b":"y"})"), R"({"a":"x-y","b":"y"})");
}

TEST(Concat, TheParentSeesItsChildrenConcatenated) {
  Trees trees;
  const uint32_t child = trees.Add(0, "house", false);
  trees.Concat(child, {"id", "name"}, "tag", ":").Concat(0, {"house"}, "all");
  EXPECT_EQ(
      trees.Apply(R"({"house":{"id":1,"name":"x"}})"),
      R"({"house":{"id":1,"name":"x","tag":"1:x"},"all":"{\"id\":1,\"name\":\"x\",\"tag\":\"1:x\"}"})");
  EXPECT_EQ(trees.Apply(R"({"house":null})"), R"({"house":null,"all":""})");
}

// --- where nodes hang

TEST(Nodes, AreFoundAtAnyDepthThroughArraysAndObjects) {
  Trees trees;
  const uint32_t list = trees.Add(0, "list", true);
  const uint32_t one = trees.Add(list, "one", false);
  const uint32_t inner = trees.Add(one, "inner", true);
  trees.Add(0, "other", true);
  trees.Concat(inner, {"a", "b"}, "c").Replace(inner, {"a"}, {{"-", "+"}});
  EXPECT_EQ(
      trees.Apply(
          R"({"a":"-","list":[{"one":{"inner":[{"a":"-","b":1},{"a":"x","b":2}]}},{"one":null},)"
          R"({"one":{"inner":null}},{"one":{"inner":[]}}],"other":[{"a":"-"}]})"),
      R"({"a":"-","list":[{"one":{"inner":[{"a":"+","b":1,"c":"+1"},{"a":"x","b":2,"c":"x2"}]}},{"one":null},)"
      R"({"one":{"inner":null}},{"one":{"inner":[]}}],"other":[{"a":"-"}]})");
  EXPECT_EQ(trees.Apply(R"({"list":null})"), R"({"list":null})");
}

TEST(Nodes, LabelsAreComparedAsText) {
  Trees trees;
  const uint32_t child = trees.Add(0, "a \"b\" é\t", true);
  trees.Replace(child, {"ü\\"}, {{"-", "+"}});
  EXPECT_EQ(trees.Apply(R"({"a \"b\" é\t":[{"ü\\":"-"}]})"), R"({"a \"b\" é\t":[{"ü\\":"+"}]})");
}

// --- move

TEST(Move, TakesTheKeyAndMakesMissingObjects) {
  const Trees trees = Trees().Move(0, "c", {"a", "b"});
  EXPECT_EQ(trees.Apply(R"({"id":1,"c":2.50})"), R"({"id":1,"a":{"b":2.50}})");
  EXPECT_EQ(trees.Apply(R"({"c":null})"), R"({"a":{"b":null}})");
  EXPECT_EQ(trees.Apply(R"({"a":null,"c":1})"), R"({"a":{"b":1}})");
  EXPECT_EQ(trees.Apply(R"({"a":{"x": 1, "b": 2},"c":[1]})"), R"({"a":{"x":1,"b":[1]}})");
  EXPECT_EQ(Trees().Move(0, "c", {"c", "b"}).Apply(R"({"c":1})"), R"({"c":{"b":1}})");
}

TEST(Move, RefusesTheDocumentWhereTheDestinationIsNoObject) {
  const Trees trees = Trees().Move(0, "c", {"a", "b", "d"});
  const std::string error =
      "error: \"c\" of public.book cannot move to \"$root.a.b.d\": \"b\" is not an object here";
  for (const std::string value : {"1", "\"secret\"", "[]", "[{}]", "true"}) {
    EXPECT_EQ(trees.Apply("{\"a\":{\"b\":" + value + "},\"c\":1}"), error) << value;
  }
}

TEST(Move, OutOfAnObject) {
  Trees trees;
  trees.Move(trees.Add(0, "house", false), "name", {"house_name"});
  EXPECT_EQ(trees.Apply(R"({"house":{"id":1,"name":"x"}})"),
            R"({"house":{"id":1},"house_name":"x"})");
  EXPECT_EQ(trees.Apply(R"({"house":null})"), R"({"house":null})");
}

TEST(Move, OutOfAnArrayBecomesAnArrayInRowOrder) {
  Trees trees;
  const uint32_t house = trees.Add(0, "house", false);
  trees.Move(trees.Add(house, "rooms", true), "no", {"all", "rooms"});
  EXPECT_EQ(trees.Apply(R"({"house":{"rooms":[{"no":2},{"no":null,"x":1},{"no":1}]}})"),
            R"({"house":{"rooms":[{},{"x":1},{}]},"all":{"rooms":[2,null,1]}})");
  EXPECT_EQ(trees.Apply(R"({"house":{"rooms":[]}})"),
            R"({"house":{"rooms":[]},"all":{"rooms":[]}})");
  EXPECT_EQ(trees.Apply(R"({"house":{"rooms":null}})"), R"({"house":{"rooms":null}})");
  EXPECT_EQ(trees.Apply(R"({"house":null})"), R"({"house":null})");
}

TEST(Move, ComesAfterAllConcats) {
  Trees trees;
  const uint32_t child = trees.Add(0, "house", false);
  trees.Concat(child, {"name"}, "tag").Move(child, "tag", {"t"}).Concat(0, {"house"}, "all");
  EXPECT_EQ(trees.Apply(R"({"house":{"name":"x"}})"),
            R"({"house":{"name":"x"},"all":"{\"name\":\"x\",\"tag\":\"x\"}","t":"x"})");
}

TEST(Move, TwoKeysCanTradePlaces) {
  const Trees trees = Trees().Move(0, "a", {"b"}).Move(0, "b", {"a"});
  EXPECT_EQ(trees.Apply(R"({"a":1,"b":2})"), R"({"b":1,"a":2})");
}

TEST(Move, IntoWhatAnotherOneMoves) {
  const Trees trees = Trees().Move(0, "x", {"to", "x"}).Move(0, "doc", {"to"});
  EXPECT_EQ(trees.Apply(R"({"x":1,"doc":{"y": 2}})"), R"({"to":{"y":2,"x":1}})");
}

TEST(Move, AWholeChild) {
  Trees trees;
  trees.Replace(trees.Add(0, "rooms", true), {"n"}, {{"-", "+"}}).Move(0, "rooms", {"in", "rooms"});
  EXPECT_EQ(trees.Apply(R"({"rooms":[{"n":"-"}]})"), R"({"in":{"rooms":[{"n":"+"}]}})");
}

// --- routing

std::string Routed(Trees trees, const std::string& document) {
  trees.tree.routing_key = "r";
  std::string out;
  std::optional<std::string> routing = "left over";
  const auto status = Transformer(trees.tree).Apply(document, &out, &routing);
  if (!status) return "error: " + status.error().message;
  return routing ? "[" + *routing + "]" : "none";
}

TEST(Routing, IsTheTextOfTheFinishedValue) {
  EXPECT_EQ(Routed({}, R"({"r":"a\"\u00e9"})"), "[a\"é]");
  EXPECT_EQ(Routed({}, R"({"r":2.50})"), "[2.50]");
  EXPECT_EQ(Routed({}, R"({"r":true})"), "[true]");
  EXPECT_EQ(Routed({}, R"({"r":false})"), "[false]");
  EXPECT_EQ(Routed({}, R"({"r":null})"), "none");
  EXPECT_EQ(Routed({}, R"({"a":1})"), "none");
  const std::string error = "error: \"r\" routes the document, but is an object or a list here";
  EXPECT_EQ(Routed({}, R"({"r":{"a":"secret"}})"), error);
  EXPECT_EQ(Routed({}, R"({"r":[]})"), error);
  EXPECT_EQ(Routed(Trees().Concat(0, {"a", "b"}, "r", "-"), R"({"a":1,"b":2})"), "[1-2]");
  EXPECT_EQ(Routed(Trees().Replace(0, {"r"}, {{"-", "+"}}), R"({"r":"-"})"), "[+]");
  EXPECT_EQ(Routed(Trees().Move(0, "a", {"r"}), R"({"a":7})"), "[7]");
}

TEST(Routing, IsNotTouchedWithoutAKey) {
  std::string out;
  std::optional<std::string> routing = "left over";
  const Trees trees;
  ASSERT_TRUE(Transformer(trees.tree).Apply("{}", &out, &routing).ok());
  EXPECT_EQ(routing, std::nullopt);
}

TEST(Empty, OnlyWhenTheFinishedDocumentIsOfNoUse) {
  Trees trees;
  const uint32_t child = trees.Add(0, "a", true);
  const uint32_t grandchild = trees.Add(child, "b", true);
  EXPECT_TRUE(Transformer(trees.tree).Empty());
  trees.tree.routing_key = "r";
  EXPECT_FALSE(Transformer(trees.tree).Empty());
  trees.tree.routing_column = "r";
  EXPECT_TRUE(Transformer(trees.tree).Empty());
  trees.Concat(grandchild, {}, "d");
  EXPECT_FALSE(Transformer(trees.tree).Empty());
}

}  // namespace
}  // namespace transform
