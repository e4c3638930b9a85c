#include "consumer/wire/decode.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

#include "tests/unit/wire/frame.h"

namespace wire {
namespace {

using model::OldRow;
using model::RowChange;
using Kind = model::Value::Kind;

// Rows and relations come only after a begin.
Decoder InTransaction() {
  Decoder decoder;
  EXPECT_TRUE(decoder.Decode(Frame().Array(4).Uint(1).Uint(90).Int(0).Uint(7).bytes()).ok());
  return decoder;
}

std::vector<model::Record> Good(const Frame& frame, Decoder decoder = InTransaction()) {
  auto records = decoder.Decode(frame.bytes());
  EXPECT_TRUE(records.ok()) << (records.ok() ? "" : records.error().message);
  return records.ok() ? *std::move(records) : std::vector<model::Record>();
}

// The complaint about a frame that has to be refused.
std::string Bad(const std::string& bytes, Decoder decoder = InTransaction()) {
  auto records = decoder.Decode(bytes);
  if (records.ok()) return "decoded!";
  EXPECT_EQ(records.error().kind, base::ErrorKind::kFatal);
  return records.error().message;
}
std::string Bad(const Frame& frame, Decoder decoder = InTransaction()) {
  return Bad(frame.bytes(), std::move(decoder));
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << "in: " << (text)

// One record of every kind and one value of every type.
Frame Everything() {
  Frame frame;
  frame.Array(4).Uint(1).Uint(0x16B374D848).Int(-5).Uint(4000000000);
  frame.Book();
  frame.Array(3).Uint(4).Uint(42).Array(2).Uint(7).Str("Emma");
  frame.Array(5).Uint(5).Uint(42).Uint(0).Nil().Array(2).Uint(7).Unchanged();
  frame.Array(5).Uint(5).Uint(42).Uint(1).Array(2).Uint(7).Missing().Array(2).Uint(8).Nil();
  frame.Array(4).Uint(6).Uint(42).Uint(2).Array(2).Int(-8).Str("x");
  frame.Array(4).Uint(6).Uint(42).Uint(0).Nil();
  frame.Array(3).Uint(7).Uint(3).Array(1).Uint(42);
  frame.Array(5).Uint(8).Bool(true).Uint(99).Str("pre").Bin(std::string_view("a\0b", 3));
  frame.Array(4).Uint(2).Uint(100).Uint(200).Int(300);
  return frame;
}

TEST(Decode, ReadsEveryRecord) {
  const auto records = Good(Everything(), Decoder());
  ASSERT_EQ(records.size(), 9u);
  const auto& begin = std::get<model::Begin>(records[0]);
  EXPECT_EQ(begin.commit_lsn.value, 0x16B374D848u);
  EXPECT_EQ(begin.commit_time_us, -5);
  EXPECT_EQ(begin.xid, 4000000000u);

  const auto& insert = std::get<RowChange>(records[1]);
  EXPECT_EQ(insert.kind, RowChange::Kind::kInsert);
  EXPECT_EQ(insert.relation->id, 42u);
  EXPECT_EQ(insert.relation->schema, "public");
  EXPECT_EQ(insert.relation->table, "book");
  EXPECT_EQ(insert.relation->identity, 'd');
  ASSERT_EQ(insert.relation->columns.size(), 2u);
  EXPECT_EQ(insert.relation->columns[0].name, "id");
  EXPECT_EQ(insert.relation->columns[0].type_oid, 23u);
  EXPECT_TRUE(insert.relation->columns[0].in_identity);
  EXPECT_FALSE(insert.relation->columns[1].in_identity);
  ASSERT_EQ(insert.new_row.size(), 2u);
  EXPECT_EQ(insert.new_row[0].text, "7");
  EXPECT_EQ(insert.new_row[1].text, "Emma");
  EXPECT_TRUE(insert.old_row.empty());

  const auto& update = std::get<RowChange>(records[2]);
  EXPECT_EQ(update.kind, RowChange::Kind::kUpdate);
  EXPECT_EQ(update.old_kind, OldRow::kAbsent);
  EXPECT_EQ(update.new_row[1].kind, Kind::kUnchanged);

  const auto& moved = std::get<RowChange>(records[3]);
  EXPECT_EQ(moved.old_kind, OldRow::kKey);
  EXPECT_EQ(moved.old_row[0].text, "7");
  EXPECT_EQ(moved.old_row[1].kind, Kind::kMissing);
  EXPECT_EQ(moved.new_row[1].kind, Kind::kNull);

  const auto& removed = std::get<RowChange>(records[4]);
  EXPECT_EQ(removed.kind, RowChange::Kind::kDelete);
  EXPECT_EQ(removed.old_kind, OldRow::kFull);
  EXPECT_EQ(removed.old_row[0].text, "-8");
  EXPECT_TRUE(removed.new_row.empty());
  EXPECT_EQ(std::get<RowChange>(records[5]).old_kind, OldRow::kAbsent);

  const auto& truncate = std::get<model::Truncate>(records[6]);
  EXPECT_TRUE(truncate.cascade);
  EXPECT_TRUE(truncate.restart_sequences);
  ASSERT_EQ(truncate.relations.size(), 1u);
  EXPECT_EQ(truncate.relations[0]->table, "book");

  const auto& message = std::get<model::LogicalMessage>(records[7]);
  EXPECT_TRUE(message.transactional);
  EXPECT_EQ(message.lsn.value, 99u);
  EXPECT_EQ(message.prefix, "pre");
  EXPECT_EQ(message.content, std::string("a\0b", 3));

  const auto& commit = std::get<model::Commit>(records[8]);
  EXPECT_EQ(commit.commit_lsn.value, 100u);
  EXPECT_EQ(commit.end_lsn.value, 200u);
  EXPECT_EQ(commit.commit_time_us, 300);
}

std::string TextOf(const std::function<void(Frame*)>& write) {
  Frame frame;
  frame.Book().Array(3).Uint(4).Uint(42).Array(2).Nil();
  write(&frame);
  const auto records = Good(frame);
  return records.empty() ? "" : std::get<RowChange>(records.at(0)).new_row.at(1).text;
}

TEST(Decode, WritesValuesAsPostgresReadsThem) {
  EXPECT_EQ(TextOf([](Frame* f) { f->Bool(true); }), "true");
  EXPECT_EQ(TextOf([](Frame* f) { f->Bool(false); }), "false");
  EXPECT_EQ(TextOf([](Frame* f) { f->Uint(UINT64_MAX); }), "18446744073709551615");
  EXPECT_EQ(TextOf([](Frame* f) { f->Int(INT64_MIN); }), "-9223372036854775808");
  EXPECT_EQ(TextOf([](Frame* f) { f->Int(5); }), "5");
  EXPECT_EQ(TextOf([](Frame* f) { f->Float(0.1f); }), "0.1");
  EXPECT_EQ(TextOf([](Frame* f) { f->Double(0.1); }), "0.1");
  EXPECT_EQ(TextOf([](Frame* f) { f->Str(""); }), "");
  EXPECT_EQ(TextOf([](Frame* f) { f->Ext(3, "0123456789abcdef"); }),
            "30313233-3435-3637-3839-616263646566");
  EXPECT_EQ(TextOf([](Frame* f) { f->Ext(4, std::string_view("\xff\xff\xff\xff", 4)); }),
            "1999-12-31");
  EXPECT_EQ(TextOf([](Frame* f) { f->Ext(5, std::string_view("\0\0\0\0\0\0\0\1", 8)); }),
            "2000-01-01 00:00:00.000001");
  EXPECT_EQ(TextOf([](Frame* f) { f->Ext(6, std::string_view("\0\0\0\0\0\0\0\0", 8)); }),
            "2000-01-01 00:00:00+00");
  EXPECT_EQ(TextOf([](Frame* f) { f->Ext(7, "caf\xe9"); }), "caf\xe9");
}

TEST(Decode, RemembersRelationsAcrossFrames) {
  Decoder decoder = InTransaction();
  ASSERT_TRUE(decoder.Decode(Frame().Book().bytes()).ok());
  Frame change;
  change.Array(3).Uint(4).Uint(42).Array(2).Uint(1).Nil();
  EXPECT_TRUE(decoder.Decode(change.bytes()).ok());
}

TEST(Decode, ForgetsRelationsOnReset) {
  Decoder decoder = InTransaction();
  ASSERT_TRUE(decoder.Decode(Frame().Book().bytes()).ok());
  decoder.Reset();
  Frame change;
  change.Array(4).Uint(1).Uint(90).Int(0).Uint(7);
  change.Array(3).Uint(4).Uint(42).Array(2).Uint(1).Nil();
  EXPECT_HAS(Bad(change, decoder), "relid 42 without a relation");
}

TEST(Decode, KeepsTheOldShapeForChangesMadeBeforeANewOne) {
  Frame frame;
  frame.Book().Array(3).Uint(4).Uint(42).Array(2).Uint(1).Nil();
  frame.Array(6).Uint(3).Uint(42).Str("public").Str("tome").Str("f").Array(1);
  frame.Array(3).Str("id").Uint(23).Uint(1);
  frame.Array(3).Uint(4).Uint(42).Array(1).Uint(2);
  const auto records = Good(frame);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(std::get<RowChange>(records[0]).relation->table, "book");
  EXPECT_EQ(std::get<RowChange>(records[1]).relation->table, "tome");
}

TEST(Decode, RefusesAnotherVersion) {
  EXPECT_HAS(Bad(std::string("\x02\x90")), "version 2");
  EXPECT_HAS(Bad(std::string()), "expected the version");
  EXPECT_HAS(Bad(std::string("\x01")), "expected a record");
}

TEST(Decode, RefusesUnknownTags) {
  EXPECT_HAS(Bad(Frame().Array(1).Uint(0)), "tag 0");
  EXPECT_HAS(Bad(Frame().Array(2).Uint(15).Uint(1)), "tag 15");
  EXPECT_HAS(Bad(Frame().Array(1).Uint(260)), "tag 260");
  EXPECT_HAS(Bad(Frame().Array(1).Str("x")), "tag: expected an unsigned integer");
  EXPECT_HAS(Bad(Frame().Array(0)), "tag: expected one more element");
}

TEST(Decode, RefusesWrongArity) {
  EXPECT_HAS(Bad(Frame().Array(3).Uint(1).Uint(1).Int(1)), "begin: 3 elements, expected 4");
  EXPECT_HAS(Bad(Frame().Array(5).Uint(2).Uint(1).Uint(1).Int(1).Nil()), "commit: 5 elements");
  EXPECT_HAS(Bad(Frame().Book().Array(3).Uint(4).Uint(42).Array(1).Uint(1)),
             "row of public.book: 1 values");
}

TEST(Decode, RefusesWrongTypesNamingTheField) {
  EXPECT_HAS(Bad(Frame().Array(4).Uint(1).Str("x").Int(1).Uint(1)), "begin.commit_lsn");
  EXPECT_HAS(Bad(Frame().Array(4).Uint(1).Uint(1).Int(1).Uint(1ull << 32)), "begin.xid");
  EXPECT_HAS(Bad(Frame().Array(6).Uint(3).Uint(1).Str("s").Str("t").Str("q").Array(0)),
             "relation.identity");
  EXPECT_HAS(Bad(Frame().Book().Array(3).Uint(4).Uint(42).Array(2).Uint(1).Bin("x")), "value:");
  EXPECT_HAS(Bad(Frame().Book().Array(3).Uint(7).Uint(4).Array(1).Uint(42)), "truncate.flags");
  EXPECT_HAS(Bad(Frame().Book().Array(3).Uint(7).Uint(0).Array(0)), "truncate.relids");
  EXPECT_HAS(Bad(Frame().Array(5).Uint(8).Uint(1).Uint(1).Str("p").Bin("")), "transactional");
}

TEST(Decode, RefusesUnknownExtensions) {
  EXPECT_HAS(Bad(Frame().Book().Array(3).Uint(4).Uint(42).Array(2).Uint(1).Ext(8, "x")),
             "extension type 8");
  EXPECT_HAS(Bad(Frame().Book().Array(3).Uint(4).Uint(42).Array(2).Uint(1).Ext(3, "x")),
             "extension 3 of 1 bytes, expected 16");
}

TEST(Decode, RefusesMarksInRowsThatCannotHaveThem) {
  EXPECT_HAS(Bad(Frame().Book().Array(3).Uint(4).Uint(42).Array(2).Uint(1).Unchanged()),
             "does not belong");
  EXPECT_HAS(Bad(Frame().Book().Array(4).Uint(6).Uint(42).Uint(2).Array(2).Uint(1).Missing()),
             "does not belong");
}

TEST(Decode, RefusesUnknownRelations) {
  EXPECT_HAS(Bad(Frame().Array(3).Uint(4).Uint(7).Array(0)), "relid 7 without a relation");
}

TEST(Decode, RefusesMapsAndDeepNesting) {
  EXPECT_HAS(Bad(Frame().Map(1).Uint(1).Uint(1)), "a map");
  Frame deep;
  for (int i = 0; i < 100000; ++i) deep.Array(1);
  EXPECT_HAS(Bad(deep), "nested deeper");
}

TEST(Decode, NamesTheOffsetOfTheRecord) {
  Frame frame;
  frame.Book();
  const size_t offset = frame.bytes().size();
  frame.Array(1).Uint(77);
  EXPECT_HAS(Bad(frame), "byte " + std::to_string(offset) + ": tag 77");
}

TEST(Decode, RefusesTrailingBytes) { EXPECT_HAS(Bad(Frame().Book().Uint(5)), "record: expected"); }

TEST(Decode, DoesNotAllocateWhatALengthOnlyClaims) {
  EXPECT_HAS(Bad(Frame().Array(0xffffffff).Uint(4)), "ends inside");
  EXPECT_HAS(Bad(Frame().Array(3).Uint(4).Uint(42).Array(0xfffffff0).Nil()), "ends inside");
  EXPECT_HAS(Bad(Frame().Byte(0xdb).Big(0xffffffff, 4)), "ends inside");
  EXPECT_HAS(Bad(Frame().Byte(0xc9).Big(0xffffffff, 4).Byte(1)), "ends inside");
}

TEST(DecodeFuzz, EveryTruncationIsRefusedOrEndsBetweenRecords) {
  const std::string whole = Everything().bytes();
  int between = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    // A copy of its own, so that a sanitizer sees a read behind the end.
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<long>(size));
    Decoder decoder;
    between += decoder.Decode(std::string_view(cut.data(), cut.size())).ok();
  }
  EXPECT_EQ(between, 9);  // behind each of the ten records but the last
}

TEST(DecodeFuzz, MutationsNeverCrash) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const std::string whole = Everything().bytes();
  int refused = 0;
  for (int round = 0; round < 10000; ++round) {
    std::vector<char> bytes(whole.begin(), whole.end());
    for (uint32_t changes = 1 + random() % 4; changes > 0; --changes) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
          break;
        case 2:
          bytes.insert(bytes.begin() + static_cast<long>(at), static_cast<char>(random()));
          break;
        default:
          if (bytes.size() > 1) bytes.erase(bytes.begin() + static_cast<long>(at));
      }
    }
    Decoder decoder;
    const auto records = decoder.Decode(std::string_view(bytes.data(), bytes.size()));
    if (!records.ok()) {
      ++refused;
      EXPECT_EQ(records.error().kind, base::ErrorKind::kFatal);
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace wire
