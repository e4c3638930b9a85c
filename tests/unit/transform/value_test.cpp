// Reading and writing JSON text: what is not JSON is an error, what is JSON comes out as it went
// in.
#include "consumer/transform/value.h"

#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/unit/transform/trees.h"

namespace transform {
namespace {

Shape OpenEverything(const Strings& keys, int depth) {
  Shape shape;
  shape.object = true;
  if (depth == 0) return shape;
  for (const std::string& key : keys) *shape.Under(key) = OpenEverything(keys, depth - 1);
  return shape;
}

std::string ReadAndWritten(const std::string& text, const Shape& shape) {
  const auto value = Read(text, shape);
  if (!value) return "error: " + value.error().message;
  std::string out;
  Append(*value, &out);
  return out;
}

TEST(Read, RefusesWhatIsNotJson) {
  const Shape shallow, deep = OpenEverything({"a"}, 3);
  const Strings bad = {"",
                       " ",
                       "{",
                       "}",
                       "[",
                       "]",
                       "{]",
                       "[}",
                       "[1,]",
                       "[,1]",
                       "{\"a\"}",
                       "{\"a\":}",
                       "{\"a\":1,}",
                       "{a:1}",
                       "{\"a\":1 \"b\":2}",
                       "[1 2]",
                       "nul",
                       "True",
                       "01",
                       "1.",
                       ".5",
                       "+1",
                       "1e",
                       "1e+",
                       "-",
                       "\"",
                       "\"\\x\"",
                       "\"\\u12\"",
                       "\"\\u12g4\"",
                       "\"\n\"",
                       "{} {}",
                       "1 2",
                       "{\"a\":[{\"a\":]}",
                       "\"\\",
                       "{\"a\":1}}",
                       "[[]",
                       "{\"a\":{\"a\":tru}}",
                       "{1:2}",
                       "[\"a\":1]"};
  for (const std::string& text : bad) {
    for (const Shape* shape : {&shallow, &deep}) {
      EXPECT_TRUE(ReadAndWritten(text, *shape).starts_with("error: not valid JSON at byte "))
          << text;
    }
  }
  EXPECT_EQ(ReadAndWritten("[1,x]", shallow), "error: not valid JSON at byte 3");
}

TEST(Read, ADamagedDocumentIsAnErrorOfThatDocument) {
  Trees trees;
  trees.Concat(trees.Add(0, "a", true), {"b"}, "c");
  EXPECT_EQ(trees.Apply(R"({"a":[{"b":1]})"), "error: not valid JSON at byte 12");
}

TEST(Read, KeepsTheTextOfWhatItDoesNotOpen) {
  const Shape shape = OpenEverything({"a"}, 1);
  for (const std::string text :
       {R"({"a":12345678901234567890.10,"b":[ 1 , { "x" : 2.50 } ],"c":1e+100})",
        R"({"a":[1E5,-0,"\u0041"],"é\n":{}})", R"([])", R"({})", R"([[[]]])", "-0.0", "\"\"",
        "null"}) {
    EXPECT_EQ(ReadAndWritten(text, shape), text);
  }
  EXPECT_EQ(ReadAndWritten(" \n{ \"a\" : [ 1 , 2 ] , \"b\" : [ 1 ] } \t", shape),
            R"({"a":[1,2],"b":[ 1 ]})");
}

TEST(Read, IsBoundedInDepth) {
  const auto nested = [](size_t levels, const std::string& open, const std::string& close) {
    std::string text;
    for (size_t i = 0; i < levels; ++i) text += open;
    text += "1";
    for (size_t i = 0; i < levels; ++i) text += close;
    return text;
  };
  const Shape shape;
  const std::string lists = nested(400, "[", "]");
  EXPECT_EQ(ReadAndWritten(lists, shape), lists);
  EXPECT_TRUE(ReadAndWritten(nested(100'000, "[", "]"), shape).starts_with("error: "));
  const std::string objects = nested(100'000, "{\"a\":", "}");
  EXPECT_EQ(ReadAndWritten(objects, shape), objects);
  EXPECT_TRUE(ReadAndWritten(nested(2'000'000, "{\"a\":", "}"), shape).starts_with("error: "));
}

TEST(Strings, AreUnquotedAndQuotedBack) {
  for (const std::string text : {"", "a", "é😀", "\"\\/\b\f\n\r\t\x01\x7f", "\xED\x9F\xBF"}) {
    EXPECT_EQ(Unquoted(Quoted(text)), text);
  }
  EXPECT_EQ(Quoted(Unquoted(R"("\ud83dx\ude00")")), R"("\ud83dx\ude00")");
  EXPECT_EQ(Unquoted(R"("\ud83d\ude00\u00e9\u0041\/")"), "😀éA/");
  EXPECT_EQ(Unquoted(R"("\ud83d\ud83d\ude00")"), "\xED\xA0\xBD😀");
}

// Random JSON of a few keys, with white space, escapes and every kind of number.
class RandomJson {
 public:
  explicit RandomJson(uint32_t seed) : random_(seed) {}

  std::string Object(int depth) {
    std::string text = "{" + Space();
    std::vector<std::string> keys = {"a", "b", "c", "d e", "é", "\\\"", "f"};
    std::shuffle(keys.begin(), keys.end(), random_);
    const size_t count = Below(keys.size());
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) text += "," + Space();
      text += "\"" + keys[i] + "\"" + Space() + ":" + Space() + Value(depth) + Space();
    }
    return text + "}";
  }

  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }

 private:
  std::string Value(int depth) {
    const size_t kind = Below(depth > 0 ? 8 : 6);
    static const Strings numbers = {"0", "-1", "2.50", "1e+10", "1234567.25", "0.001", "-0.5E-3"};
    static const Strings strings = {"",  "x", "-", "a-b", "\\n\\u0041", "é😀", "\\ud83d\\ude00",
                                    "[}"};
    if (kind == 0) return "null";
    if (kind == 1) return Below(2) == 0 ? "true" : "false";
    if (kind <= 3) return numbers[Below(numbers.size())];
    if (kind <= 5) return "\"" + strings[Below(strings.size())] + "\"";
    if (kind == 6) return Object(depth - 1);
    std::string text = "[";
    const size_t count = Below(4);
    for (size_t i = 0; i < count; ++i) {
      text += (i > 0 ? "," : "") + Space() + Value(depth - 1) + Space();
    }
    return text + "]";
  }
  std::string Space() { return Below(4) == 0 ? Strings{" ", "\n", "\t", "  "}[Below(4)] : ""; }

  std::mt19937 random_;
};

TEST(RandomDocuments, ComeOutEqualAndDamagedOnesNeverCrash) {
  const uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  RandomJson random(seed);
  Trees nothing;
  Trees much;  // what finds nothing to do, yet opens all
  const uint32_t a = much.Add(0, "a", true), b = much.Add(a, "b", false);
  much.Replace(0, {"c", "d e", "é"}, {{"never there", "x"}}).Rename(0, {"f", "f"}, {{"no", "x"}});
  much.Replace(b, {"a"}, {{"never there", "x"}}).Rename(a, {"é"}, {{"no", "x"}});
  much.Move(0, "no", {"x"});
  size_t refused = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string text = random.Object(5);
    const auto value = nlohmann::json::parse(text);
    EXPECT_EQ(nlohmann::json::parse(nothing.Apply(text)), value) << text;
    EXPECT_EQ(nlohmann::json::parse(much.Apply(text)), value) << text;

    // One byte gone, doubled or changed: judged as the library judges it, but for halves of
    // characters, which type json allows.
    std::string damaged = text;
    const size_t at = random.Below(damaged.size());
    const size_t how = random.Below(3);
    if (how == 0) damaged.erase(at, 1);
    if (how == 1) damaged.insert(at, 1, damaged[at]);
    if (how == 2) damaged[at] = "{}[],:\"0-e.tn\\ "[random.Below(15)];
    // UTF-8 is not looked at here: the database has done so.
    if (at < text.size() && static_cast<unsigned char>(text[at]) >= 0x80) continue;
    const bool valid = nlohmann::json::accept(damaged);
    for (const Trees* trees : {&nothing, &much}) {
      const std::string out = trees->Apply(damaged);
      refused += out.starts_with("error: ") ? 1 : 0;
      if (valid && !out.starts_with("error: ")) {
        EXPECT_TRUE(nlohmann::json::accept(out)) << damaged;
      } else if (!valid && damaged.find("ud") == std::string::npos) {
        EXPECT_TRUE(out.starts_with("error: ")) << damaged << " gave " << out;
      }
      EXPECT_FALSE(valid && out.starts_with("error: not valid")) << damaged << ": " << out;
    }
  }
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace transform
