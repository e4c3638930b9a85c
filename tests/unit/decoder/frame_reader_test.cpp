// The bounded msgpack reader behind pgsync_decode: it reads what the encoder writes and the golden
// frames to their ends, and no bytes whatever make it read outside of them (run under ASan).
#include "decoder/frame_reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "decoder/encoder.h"

namespace pgsync_wire {
namespace {

// Reads all tokens from a copy on the heap of exactly that size, so that ASan sees one byte too
// many. Returns how many there were; `whole` says whether the reader came to the end without a
// problem.
size_t CountTokens(const std::string& bytes, bool* whole) {
  const std::unique_ptr<char[]> exact(new char[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), exact.get());
  FrameReader reader({exact.get(), bytes.size()});
  size_t tokens = 0;
  volatile unsigned char last_byte = 0;  // touches all bytes that the reader hands out
  Token token;
  while (!reader.AtEnd() && reader.Next(&token)) {
    ++tokens;
    for (const char c : token.bytes) last_byte = static_cast<unsigned char>(c);
  }
  *whole = reader.AtEnd() && reader.problem() == nullptr;
  EXPECT_LE(reader.Position(), bytes.size());
  EXPECT_TRUE(*whole || reader.problem() != nullptr);
  (void)last_byte;
  return tokens;
}

std::vector<std::string> GoldenFrames() {
  std::vector<std::string> frames;
  const std::filesystem::path folder = std::string(PGSYNC_SOURCE_DIR) + "/tests/golden";
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".bin") continue;
    std::ifstream in(file.path(), std::ios::binary);
    frames.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return frames;
}

struct StringSink {
  std::string bytes;
  void write(const char* data, size_t size) { bytes.append(data, size); }
};

TEST(FrameReader, ReadsEveryKindOfTokenThatTheEncoderWrites) {
  StringSink sink;
  Encoder<StringSink> encoder(sink);
  encoder.Version();
  encoder.Insert(70000, 3);
  encoder.Int(-70000);
  encoder.Double(0.25);
  encoder.Timestamp(1);
  encoder.Message(false, 1, "p", "content");

  FrameReader reader(sink.bytes);
  Token token;
  ASSERT_TRUE(reader.Next(&token));
  EXPECT_EQ(token.natural, kVersion);
  ASSERT_TRUE(reader.Next(&token));
  EXPECT_EQ(token.kind, Token::Kind::kArray);
  EXPECT_EQ(token.elements, 3u);
  ASSERT_TRUE(reader.Next(&token) && reader.Next(&token));
  EXPECT_EQ(token.natural, 70000u);
  ASSERT_TRUE(reader.Next(&token) && reader.Next(&token));
  EXPECT_EQ(token.kind, Token::Kind::kInt);
  EXPECT_EQ(token.integer, -70000);
  ASSERT_TRUE(reader.Next(&token));
  EXPECT_EQ(token.double_float, 0.25);
  ASSERT_TRUE(reader.Next(&token));
  EXPECT_EQ(token.kind, Token::Kind::kExt);
  EXPECT_EQ(token.ext, static_cast<int8_t>(Ext::kTimestamp));
  EXPECT_EQ(token.bytes, std::string_view("\0\0\0\0\0\0\0\1", 8));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(reader.Next(&token));
  EXPECT_EQ(token.bytes, "p");
  ASSERT_TRUE(reader.Next(&token));
  EXPECT_EQ(token.kind, Token::Kind::kBin);
  EXPECT_EQ(token.bytes, "content");
  EXPECT_TRUE(reader.AtEnd());
}

TEST(FrameReader, ReadsAllGoldenFramesToTheEnd) {
  const std::vector<std::string> frames = GoldenFrames();
  ASSERT_GT(frames.size(), 10u);
  for (const std::string& frame : frames) {
    bool whole = false;
    // The version, an array, its tag and at least one field.
    EXPECT_GE(CountTokens(frame, &whole), 4u);
    EXPECT_TRUE(whole);
  }
}

TEST(FrameReader, StaysInsideOfEveryTruncation) {
  for (const std::string& frame : GoldenFrames()) {
    if (frame.size() > 4096) continue;
    for (size_t size = 0; size < frame.size(); ++size) {
      bool whole;
      CountTokens(frame.substr(0, size), &whole);
    }
  }
}

TEST(FrameReader, StaysInsideOfRandomBytes) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 50000; ++round) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    bool whole;
    CountTokens(bytes, &whole);
  }
}

TEST(FrameReader, RefusesAnArrayThatCannotFit) {
  FrameReader reader(std::string_view("\xdd\xff\xff\xff\xff\xc0", 6));
  Token token;
  EXPECT_FALSE(reader.Next(&token));
  EXPECT_STREQ(reader.problem(), "an array is longer than the frame");
}

}  // namespace
}  // namespace pgsync_wire
