// Reading the bytes of binary cells, for the files that write them as JSON.
#pragma once

#include <cstdint>
#include <type_traits>

namespace assemble {

// A number of the type's size in network order. (Compilers make one instruction of it.)
template <typename Integer>
Integer BigEndian(const char* bytes) {
  std::make_unsigned_t<Integer> value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    value = static_cast<decltype(value)>(static_cast<uint64_t>(value) << 8 |
                                         static_cast<uint8_t>(bytes[i]));
  }
  return static_cast<Integer>(value);
}

// Two lower-case hexadecimal digits; returns what is behind them.
inline char* WriteHex(char byte, char* at) {
  constexpr char kDigits[] = "0123456789abcdef";
  *at++ = kDigits[static_cast<uint8_t>(byte) >> 4];
  *at++ = kDigits[static_cast<uint8_t>(byte) & 15];
  return at;
}

}  // namespace assemble
