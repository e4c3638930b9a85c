// The encoder outside of the server: what it writes is read back with msgpack's own parser, so a
// wrong width, sign or length shows here before a server is started.
#include "decoder/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <msgpack.hpp>
#include <string>
#include <vector>

namespace pgsync_wire {
namespace {

struct StringSink {
  std::string bytes;
  void write(const char* data, size_t size) { bytes.append(data, size); }
};

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const unsigned char c : bytes) {
    hex += "0123456789abcdef"[c >> 4];
    hex += "0123456789abcdef"[c & 15];
  }
  return hex;
}

class EncoderTest : public testing::Test {
 protected:
  // Returns the only msgpack object in what was written since the last call.
  msgpack::object_handle Read() {
    size_t offset = 0;
    msgpack::object_handle handle = msgpack::unpack(sink_.bytes.data(), sink_.bytes.size(), offset);
    EXPECT_EQ(offset, sink_.bytes.size()) << "bytes after the object";
    sink_.bytes.clear();
    return handle;
  }

  // Returns what was written since the last call, in hex.
  std::string Written() { return Hex(std::exchange(sink_.bytes, {})); }

  StringSink sink_;
  Encoder<StringSink> encoder_{sink_};
};

TEST_F(EncoderTest, AFrameBeginsWithTheVersionAsOneByte) {
  encoder_.Version();
  EXPECT_EQ(sink_.bytes, std::string(1, '\x01'));
}

TEST_F(EncoderTest, BeginAndCommitKeepAll64Bits) {
  encoder_.Begin(0xFFFFFFFFFFFFFFFF, std::numeric_limits<int64_t>::min(), 0xFFFFFFFF);
  msgpack::object_handle begin = Read();
  const auto fields = begin->as<std::tuple<int, uint64_t, int64_t, uint32_t>>();
  EXPECT_EQ(fields, std::make_tuple(1, 0xFFFFFFFFFFFFFFFF, std::numeric_limits<int64_t>::min(),
                                    0xFFFFFFFF));
  EXPECT_EQ(begin->via.array.size, 4u);

  encoder_.Commit(1, 0x100000000, -1);
  msgpack::object_handle commit = Read();
  EXPECT_EQ(commit->via.array.size, 4u);
  EXPECT_EQ((commit->as<std::tuple<int, uint64_t, uint64_t, int64_t>>()),
            std::make_tuple(2, uint64_t{1}, uint64_t{0x100000000}, int64_t{-1}));
}

TEST_F(EncoderTest, RelationNamesItsColumnsInOrder) {
  encoder_.Relation(16384, "public", "Täble", 'f', 2);
  encoder_.Column("id", 23, true);
  encoder_.Column("v", 25, false);
  using ColumnFields = std::tuple<std::string, uint32_t, int>;
  using RelationFields =
      std::tuple<int, uint32_t, std::string, std::string, std::string, std::vector<ColumnFields>>;
  EXPECT_EQ(Read()->as<RelationFields>(),
            RelationFields(3, 16384, "public", "Täble", "f", {{"id", 23, 1}, {"v", 25, 0}}));
}

TEST_F(EncoderTest, RelationWithoutColumnsHasAnEmptyList) {
  encoder_.Relation(1, "s", "t", 'd', 0);
  msgpack::object_handle relation = Read();
  ASSERT_EQ(relation->via.array.size, 6u);
  EXPECT_EQ(relation->via.array.ptr[5].via.array.size, 0u);
}

TEST_F(EncoderTest, RowsOfAllChangesHaveTheirPlace) {
  encoder_.Insert(7, 2);
  encoder_.Int(5);
  encoder_.Null();
  EXPECT_EQ(Hex(sink_.bytes),
            "93040792"
            "05"
            "c0");
  sink_.bytes.clear();

  encoder_.Update(7, OldRow::kAbsent);
  encoder_.NoRow();
  encoder_.RowHead(1);
  encoder_.Int(6);
  EXPECT_EQ(Hex(sink_.bytes),
            "95050700c0"
            "9106");
  sink_.bytes.clear();

  encoder_.Update(7, OldRow::kFull);
  encoder_.RowHead(1);
  encoder_.Int(5);
  encoder_.RowHead(1);
  encoder_.Int(6);
  EXPECT_EQ(Hex(sink_.bytes),
            "95050702"
            "9105"
            "9106");
  sink_.bytes.clear();

  encoder_.Delete(7, OldRow::kKey);
  encoder_.RowHead(2);
  encoder_.Int(5);
  encoder_.Missing();
  EXPECT_EQ(Hex(sink_.bytes),
            "94060701"
            "9205d40200");
}

TEST_F(EncoderTest, TruncateListsEveryRelation) {
  encoder_.Truncate(kTruncateCascade | kTruncateRestartSequences, 2);
  encoder_.TruncatedRelation(1);
  encoder_.TruncatedRelation(4294967295);
  using Fields = std::tuple<int, int, std::vector<uint32_t>>;
  EXPECT_EQ(Read()->as<Fields>(), Fields(7, 3, {1, 4294967295}));
}

TEST_F(EncoderTest, MessageContentIsBinary) {
  encoder_.Message(true, 42, "pgsync", std::string_view("\0\xff", 2));
  msgpack::object_handle message = Read();
  ASSERT_EQ(message->via.array.size, 5u);
  const msgpack::object* field = message->via.array.ptr;
  EXPECT_EQ(field[1].as<bool>(), true);
  EXPECT_EQ(field[2].as<uint64_t>(), 42u);
  EXPECT_EQ(field[3].as<std::string>(), "pgsync");
  ASSERT_EQ(field[4].type, msgpack::type::BIN);
  EXPECT_EQ(std::string(field[4].via.bin.ptr, field[4].via.bin.size), std::string("\0\xff", 2));
}

TEST_F(EncoderTest, IntegersAreExactAtEveryWidth) {
  for (const int64_t value : {int64_t{0},           int64_t{127},
                              int64_t{128},         int64_t{255},
                              int64_t{256},         int64_t{65535},
                              int64_t{65536},       int64_t{4294967295},
                              int64_t{4294967296},  std::numeric_limits<int64_t>::max(),
                              int64_t{-1},          int64_t{-32},
                              int64_t{-33},         int64_t{-128},
                              int64_t{-129},        int64_t{-32768},
                              int64_t{-32769},      int64_t{-2147483648},
                              int64_t{-2147483649}, std::numeric_limits<int64_t>::min()}) {
    encoder_.Int(value);
    EXPECT_EQ(Read()->as<int64_t>(), value);
  }
  encoder_.Uint(4294967295);
  EXPECT_EQ(Read()->as<uint64_t>(), 4294967295u);
}

TEST_F(EncoderTest, FloatsKeepTheirWidthAndTheirOddValues) {
  for (const float value : {0.1f, 2.0f, -0.0f, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::denorm_min()}) {
    encoder_.Float(value);
    msgpack::object_handle read = Read();
    ASSERT_EQ(read->type, msgpack::type::FLOAT32);
    EXPECT_EQ(read->as<float>(), value);
    EXPECT_EQ(std::signbit(read->as<float>()), std::signbit(value));
  }
  encoder_.Double(std::numeric_limits<double>::quiet_NaN());
  msgpack::object_handle read = Read();
  ASSERT_EQ(read->type, msgpack::type::FLOAT64);
  EXPECT_TRUE(std::isnan(read->as<double>()));
}

TEST_F(EncoderTest, Booleans) {
  encoder_.Bool(false);
  encoder_.Bool(true);
  EXPECT_EQ(Written(), "c2c3");
}

TEST_F(EncoderTest, TextOfEveryLengthClass) {
  for (const size_t size : {0, 1, 31, 32, 255, 256, 65535, 65536, 1000000}) {
    const std::string text(size, 'x');
    encoder_.Text(text);
    msgpack::object_handle read = Read();
    ASSERT_EQ(read->type, msgpack::type::STR);
    EXPECT_EQ(read->as<std::string>(), text);
  }
}

TEST_F(EncoderTest, RawTextOfEveryLengthClassIsAnExtension) {
  for (const size_t size : {0, 1, 2, 3, 4, 8, 15, 16, 17, 255, 256, 65536}) {
    const std::string text(size, '\xff');
    encoder_.RawText(text);
    msgpack::object_handle read = Read();
    ASSERT_EQ(read->type, msgpack::type::EXT) << size;
    EXPECT_EQ(read->via.ext.type(), static_cast<int8_t>(Ext::kRawText));
    EXPECT_EQ(std::string(read->via.ext.data(), read->via.ext.size), text);
  }
}

TEST_F(EncoderTest, UuidIsSixteenBytes) {
  encoder_.Uuid(reinterpret_cast<const unsigned char*>("0123456789abcdef"));
  EXPECT_EQ(Written(), "d803" + Hex("0123456789abcdef"));
}

TEST_F(EncoderTest, DatesAndTimesAreBigEndianAndSigned) {
  encoder_.Date(1);
  EXPECT_EQ(Written(), "d60400000001");
  encoder_.Date(-2);
  EXPECT_EQ(Written(), "d604fffffffe");
  encoder_.Date(INT32_MIN);
  EXPECT_EQ(Written(), "d60480000000");
  encoder_.Date(INT32_MAX);
  EXPECT_EQ(Written(), "d6047fffffff");
  encoder_.Timestamp(0x0102030405060708);
  EXPECT_EQ(Written(), "d7050102030405060708");
  encoder_.TimestampTz(INT64_MIN);
  EXPECT_EQ(Written(), "d7068000000000000000");
}

TEST_F(EncoderTest, UnchangedMissingAndNullAreThreeThings) {
  encoder_.Unchanged();
  EXPECT_EQ(Written(), "d40100");
  encoder_.Missing();
  EXPECT_EQ(Written(), "d40200");
  encoder_.Null();
  EXPECT_EQ(Written(), "c0");
}

TEST_F(EncoderTest, BlocksOfTransactionsInProgress) {
  encoder_.StreamStart(700, true);
  EXPECT_EQ(Written(), "9309cd02bcc3");
  encoder_.Subtransaction(701);
  EXPECT_EQ(Written(), "920dcd02bd");
  encoder_.StreamStop();
  EXPECT_EQ(Written(), "910a");
  encoder_.StreamAbort(700, 4294967295);
  EXPECT_EQ(Written(), "930ccd02bcceffffffff");
  encoder_.StreamCommit(700, 1, 0x100000000, -1);
  EXPECT_EQ((Read()->as<std::tuple<int, uint32_t, uint64_t, uint64_t, int64_t>>()),
            std::make_tuple(11, 700u, uint64_t{1}, uint64_t{0x100000000}, int64_t{-1}));
}

TEST_F(EncoderTest, StatisticsListTheirRelations) {
  encoder_.Statistics(1);
  encoder_.RelationCounters(7, 6, 1, 2, 3, 0x100000000);
  using Fields = std::tuple<int, std::vector<std::vector<uint64_t>>>;
  EXPECT_EQ(Read()->as<Fields>(), Fields(14, {{7, 6, 1, 2, 3, 0x100000000}}));
}

}  // namespace
}  // namespace pgsync_wire
