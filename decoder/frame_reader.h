// FrameReader: reads the msgpack of a frame inside the server, for pgsync_decode. It takes any
// bytes: every read is bounds checked, nothing recurses, and the first thing that does not fit
// stops it with a sentence. Pure and free of allocation. (msgpack's own parser needs exceptions;
// the consumer, outside the server, uses that one.)
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pgsync_wire {

struct Token {
  enum class Kind : uint8_t { kNil, kBool, kUint, kInt, kFloat, kDouble, kStr, kBin, kArray, kExt };
  Kind kind = Kind::kNil;
  bool boolean = false;
  uint64_t natural = 0;         // kUint
  int64_t integer = 0;          // kInt: negative
  float single_float = 0;       // kFloat
  double double_float = 0;      // kDouble
  uint32_t elements = 0;        // kArray
  int8_t ext = 0;               // kExt
  std::string_view bytes = {};  // kStr, kBin, kExt: borrowed from the frame
};

class FrameReader {
 public:
  explicit FrameReader(std::string_view frame) : frame_(frame) {}

  bool AtEnd() const { return at_ == frame_.size(); }
  size_t Position() const { return at_; }
  // What is wrong, for a message; null as long as nothing is.
  const char* problem() const { return problem_; }

  // Reads one token; an array's elements are the tokens after it. Returns false and sets problem()
  // if the bytes do not fit.
  bool Next(Token* token) {
    uint64_t first;
    *token = Token();
    if (!Number(1, &first)) return false;
    if (first <= 0x7f) return Natural(token, first);
    if (first >= 0xe0) return Integer(token, static_cast<int8_t>(first));
    if ((first & 0xf0) == 0x90) return Array(token, first & 0x0f);
    if ((first & 0xe0) == 0xa0) return Bytes(token, Token::Kind::kStr, first & 0x1f);
    return Tagged(token, static_cast<uint8_t>(first));
  }

 private:
  bool Tagged(Token* token, uint8_t first) {
    using Kind = Token::Kind;
    uint64_t n = 0;
    switch (first) {
      case 0xc0:
        return true;
      case 0xc2:
      case 0xc3:
        token->kind = Kind::kBool;
        token->boolean = first == 0xc3;
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return Number(1u << (first - 0xc4), &n) && Bytes(token, Kind::kBin, n);
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return Number(1u << (first - 0xc7), &n) && Extension(token, n);
      case 0xca:
        token->kind = Kind::kFloat;
        if (!Number(4, &n)) return false;
        token->single_float = std::bit_cast<float>(static_cast<uint32_t>(n));
        return true;
      case 0xcb:
        token->kind = Kind::kDouble;
        if (!Number(8, &n)) return false;
        token->double_float = std::bit_cast<double>(n);
        return true;
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return Number(1u << (first - 0xcc), &n) && Natural(token, n);
      case 0xd0:
        return Number(1, &n) && Integer(token, static_cast<int8_t>(n));
      case 0xd1:
        return Number(2, &n) && Integer(token, static_cast<int16_t>(n));
      case 0xd2:
        return Number(4, &n) && Integer(token, static_cast<int32_t>(n));
      case 0xd3:
        return Number(8, &n) && Integer(token, static_cast<int64_t>(n));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return Extension(token, uint64_t{1} << (first - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return Number(1u << (first - 0xd9), &n) && Bytes(token, Kind::kStr, n);
      case 0xdc:
      case 0xdd:
        return Number(first == 0xdc ? 2 : 4, &n) && Array(token, n);
      default:
        return Fail("a msgpack type that the format does not use");
    }
  }

  bool Fail(const char* problem) {
    if (problem_ == nullptr) problem_ = problem;
    return false;
  }

  bool Number(size_t size, uint64_t* value) {
    if (frame_.size() - at_ < size) return Fail("the frame ends too early");
    *value = 0;
    for (size_t i = 0; i < size; ++i) {
      *value = *value << 8 | static_cast<uint8_t>(frame_[at_++]);
    }
    return true;
  }

  bool Natural(Token* token, uint64_t value) {
    token->kind = Token::Kind::kUint;
    token->natural = value;
    return true;
  }

  bool Integer(Token* token, int64_t value) {
    if (value >= 0) return Natural(token, static_cast<uint64_t>(value));
    token->kind = Token::Kind::kInt;
    token->integer = value;
    return true;
  }

  bool Array(Token* token, uint64_t elements) {
    // Every element has at least one byte, so a longer array than the rest of the frame is garbage.
    if (elements > frame_.size() - at_) return Fail("an array is longer than the frame");
    token->kind = Token::Kind::kArray;
    token->elements = static_cast<uint32_t>(elements);
    return true;
  }

  bool Bytes(Token* token, Token::Kind kind, uint64_t size) {
    if (size > frame_.size() - at_) return Fail("the frame ends too early");
    token->kind = kind;
    token->bytes = std::string_view(frame_.data() + at_, size);
    at_ += size;
    return true;
  }

  bool Extension(Token* token, uint64_t size) {
    uint64_t type;
    if (!Number(1, &type)) return false;
    token->ext = static_cast<int8_t>(type);
    return Bytes(token, Token::Kind::kExt, size);
  }

  std::string_view frame_;
  size_t at_ = 0;
  const char* problem_ = nullptr;
};

}  // namespace pgsync_wire
