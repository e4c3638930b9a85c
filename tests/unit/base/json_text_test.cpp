#include "consumer/base/json_text.h"

#include <gtest/gtest.h>

#include <string>

namespace base {
namespace {

std::string Quoted(std::string_view text) {
  std::string out = "<";
  AppendJsonString(text, &out);
  return out;
}

TEST(JsonText, AppendsWithQuotes) {
  EXPECT_EQ(Quoted(""), R"(<"")");
  EXPECT_EQ(Quoted("plain"), R"(<"plain")");
}

TEST(JsonText, EscapesWhatMustBeEscaped) {
  EXPECT_EQ(Quoted("a\"b\\c/d"), R"(<"a\"b\\c/d")");
  EXPECT_EQ(Quoted("\b\f\n\r\t"), R"(<"\b\f\n\r\t")");
  EXPECT_EQ(Quoted(std::string_view("\0\x01\x1f", 3)), R"(<"\u0000\u0001\u001f")");
}

TEST(JsonText, LeavesUtf8AndDeleteAsTheyAre) {
  EXPECT_EQ(Quoted("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \x7f"),
            "<\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \x7f\"");
}

}  // namespace
}  // namespace base
