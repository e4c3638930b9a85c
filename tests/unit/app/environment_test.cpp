// The table of variables against the documentation, `.env` files, and typed values.
#include "consumer/app/environment.h"

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace app {
namespace {

using Variables = std::map<std::string, std::string>;

struct Documented {
  std::string treatment;  // the text of the last column
};

// Reads the table of section 12. A row's first cell may name several variables; one that begins
// with _ takes the prefix of the row's first name up to its first underscore.
std::map<std::string, Documented> DocumentedVariables() {
  std::ifstream file(PGSYNC_SOURCE_DIR "/docs/schema-reference.md");
  std::map<std::string, Documented> variables;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) inside = line.starts_with("## 12.");
    if (!inside || !line.starts_with("| ") || line.starts_with("| variable")) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(cell);
    static const std::regex kName("_?[A-Z][A-Z0-9_]+");
    std::string prefix;
    for (auto it = std::sregex_iterator(cells[0].begin(), cells[0].end(), kName);
         it != std::sregex_iterator(); ++it) {
      std::string name = it->str();
      if (name.starts_with("_")) {
        name = prefix + name;
      } else if (prefix.empty()) {
        prefix = name.substr(0, name.find('_'));
      }
      variables[name] = {cells.back()};
    }
  }
  return variables;
}

TEST(Environment, EveryDocumentedVariableHasARuleAndTheOtherWayRound) {
  const auto documented = DocumentedVariables();
  ASSERT_GT(documented.size(), 90u);
  std::set<std::string> ruled;
  for (const VariableRule& rule : VariableRules()) {
    EXPECT_TRUE(ruled.insert(std::string(rule.name)).second) << rule.name << " twice";
    EXPECT_TRUE(documented.contains(std::string(rule.name))) << rule.name << " is not documented";
  }
  for (const auto& [name, ignored] : documented) {
    EXPECT_TRUE(ruled.contains(name)) << name << " has no rule";
  }
}

TEST(Environment, RulesTreatVariablesAsDocumentedOrSayLater) {
  const auto documented = DocumentedVariables();
  for (const VariableRule& rule : VariableRules()) {
    const auto it = documented.find(std::string(rule.name));
    ASSERT_NE(it, documented.end()) << rule.name;
    const std::string& text = it->second.treatment;
    if (text.starts_with(" use")) {
      EXPECT_TRUE(rule.treatment == Treatment::kUse || rule.later) << rule.name;
    } else if (text.starts_with(" warn")) {
      EXPECT_EQ(rule.treatment, Treatment::kWarn) << rule.name;
    } else {
      EXPECT_TRUE(text.starts_with(" refuse")) << rule.name << ": " << text;
      EXPECT_EQ(rule.treatment, Treatment::kRefuse) << rule.name;
    }
    EXPECT_EQ(rule.treatment == Treatment::kRefuse, !rule.reason.empty()) << rule.name;
  }
}

TEST(Environment, NamesAllIgnoredVariablesThatAreSet) {
  const EnvironmentCheck check = CheckEnvironment(Environment(
      {{"POLLING", "true"}, {"CHECKPOINT_PATH", "./"}, {"PG_HOST", "db"}, {"WAL", ""}}));
  EXPECT_EQ(check.ignored, (std::vector<std::string>{"CHECKPOINT_PATH", "POLLING"}));
  EXPECT_TRUE(check.refused.empty());
}

TEST(Environment, RefusesWithReasonAndWithoutValue) {
  const EnvironmentCheck check = CheckEnvironment(
      Environment({{"PG_PASSWORD_RO", "hush"}, {"PG_DRIVER", "PyMySQL"}, {"PG_URL_RO", "u"}}));
  ASSERT_EQ(check.refused.size(), 3u);
  for (const std::string& line : check.refused) EXPECT_EQ(line.find("hush"), std::string::npos);
  EXPECT_TRUE(check.refused[1].starts_with("PG_PASSWORD_RO: "));
}

TEST(DotEnv, ReadsNamesQuotesCommentsAndExport) {
  const auto parsed = ParseDotEnv(
      "# comment\n\nPG_HOST=db # the server\nexport PG_USER = joe\nA='x # y $z'\nB=\"q\\\"r\\ns\" "
      "# c\n"
      "EMPTY=\nURL=http://h/#frag\r\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  const std::map<std::string, std::string> expected = {
      {"PG_HOST", "db"}, {"PG_USER", "joe"}, {"A", "x # y $z"},
      {"B", "q\"r\ns"},  {"EMPTY", ""},      {"URL", "http://h/#frag"}};
  EXPECT_EQ(*parsed, expected);
}

TEST(DotEnv, ErrorNamesTheLineNotItsContent) {
  for (const char* text : {"A=1\nsecret words\n", "A=1\nPG_PASSWORD='secret\n"}) {
    const auto parsed = ParseDotEnv(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, base::ErrorKind::kUsage);
    EXPECT_NE(parsed.error().message.find("line 2"), std::string::npos);
    EXPECT_EQ(parsed.error().message.find("secret"), std::string::npos);
  }
}

TEST(Values, Booleans) {
  for (const char* yes : {"true", "T", "Yes", "y", "ON", "1"}) EXPECT_TRUE(*ParseBool("X", yes));
  for (const char* no : {"false", "F", "No", "n", "off", "0"}) EXPECT_FALSE(*ParseBool("X", no));
  const auto wrong = ParseBool("X", "maybe");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "X: \"maybe\" is not a boolean; use true or false");
}

TEST(Values, NumbersNameRange) {
  EXPECT_EQ(*ParseInteger("N", " 7 ", 1, 9), 7);
  for (const char* wrong : {"", "0", "10", "7x", "1e1", "99999999999999999999"}) {
    const auto value = ParseInteger("N", wrong, 1, 9);
    ASSERT_FALSE(value) << wrong;
    EXPECT_NE(value.error().message.find("from 1 to 9"), std::string::npos);
  }
}

TEST(Values, Seconds) {
  EXPECT_EQ(*ParseSeconds("S", "0.5"), std::chrono::milliseconds(500));
  EXPECT_EQ(*ParseSeconds("S", "60"), std::chrono::milliseconds(60000));
  for (const char* wrong : {"", "0", "-1", "nan", "inf", "5s", "1e9"}) {
    EXPECT_FALSE(ParseSeconds("S", wrong)) << wrong;
  }
}

}  // namespace
}  // namespace app
