#include "consumer/base/json_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace base {
namespace {

// 0 = copy, 'u' = \u00XX, anything else = the letter after the backslash.
constexpr std::array<char, 256> EscapeTable() {
  std::array<char, 256> table{};
  for (int c = 0; c < 0x20; ++c) table[c] = 'u';
  table['"'] = '"';
  table['\\'] = '\\';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  return table;
}

constexpr std::array<char, 256> kEscape = EscapeTable();
constexpr char kHex[] = "0123456789abcdef";

// True when one of the 8 bytes needs an escape. Each term sets the high bit of a byte that is less
// than 0x20, or equal to the quote or the backslash.
bool AnyEscape(const char* bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = kOnes * 0x80;
  uint64_t x;
  std::memcpy(&x, bytes, sizeof x);
  const uint64_t quote = x ^ (kOnes * '"'), backslash = x ^ (kOnes * '\\');
  return (((x - kOnes * 0x20) & ~x) | ((quote - kOnes) & ~quote) |
          ((backslash - kOnes) & ~backslash)) &
         kHigh;
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t copied = 0;
  for (size_t i = 0; i < text.size();) {
    // Most texts have nothing to escape.
    if (text.size() - i >= 8 && !AnyEscape(text.data() + i)) {
      i += 8;
      continue;
    }
    for (const size_t end = std::min(i + 8, text.size()); i < end; ++i) {
      const auto c = static_cast<unsigned char>(text[i]);
      const char escape = kEscape[c];
      if (escape == 0) continue;
      out->append(text, copied, i - copied);
      copied = i + 1;
      out->push_back('\\');
      out->push_back(escape);
      if (escape == 'u') {
        out->append("00");
        out->push_back(kHex[c >> 4]);
        out->push_back(kHex[c & 15]);
      }
    }
  }
  out->append(text, copied, std::string_view::npos);
  out->push_back('"');
}

}  // namespace base
