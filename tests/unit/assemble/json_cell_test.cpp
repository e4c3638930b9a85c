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
  EXPECT_EQ(Json(type_oid::kFloat8, std::string_view("\x3f\x1a\x36\xe2\xeb\x1c\x43\x2d", 8)),
            "0.0001");
  EXPECT_EQ(Json(type_oid::kFloat8, std::string_view("\x40\xf8\x6a\x00\x00\x00\x00\x00", 8)),
            "100000");
  EXPECT_EQ(Json(type_oid::kFloat8, std::string_view("\x43\x0c\x6b\xf5\x26\x34\x00\x00", 8)),
            "1e+15");
  EXPECT_EQ(Json(type_oid::kFloat4, std::string_view("\x49\x74\x24\x00", 4)), "1e+06");
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

// Bytes from hexadecimal digits; spaces are ignored.
std::string Bytes(std::string_view hex) {
  std::string bytes;
  int digits = 0, value = 0;
  for (const char c : hex) {
    if (c == ' ') continue;
    value = value << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
    if (++digits % 2 == 0) bytes.push_back(static_cast<char>(value)), value = 0;
  }
  return bytes;
}

TEST(JsonCell, NumericHasAllItsDigits) {
  const auto numeric = [](std::string_view hex) { return Json(type_oid::kNumeric, Bytes(hex)); };
  EXPECT_EQ(numeric("0000 0000 0000 0000"), "0");
  EXPECT_EQ(numeric("0000 0000 0000 0003"), "0.000");
  EXPECT_EQ(numeric("0002 0000 0000 0002 0001 1388"), "1.50");
  EXPECT_EQ(numeric("0001 0001 4000 0000 0001"), "-10000");
  EXPECT_EQ(numeric("0001 ffff 0000 0004 0001"), "0.0001");
  EXPECT_EQ(numeric("0001 fffe 0000 0006 0064"), "0.000001");
  EXPECT_EQ(numeric("0003 0001 0000 0001 000c 0d80 1388"), "123456.5");
  EXPECT_EQ(numeric("0000 0000 c000 0000"), "\"NaN\"");
  EXPECT_EQ(numeric("0000 0000 f000 0020"), "\"-Infinity\"");
  EXPECT_NE(numeric("0002 0000 0000 0000 0001").find("error"), std::string::npos);
}

TEST(JsonCell, DatesAndTimes) {
  EXPECT_EQ(Json(type_oid::kDate, Bytes("00000000")), "\"2000-01-01\"");
  EXPECT_EQ(Json(type_oid::kDate, Bytes("0000003b")), "\"2000-02-29\"");
  EXPECT_EQ(Json(type_oid::kDate, Bytes("fff4dbf9")), "\"0001-01-01\"");
  EXPECT_EQ(Json(type_oid::kDate, Bytes("fff4dbf8")), "\"0001-12-31 BC\"");
  EXPECT_EQ(Json(type_oid::kDate, Bytes("7fffffff")), "\"infinity\"");
  EXPECT_EQ(Json(type_oid::kTimestamp, Bytes("ffffffffffffffff")),
            "\"1999-12-31T23:59:59.999999\"");
  EXPECT_EQ(Json(type_oid::kTimestamptz, Bytes("0000000000000000")),
            "\"2000-01-01T00:00:00+00:00\"");
  EXPECT_EQ(Json(type_oid::kTimestamptz, Bytes("8000000000000000")), "\"-infinity\"");
  EXPECT_EQ(Json(type_oid::kTime, Bytes("000000141dd76000")), "\"24:00:00\"");
  EXPECT_EQ(Json(type_oid::kTimetz, Bytes("0000000000000001 ffffb596")),
            "\"00:00:00.000001+05:17:30\"");
}

TEST(JsonCell, IntervalsHaveTheirSigns) {
  const auto interval = [](std::string_view hex) { return Json(type_oid::kInterval, Bytes(hex)); };
  EXPECT_EQ(interval("0000000000000000 00000000 00000000"), "\"00:00:00\"");
  EXPECT_EQ(interval("0000000000000001 00000002 0000000d"),
            "\"1 year 1 mon 2 days 00:00:00.000001\"");
  EXPECT_EQ(interval("0000000000000001 00000000 ffffffff"), "\"-1 mons +00:00:00.000001\"");
  EXPECT_EQ(interval("ffffffffffffffff 00000001 00000000"), "\"1 day -00:00:00.000001\"");
}

TEST(JsonCell, Addresses) {
  EXPECT_EQ(Json(type_oid::kInet, Bytes("02 20 00 04 c0a80001")), "\"192.168.0.1\"");
  EXPECT_EQ(Json(type_oid::kCidr, Bytes("02 08 01 04 0a000000")), "\"10.0.0.0/8\"");
  EXPECT_EQ(Json(type_oid::kInet, Bytes("03 80 00 10 00000000000000000000000000000001")),
            "\"::1\"");
  EXPECT_EQ(Json(type_oid::kInet, Bytes("03 40 00 10 20010db8000000000000000000000000")),
            "\"2001:db8::/64\"");
  EXPECT_EQ(Json(type_oid::kInet, Bytes("03 80 00 10 00000000000000000000ffff01020304")),
            "\"::ffff:1.2.3.4\"");
  EXPECT_EQ(Json(type_oid::kMacaddr, Bytes("08002b010203")), "\"08:00:2b:01:02:03\"");
}

TEST(JsonCell, BytesBitsAndSmallTypes) {
  EXPECT_EQ(Json(type_oid::kBytea, Bytes("dead")), "\"\\\\xdead\"");
  EXPECT_EQ(Json(type_oid::kBit, Bytes("0000000a aac0")), "\"1010101011\"");
  EXPECT_EQ(Json(type_oid::kVarbit, Bytes("00000000")), "\"\"");
  EXPECT_EQ(Json(type_oid::kOid, Bytes("ffffffff")), "\"4294967295\"");
  EXPECT_EQ(Json(type_oid::kChar, Bytes("00")), "\"\"");
  EXPECT_EQ(Json(type_oid::kChar, Bytes("ff")), "\"\\\\377\"");
}

TEST(JsonCell, ArraysOfManyDimensions) {
  constexpr uint32_t kInt4Array = 1007;
  EXPECT_EQ(Json(kInt4Array, Bytes("00000000 00000000 00000017")), "[]");
  EXPECT_EQ(Json(kInt4Array, Bytes("00000002 00000001 00000017 00000002 00000001 00000001 00000005"
                                   "00000004 00000007 ffffffff")),
            "[[7],[null]]");
  // Elements are missing, or too many.
  EXPECT_NE(
      Json(kInt4Array, Bytes("00000001 00000000 00000017 00000002 00000001 00000004 00000007"))
          .find("error"),
      std::string::npos);
  EXPECT_NE(Json(kInt4Array, Bytes("00000001 00000000 00000017 00000000 00000001 ffffffff"))
                .find("error"),
            std::string::npos);
}

TEST(JsonCell, OfDuplicateKeysTheLastStays) {
  const auto json = [](std::string_view text) { return Json(type_oid::kJson, text); };
  EXPECT_EQ(json(R"({"a":2,"a":3})"), R"({"a":3})");
  EXPECT_EQ(json(R"({"a":{"b":1,"b":2},"c":[{"b":1,"b":[",",{}]}],"a":{"b":1,"b":2}})"),
            R"({"c":[{"b":[",",{}]}],"a":{"b":2}})");
  EXPECT_EQ(json(R"({"\u0061":1,"b":"}","a":2})"), R"({"b":"}","a":2})");
  EXPECT_EQ(json(R"({"\ud83d\ude00":1,"😀":2})"), R"({"😀":2})");
  EXPECT_EQ(json(R"({"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"a":10,"a":11})"),
            R"({"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"a":11})");
  EXPECT_EQ(json(R"([{"a":1},{"a":1}])"), R"([{"a":1},{"a":1}])");
}

TEST(JsonCell, WhatNoReaderTakesIsRejected) {
  for (const char* bad :
       {R"("\u0000")", R"("\ud800")", R"("\udc00x")", R"({"\ud800\u0041":1})", R"(["\ud800\n"])"}) {
    std::string out;
    const auto status = AppendCell(type_oid::kJson, bad, &out);
    ASSERT_FALSE(status) << bad;
    EXPECT_EQ(status.error().kind, base::ErrorKind::kRejectDocument) << bad;
  }
  EXPECT_EQ(Json(type_oid::kJson, R"("\\u0000\ud83d\ude00")"), R"("\\u0000\ud83d\ude00")");
}

TEST(JsonCell, WhatIsTooDeepIsRejected) {
  const auto nested = [](size_t levels, const std::string& open, const std::string& close) {
    std::string text;
    for (size_t i = 0; i < levels; ++i) text += open;
    text += "1";
    for (size_t i = 0; i < levels; ++i) text += close;
    return text;
  };
  for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}")}) {
    for (const uint32_t type : {type_oid::kJson, type_oid::kJsonb}) {
      const std::string version = type == type_oid::kJsonb ? "\x01" : "";
      const std::string taken = nested(1000, open, close);
      EXPECT_EQ(Json(type, version + taken), taken);
      std::string out;
      const auto status = AppendCell(type, version + nested(1001, open, close), &out);
      ASSERT_FALSE(status);
      EXPECT_EQ(status.error().kind, base::ErrorKind::kRejectDocument);
      EXPECT_NE(status.error().message.find("1000 levels"), std::string::npos);
    }
  }
  // Many, but side by side, and in a string.
  std::string wide = "[\"" + nested(2000, "[", "\\\"{") + "\"";
  for (int i = 0; i < 2000; ++i) wide += ",[{}]";
  wide += "]";
  EXPECT_EQ(Json(type_oid::kJsonb, "\x01" + wide), wide);
  EXPECT_EQ(Json(type_oid::kJson, wide), wide);
}

TEST(JsonCell, WrongLengthsAndUnknownTypesAreErrors) {
  EXPECT_NE(Json(type_oid::kInt4, "abc").find("error"), std::string::npos);
  EXPECT_NE(Json(type_oid::kUuid, "").find("error"), std::string::npos);
  EXPECT_NE(Json(type_oid::kJsonb, "\x02[]").find("error"), std::string::npos);
  constexpr uint32_t kMoney = 790;
  EXPECT_NE(Json(kMoney, "1").find("error"), std::string::npos);
}

TEST(JoinId, OnePartIsItselfAndSeveralAreEscaped) {
  EXPECT_EQ(JoinId({R"(a|b\c)"}), R"(a|b\c)");
  EXPECT_EQ(JoinId({"2", "1"}), "2|1");
  EXPECT_EQ(JoinId({R"(a|b)", R"(c\)"}), R"(a\|b|c\\)");
}

}  // namespace
}  // namespace assemble
