// Tokens: one msgpack value, flattened. An array is a token with its element count, followed by the
// elements. msgpack-c does the parsing and calls back in; nothing is copied out of the frame, and
// nothing is allocated for lengths that are only claimed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace wire {

struct Token {
  enum class Type : uint8_t { kNil, kBool, kUint, kInt, kFloat, kDouble, kStr, kBin, kExt, kArray };
  Type type = Type::kNil;
  int8_t ext = 0;     // of a kExt
  uint32_t size = 0;  // bytes or elements
  union {
    uint64_t u;
    int64_t i;  // always negative: the others are kUint
    float f;
    double d;
    const char* bytes;  // in the frame
  };

  std::string_view View() const { return {bytes, size}; }
};

// Parses the one value at *offset into `tokens` (replacing what it held) and moves *offset behind
// it. Returns what is wrong with the bytes, "" if nothing. Arrays deeper than a record can be, and
// maps, are wrong.
std::string_view Tokenize(std::string_view frame, size_t* offset, std::vector<Token>* tokens);

}  // namespace wire
