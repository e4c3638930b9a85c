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

// Texts are looked at in blocks of 8 bytes; every byte has to be found wherever it is.
TEST(JsonText, EveryByteAtEveryPlace) {
  for (int byte = 0; byte < 256; ++byte) {
    std::string alone;
    AppendJsonString(std::string(1, static_cast<char>(byte)), &alone);
    const std::string escaped = alone.substr(1, alone.size() - 2);
    const bool must = byte < 0x20 || byte == '"' || byte == '\\';
    EXPECT_EQ(escaped.size() > 1, must) << byte;
    for (size_t at = 0; at < 20; ++at) {
      std::string text(20, 'x'), out;
      text[at] = static_cast<char>(byte);
      AppendJsonString(text, &out);
      EXPECT_EQ(out, '"' + std::string(at, 'x') + escaped + std::string(19 - at, 'x') + '"');
    }
  }
}

}  // namespace
}  // namespace base
