#include "consumer/base/utf8.h"

#include <gtest/gtest.h>

namespace {

TEST(ReplaceInvalidUtf8, KeepsWhatIsValid) {
  for (const char* text :
       {"", "plain", "\xC3\xA4\xE6\x97\xA5\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(base::ReplaceInvalidUtf8(text), text);
  }
}

TEST(ReplaceInvalidUtf8, ReplacesEveryByteOfWhatIsNot) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(base::ReplaceInvalidUtf8("b\xFF!"), "b" + mark + "!");
  EXPECT_EQ(base::ReplaceInvalidUtf8("\xC3"), mark);  // cut off
  EXPECT_EQ(base::ReplaceInvalidUtf8("\xE6\x97"), mark + mark);
  EXPECT_EQ(base::ReplaceInvalidUtf8("\xC3(\xC3\xA4"), mark + "(\xC3\xA4");
  EXPECT_EQ(base::ReplaceInvalidUtf8("\xC0\x80"), mark + mark);             // overlong
  EXPECT_EQ(base::ReplaceInvalidUtf8("\xE0\x9F\xBF"), mark + mark + mark);  // overlong
  EXPECT_EQ(base::ReplaceInvalidUtf8("\xED\xA0\x80"), mark + mark + mark);  // a surrogate
  EXPECT_EQ(base::ReplaceInvalidUtf8("\xF4\x90\x80\x80"), mark + mark + mark + mark);
  EXPECT_EQ(base::ReplaceInvalidUtf8("\xF5"), mark);
}

}  // namespace
