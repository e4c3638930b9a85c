#include <gtest/gtest.h>

#include "consumer/pg/connection.h"

namespace pg {
namespace {

TEST(QuoteLiteral, DoublesQuotes) { EXPECT_EQ(QuoteLiteral("it's"), "'it''s'"); }

TEST(QuoteLiteral, LeavesBackslashesAlone) { EXPECT_EQ(QuoteLiteral("a\\b"), "'a\\b'"); }

TEST(QuoteLiteral, KeepsTheEmptyText) { EXPECT_EQ(QuoteLiteral(""), "''"); }

TEST(ArrayLiteral, QuotesEveryElement) {
  const std::vector<std::string> values = {"a", "", "NULL", "b\"c", "d\\e", "f,g", "{h}"};
  EXPECT_EQ(ArrayLiteral(values), R"({"a","","NULL","b\"c","d\\e","f,g","{h}"})");
}

TEST(ArrayLiteral, TellsNullFromTheWordNull) {
  const std::vector<std::optional<std::string>> values = {std::nullopt, "NULL", "x"};
  EXPECT_EQ(ArrayLiteral(values), R"({NULL,"NULL","x"})");
}

TEST(ArrayLiteral, OfNothingIsTheEmptyArray) {
  EXPECT_EQ(ArrayLiteral(std::span<const std::string>()), "{}");
}

}  // namespace
}  // namespace pg
