// Binary cells to JSON text.
#include "consumer/assemble/json_cell.h"

#include <gtest/gtest.h>

#include "consumer/assemble/document_writer.h"
#include "consumer/assemble/type_oids.h"

namespace assemble {
namespace {

std::string Json(uint32_t type, std::string_view bytes) {
  std::string out;
  const auto status = AppendCell(type, bytes, &out);
  return status ? out : "error: " + status.error().message;
}

TEST(JsonCell, Integers) {
  EXPECT_EQ(Json(type_oid::kInt2, std::string_view("\xff\xff", 2)), "-1");
  EXPECT_EQ(Json(type_oid::kInt4, std::string_view("\x80\x00\x00\x00", 4)), "-2147483648");
  EXPECT_EQ(Json(type_oid::kInt8, std::string_view("\x00\x20\x00\x00\x00\x00\x00\x01", 8)),
            "9007199254740993");
}

TEST(JsonCell, FloatsAreShortestAndSpecialsAreStrings) {
  EXPECT_EQ(Json(type_oid::kFloat8, std::string_view("\x3f\xb9\x99\x99\x99\x99\x99\x9a", 8)),
            "0.1");
  EXPECT_EQ(Json(type_oid::kFloat4, std::string_view("\x3d\xcc\xcc\xcd", 4)), "0.1");
  EXPECT_EQ(Json(type_oid::kFloat8, std::string_view("\x7f\xf8\x00\x00\x00\x00\x00\x00", 8)),
            "\"NaN\"");
  EXPECT_EQ(Json(type_oid::kFloat8, std::string_view("\xff\xf0\x00\x00\x00\x00\x00\x00", 8)),
            "\"-Infinity\"");
}

TEST(JsonCell, TextIsEscaped) {
  EXPECT_EQ(Json(type_oid::kText, "a\"\\\n\x01ü"), "\"a\\\"\\\\\\n\\u0001ü\"");
}

TEST(JsonCell, Uuid) {
  EXPECT_EQ(Json(type_oid::kUuid,
                 std::string_view(
                     "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16)),
            "\"00112233-4455-6677-8899-aabbccddeeff\"");
}

TEST(JsonCell, JsonKeepsToOneLine) {
  EXPECT_EQ(Json(type_oid::kJson, "{\"a\":\n 1,\r\n\"b\\n\": 2}"), "{\"a\":  1,  \"b\\n\": 2}");
  EXPECT_EQ(Json(type_oid::kJsonb, "\x01[1]"), "[1]");
}

TEST(JsonCell, WrongLengthsAndUnknownTypesAreErrors) {
  EXPECT_NE(Json(type_oid::kInt4, "abc").find("error"), std::string::npos);
  EXPECT_NE(Json(type_oid::kUuid, "").find("error"), std::string::npos);
  EXPECT_NE(Json(type_oid::kJsonb, "\x02[]").find("error"), std::string::npos);
  EXPECT_NE(Json(1700, "1").find("error"), std::string::npos);
}

TEST(JoinId, OnePartIsItselfAndSeveralAreEscaped) {
  EXPECT_EQ(JoinId({R"(a|b\c)"}), R"(a|b\c)");
  EXPECT_EQ(JoinId({"2", "1"}), "2|1");
  EXPECT_EQ(JoinId({R"(a|b)", R"(c\)"}), R"(a\|b|c\\)");
}

}  // namespace
}  // namespace assemble
