#include "consumer/wire/batch_codec.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace wire {
namespace {

using Random = std::minstd_rand;

// Numbers of every msgpack width.
template <typename T>
T AnyNumber(Random* random) {
  const uint64_t bits = (static_cast<uint64_t>((*random)()) << 33) ^ (*random)();
  return static_cast<T>(bits >> ((*random)() % 64));
}

std::vector<std::string> AnyStrings(Random* random) {
  std::vector<std::string> strings((*random)() % 4);
  for (std::string& text : strings) {
    text.resize((*random)() % ((*random)() % 10 == 0 ? 70000 : 40));
    for (char& c : text) c = static_cast<char>((*random)());
  }
  return strings;
}

std::vector<std::optional<std::string>> AnyValues(Random* random) {
  std::vector<std::optional<std::string>> values;
  for (std::string& text : AnyStrings(random)) values.emplace_back(std::move(text));
  if ((*random)() % 4 == 0) values.emplace_back();
  return values;
}

model::Batch AnyBatch(Random* random) {
  model::Batch batch;
  batch.floor.value = AnyNumber<uint64_t>(random);
  batch.last_commit.value = AnyNumber<uint64_t>(random);
  batch.complete_through.value = AnyNumber<uint64_t>(random);
  for (uint32_t i = (*random)() % 20; i > 0; --i) batch.xids.push_back(AnyNumber<uint32_t>(random));
  for (uint32_t i = (*random)() % 20; i > 0; --i) {
    batch.touches.push_back(
        {AnyNumber<uint32_t>(random), AnyNumber<uint32_t>(random), AnyValues(random)});
  }
  for (uint32_t i = (*random)() % 3; i > 0; --i) {
    batch.rebuilds.push_back({AnyNumber<uint32_t>(random), (*random)() % 2 == 0});
  }
  for (uint32_t i = (*random)() % 3; i > 0; --i) {
    model::LoadRange range;
    range.document = AnyNumber<uint32_t>(random);
    range.chunk = AnyNumber<uint32_t>(random);
    range.cut = AnyNumber<uint32_t>(random);
    range.relation = AnyNumber<uint32_t>(random);
    range.by_key = (*random)() % 2 == 0;
    range.first_page = AnyNumber<uint32_t>(random);
    range.end_page = AnyNumber<uint32_t>(random);
    range.after_key = AnyStrings(random);
    range.through_key = AnyStrings(random);
    batch.ranges.push_back(range);
  }
  return batch;
}

void ExpectSame(const model::Batch& a, const model::Batch& b) {
  EXPECT_EQ(a.floor, b.floor);
  EXPECT_EQ(a.last_commit, b.last_commit);
  EXPECT_EQ(a.complete_through, b.complete_through);
  EXPECT_EQ(a.xids, b.xids);
  EXPECT_EQ(a.touches, b.touches);
  EXPECT_EQ(a.rebuilds, b.rebuilds);
  EXPECT_EQ(a.ranges, b.ranges);
}

TEST(BatchCodec, GivesBackWhatItPacked) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int i = 0; i < 100; ++i) {
    const model::Batch batch = AnyBatch(&random);
    const std::string packed = PackBatch(batch);
    EXPECT_LE(packed.size(), PackedSizeBound(batch));
    auto unpacked = UnpackBatch(packed);
    ASSERT_TRUE(unpacked.ok()) << unpacked.error().message;
    ExpectSame(*unpacked, batch);
  }
}

TEST(BatchCodec, PacksTheEmptyBatch) {
  auto unpacked = UnpackBatch(PackBatch({}));
  ASSERT_TRUE(unpacked.ok());
  EXPECT_TRUE(unpacked->Empty());
}

// Ties the bytes down: a change of these is a new version.
TEST(BatchCodec, HasTheBytesOfVersionThree) {
  model::Batch batch;
  batch.floor.value = 1;
  batch.last_commit.value = 0x1234;
  batch.complete_through.value = 0x100000000;
  batch.xids = {7};
  batch.touches.push_back({0, 2, {"a", "", std::nullopt}});
  batch.rebuilds.push_back({3, true});
  model::LoadRange range;
  range.end_page = 9;
  range.by_key = true;
  range.through_key = {"z"};
  range.cut = 5;
  batch.ranges.push_back(range);
  using std::string_literals::operator""s;
  const std::string expected =
      "\x03"
      "\x97\x01\xcd\x12\x34\xcf\x00\x00\x00\x01\x00\x00\x00\x00"
      "\x91\x07"
      "\x91\x93\x00\x02\x93\xa1"
      "a\xa0\xc0"
      "\x91\x92\x03\xc3"
      "\x91\x99\x00\x00\x00\xc3\x00\x09\x90\x91\xa1z\x05"s;
  EXPECT_EQ(PackBatch(batch), expected);
}

TEST(BatchCodec, RefusesAnotherVersion) {
  std::string packed = PackBatch({});
  packed[0] = 1;
  auto unpacked = UnpackBatch(packed);
  ASSERT_FALSE(unpacked.ok());
  EXPECT_EQ(unpacked.error().kind, base::ErrorKind::kFatal);
  EXPECT_NE(unpacked.error().message.find("version 1"), std::string::npos);
}

TEST(BatchCodec, RefusesEveryTruncation) {
  Random random(1);
  model::Batch batch = AnyBatch(&random);
  batch.touches.resize(3);
  const std::string packed = PackBatch(batch);
  for (size_t size = 0; size < packed.size(); size += 1 + size / 200) {
    auto unpacked = UnpackBatch(std::string_view(packed).substr(0, size));
    ASSERT_FALSE(unpacked.ok()) << size;
    EXPECT_EQ(unpacked.error().kind, base::ErrorKind::kFatal);
  }
}

TEST(BatchCodec, RefusesBytesAfterTheEnd) {
  auto unpacked = UnpackBatch(PackBatch({}) + "x");
  ASSERT_FALSE(unpacked.ok());
  EXPECT_NE(unpacked.error().message.find("offset 9"), std::string::npos)
      << unpacked.error().message;
}

TEST(BatchCodec, RefusesWhatTheGrammarDoesNotName) {
  using std::string_literals::operator""s;
  for (const std::string& packed : {
           "\x03\x90"s,                                  // too few fields
           "\x03\x98\x00\x00\x00\x90\x90\x90\x90\x90"s,  // too many
           "\x03\x80"s,                                  // a map
           "\x03\x00"s,                                  // a number
           "\x03\x97\xff\x00\x00\x90\x90\x90\x90"s,      // negative
           "\x03\x97\xc0\x00\x00\x90\x90\x90\x90"s,      // nil
           "\x03\x97\x00\x00\x00\x00\x90\x90\x90"s,      // number for an array
           "\x03\x97\x90\x00\x00\x90\x90\x90\x90"s,      // array for a number
           "\x03\x97\x00\x00\x00\x91\xcf\x00\x00\x00\x01\x00\x00\x00\x00\x90\x90\x90"s,  // xid > 32
                                                                                         // bit
           "\x03\x97\x00\x00\x00\x91\xc3\x90\x90\x90"s,                      // boolean for an xid
           "\x03\x97\x00\x00\x00\x90\x91\x92\x00\x00\x90\x90"s,              // touch of two
           "\x03\x97\x00\x00\x00\x90\x91\x93\x00\x00\xa0\x90\x90"s,          // text for values
           "\x03\x97\x00\x00\x00\x90\x91\x93\x00\x00\x91\x00\x90\x90"s,      // number for a value
           "\x03\x97\x00\x00\x00\x90\x91\x93\x00\x00\xc0\x90\x90"s,          // nil for values
           "\x03\x97\x00\x00\x00\x90\x91\x93\x00\x00\x91\x91\xa0\x90\x90"s,  // too deep
           "\x03\x97\x00\x00\x00\x90\x90\x91\x92\x00\x01\x90"s,              // number for sweep
           "\x03\x97\x00\x00\x00\x90\x90\x90\x91\x98\x00\x00\x00\x00\x00\x00\x90\x90"s,  // for
                                                                                         // by_key
           "\x03\xc1"s,  // not msgpack
       }) {
    auto unpacked = UnpackBatch(packed);
    ASSERT_FALSE(unpacked.ok());
    EXPECT_EQ(unpacked.error().kind, base::ErrorKind::kFatal);
    EXPECT_NE(unpacked.error().message.find("offset"), std::string::npos);
  }
}

// An array or text that claims 4 GiB costs no memory; under a sanitizer's allocation limit it would
// show.
TEST(BatchCodec, DoesNotBelieveLengths) {
  using std::string_literals::operator""s;
  for (const std::string& packed : {
           "\x03\x97\x00\x00\x00\xdd\xff\xff\xff\xff"s,
           "\x03\x97\x00\x00\x00\x90\xdd\xff\xff\xff\xff"s,
           "\x03\x97\x00\x00\x00\x90\x91\x93\x00\x00\xdd\xff\xff\xff\xff"s,
           "\x03\x97\x00\x00\x00\x90\x91\x93\x00\x00\x91\xdb\xff\xff\xff\xff"s,
       }) {
    EXPECT_FALSE(UnpackBatch(packed).ok());
  }
}

// Whatever it accepts is a batch that it would pack, and a mutation never does more than fail.
TEST(BatchCodec, SurvivesMutations) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int i = 0; i < 600; ++i) {
    model::Batch batch = AnyBatch(&random);
    if (batch.touches.size() > 2) batch.touches.resize(2);
    std::string packed = PackBatch(batch);
    for (uint32_t n = 1 + random() % 4; n > 0; --n) {
      const size_t at = random() % packed.size();
      switch (random() % 3) {
        case 0:
          packed[at] = static_cast<char>(random());
          break;
        case 1:
          packed.erase(at, 1 + random() % 3);
          break;
        default:
          packed.insert(at, 1, static_cast<char>(random()));
          break;
      }
      if (packed.empty()) packed = "\x01";
    }
    auto unpacked = UnpackBatch(packed);
    if (!unpacked.ok()) {
      EXPECT_EQ(unpacked.error().kind, base::ErrorKind::kFatal);
      continue;
    }
    auto again = UnpackBatch(PackBatch(*unpacked));
    ASSERT_TRUE(again.ok());
    ExpectSame(*again, *unpacked);
  }
}

}  // namespace
}  // namespace wire
