// Transactions in progress and statistics: their records, and which of them may come where.
#include <gtest/gtest.h>

#include <string>

#include "consumer/wire/decode.h"
#include "tests/unit/wire/frame.h"

namespace wire {
namespace {

constexpr Asked kBoth{.streaming = true, .statistics = true};

Frame Start(uint32_t xid, bool first) { return Frame().Array(3).Uint(9).Uint(xid).Bool(first); }
Frame StreamCommit(uint32_t xid) {
  return Frame().Array(5).Uint(11).Uint(xid).Uint(100).Uint(200).Int(-300);
}
Frame StreamAbort(uint32_t xid, uint32_t subxid) {
  return Frame().Array(3).Uint(12).Uint(xid).Uint(subxid);
}
Frame Begin() { return Frame().Array(4).Uint(1).Uint(100).Int(0).Uint(5); }
Frame Block(uint32_t xid, bool first) { return Start(xid, first).Array(1).Uint(10); }

// Decodes frames as one session; "" or the complaint about the last of them.
template <typename... Frames>
std::string Session(Asked asked, const Frames&... frames) {
  Decoder decoder(asked);
  std::string complaint;
  const auto take = [&](const Frame& frame) {
    EXPECT_EQ(complaint, "") << "before the last frame";
    const auto records = decoder.Decode(frame.bytes());
    if (records.ok()) return;
    EXPECT_EQ(records.error().kind, base::ErrorKind::kFatal);
    complaint = records.error().message;
  };
  (take(frames), ...);
  return complaint;
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << "in: " << (text)

TEST(DecodeStream, ReadsABlockItsEndAndAborts) {
  Decoder decoder(kBoth);
  Frame block = Start(4000000000, true);
  block.Book().Array(3).Uint(4).Uint(42).Array(2).Uint(7).Str("Emma");
  block.Array(2).Uint(13).Uint(4000000001);
  block.Array(5).Uint(8).Bool(true).Uint(99).Str("pgsync").Bin("");
  block.Array(1).Uint(10);
  auto records = decoder.Decode(block.bytes());
  ASSERT_TRUE(records.ok()) << records.error().message;
  ASSERT_EQ(records->size(), 5u);
  EXPECT_EQ(std::get<model::StreamStart>((*records)[0]).xid, 4000000000u);
  EXPECT_TRUE(std::get<model::StreamStart>((*records)[0]).first);
  EXPECT_EQ(std::get<model::RowChange>((*records)[1]).relation->table, "book");
  EXPECT_EQ(std::get<model::Subtransaction>((*records)[2]).subxid, 4000000001u);
  EXPECT_TRUE(std::holds_alternative<model::StreamStop>((*records)[4]));

  records = decoder.Decode(StreamAbort(4000000000, 4000000001).bytes());
  ASSERT_TRUE(records.ok()) << records.error().message;
  const auto& abort = std::get<model::StreamAbort>(records->at(0));
  EXPECT_EQ(abort.xid, 4000000000u);
  EXPECT_EQ(abort.subxid, 4000000001u);

  records = decoder.Decode(StreamCommit(4000000000).bytes());
  ASSERT_TRUE(records.ok()) << records.error().message;
  const auto& commit = std::get<model::StreamCommit>(records->at(0));
  EXPECT_EQ(commit.xid, 4000000000u);
  EXPECT_EQ(commit.commit_lsn.value, 100u);
  EXPECT_EQ(commit.end_lsn.value, 200u);
  EXPECT_EQ(commit.commit_time_us, -300);
}

TEST(DecodeStream, BlocksAlternateWithOtherTransactions) {
  Frame plain = Begin();
  plain.Array(4).Uint(2).Uint(1).Uint(2).Int(3);
  EXPECT_EQ(Session(kBoth, Block(5, true), plain, Block(6, true), Block(5, false),
                    StreamAbort(6, 6), StreamCommit(5)),
            "");
}

TEST(DecodeStream, BlockMaySpanFrames) {
  Frame rest;
  rest.Book().Array(1).Uint(10);
  EXPECT_EQ(Session(kBoth, Start(5, true), rest, StreamCommit(5)), "");
}

TEST(DecodeStream, IsRefusedWhenItWasNotAskedFor) {
  EXPECT_HAS(Session({.statistics = true}, Start(5, true)), "not asked for");
  EXPECT_HAS(Session({.statistics = true}, Begin().Array(2).Uint(13).Uint(5)), "not asked for");
  EXPECT_HAS(Session({.streaming = true}, Frame().Array(2).Uint(14).Array(0)), "not asked for");
}

TEST(DecodeStream, RefusesRecordsOutOfPlace) {
  EXPECT_HAS(Session(kBoth, Begin(), Start(5, true)), "stream_start in a transaction");
  EXPECT_HAS(Session(kBoth, Start(5, true), Start(6, true)), "stream_start in a block");
  EXPECT_HAS(Session(kBoth, Start(5, true), Begin()), "begin in a block");
  EXPECT_HAS(Session(kBoth, Begin(), Begin()), "begin in a transaction");
  EXPECT_HAS(Session(kBoth, Frame().Array(1).Uint(10)), "stream_stop between transactions");
  EXPECT_HAS(Session(kBoth, Begin(), Frame().Array(1).Uint(10)), "stream_stop in a transaction");
  EXPECT_HAS(Session(kBoth, Frame().Array(2).Uint(13).Uint(6)), "subtransaction between");
  EXPECT_HAS(Session(kBoth, Begin().Array(2).Uint(13).Uint(6)), "subtransaction in a transaction");
  EXPECT_HAS(Session(kBoth, Frame().Book()), "a change between transactions");
  const Frame commit = Frame().Array(4).Uint(2).Uint(1).Uint(2).Int(3);
  EXPECT_HAS(Session(kBoth, commit), "commit between transactions");
  EXPECT_HAS(Session(kBoth, Start(5, true), commit), "commit in a block");
  EXPECT_HAS(Session(kBoth, Start(5, true), StreamCommit(5)), "stream_commit in a block");
  EXPECT_HAS(Session(kBoth, Start(5, true), StreamAbort(5, 5)), "stream_abort in a block");
  EXPECT_HAS(Session(kBoth, Begin(), Frame().Array(2).Uint(14).Array(0)), "statistics in a tr");
  const auto message = [](bool transactional) {
    return Frame().Array(5).Uint(8).Bool(transactional).Uint(1).Str("p").Bin("");
  };
  EXPECT_HAS(Session(kBoth, message(true)), "a transactional message between");
  EXPECT_HAS(Session(kBoth, Begin(), message(false)), "a non-transactional message in a tr");
  EXPECT_HAS(Session(kBoth, Start(5, true), message(false)), "a non-transactional message in a b");
}

TEST(DecodeStream, NamesTheOffsetOfTheRecord) {
  EXPECT_HAS(Session(kBoth, Block(5, true), Start(5, false).Array(3).Uint(9).Uint(6).Bool(true)),
             "byte 9: stream_start in a block");
}

TEST(DecodeStream, FrameEndsWithTheTransactionOrBlock) {
  Frame both = Block(5, true);
  both.Book();
  EXPECT_HAS(Session(kBoth, both), "after the record that ends the frame");
  EXPECT_HAS(Session(kBoth, Block(5, true), StreamCommit(5).Array(2).Uint(14).Array(0)),
             "after the record that ends the frame");
}

TEST(DecodeStream, FollowsWhichTransactionsAreOpen) {
  EXPECT_HAS(Session(kBoth, Block(5, false)), "transaction 5 was not begun");
  EXPECT_HAS(Session(kBoth, Block(5, true), Block(5, true)), "transaction 5 was begun before");
  EXPECT_HAS(Session(kBoth, StreamCommit(5)), "of which no block came");
  EXPECT_HAS(Session(kBoth, StreamAbort(5, 5)), "of which no block came");
  EXPECT_HAS(Session(kBoth, Block(5, true), StreamCommit(5), StreamCommit(5)), "no block came");
  EXPECT_HAS(Session(kBoth, Block(5, true), StreamAbort(5, 5), Block(5, false)), "has ended");
  EXPECT_EQ(Session(kBoth, Block(5, true), StreamAbort(5, 6), Block(5, false)), "");
}

TEST(DecodeStream, NewSessionBeginsThemAnew) {
  Decoder decoder(kBoth);
  ASSERT_TRUE(decoder.Decode(Start(5, true).bytes()).ok());
  decoder.Reset();
  EXPECT_TRUE(decoder.Decode(Start(5, true).bytes()).ok());
}

TEST(DecodeStream, RefusesWrongArityAndTypes) {
  EXPECT_HAS(Session(kBoth, Frame().Array(2).Uint(9).Uint(1)), "stream_start: 2 elements");
  EXPECT_HAS(Session(kBoth, Frame().Array(3).Uint(9).Uint(1).Uint(1)), "stream_start.first");
  EXPECT_HAS(Session(kBoth, Frame().Array(3).Uint(9).Uint(1ull << 32).Bool(true)),
             "stream_start.xid");
  EXPECT_HAS(Session(kBoth, Frame().Array(2).Uint(10).Nil()), "stream_stop: 2 elements");
  EXPECT_HAS(Session(kBoth, Frame().Array(4).Uint(11).Uint(1).Uint(1).Uint(1)), "stream_commit: 4");
  EXPECT_HAS(Session(kBoth, Frame().Array(5).Uint(11).Uint(1).Int(-1).Uint(1).Int(1)),
             "stream_commit.commit_lsn");
  EXPECT_HAS(Session(kBoth, Frame().Array(3).Uint(12).Uint(1).Nil()), "stream_abort.subxid");
  EXPECT_HAS(Session(kBoth, Frame().Array(1).Uint(13)), "subtransaction: 1 elements");
}

TEST(DecodeStatistics, ReadsCountersAndKnowsDescribedRelations) {
  Decoder decoder(kBoth);
  Frame block = Start(5, true);
  block.Book(42).Array(1).Uint(10);
  ASSERT_TRUE(decoder.Decode(block.bytes()).ok());
  Frame frame;
  frame.Array(2).Uint(14).Array(2);
  frame.Array(6).Uint(42).Uint(10).Uint(1).Uint(2).Uint(7).Uint(1ull << 40);
  frame.Array(6).Uint(43).Uint(9).Uint(9).Uint(0).Uint(0).Uint(0);
  const auto records = decoder.Decode(frame.bytes());
  ASSERT_TRUE(records.ok()) << records.error().message;
  const auto& relations = std::get<model::Statistics>(records->at(0)).relations;
  ASSERT_EQ(relations.size(), 2u);
  EXPECT_EQ(relations[0].relid, 42u);
  ASSERT_TRUE(relations[0].relation);
  EXPECT_EQ(relations[0].relation->table, "book");
  EXPECT_EQ(relations[0].decoded, 10u);
  EXPECT_EQ(relations[0].filtered, 1u);
  EXPECT_EQ(relations[0].suppressed, 2u);
  EXPECT_EQ(relations[0].sent, 7u);
  EXPECT_EQ(relations[0].bytes, 1ull << 40);
  EXPECT_FALSE(relations[1].relation);
}

TEST(DecodeStatistics, RefusesWrongOnes) {
  EXPECT_HAS(Session(kBoth, Frame().Array(1).Uint(14)), "statistics: 1 elements");
  Frame few;
  few.Array(2).Uint(14).Array(1).Array(5).Uint(1).Uint(1).Uint(1).Uint(1).Uint(1);
  EXPECT_HAS(Session(kBoth, few), "counters: expected 6 elements");
  Frame twice;
  twice.Array(2).Uint(14).Array(2);
  for (int i = 0; i < 2; ++i) twice.Array(6).Uint(1).Uint(1).Uint(1).Uint(0).Uint(0).Uint(0);
  EXPECT_HAS(Session(kBoth, twice), "counters.relid: expected a larger one");
}

}  // namespace
}  // namespace wire
