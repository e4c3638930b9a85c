#include "consumer/sink/search_text.h"

#include <cstdint>
#include <optional>

namespace sink {
namespace {

std::optional<uint32_t> Hex4(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<uint32_t>(digit);
  }
  return value;
}

void AppendUtf8(uint32_t c, std::string* out) {
  const auto byte = [out](uint32_t b) { out->push_back(static_cast<char>(b)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6);
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3F));
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}

// Appends the escape after the backslash at `at`; returns the position behind it. Half surrogates
// and NUL become spaces.
size_t AppendEscape(std::string_view json, size_t at, std::string* out) {
  if (at + 1 >= json.size()) return json.size();
  const char letter = json[at + 1];
  if (letter != 'u') {
    const bool space =
        letter == 'n' || letter == 't' || letter == 'r' || letter == 'b' || letter == 'f';
    out->push_back(space ? ' ' : letter);
    return at + 2;
  }
  const auto first = Hex4(json, at + 2);
  if (!first) return at + 2;
  if (*first >= 0xD800 && *first < 0xDC00 && json.substr(at + 6, 2) == "\\u") {
    const auto second = Hex4(json, at + 8);
    if (second && *second >= 0xDC00 && *second < 0xE000) {
      AppendUtf8(0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00), out);
      return at + 12;
    }
  }
  const bool printable = *first >= 0x20 && (*first < 0xD800 || *first >= 0xE000);
  AppendUtf8(printable ? *first : ' ', out);
  return at + 6;
}

}  // namespace

void AppendSearchText(std::string_view json, std::string* out) {
  size_t at = 0;
  while ((at = json.find('"', at)) != std::string_view::npos) {
    const size_t kept = out->size();
    ++at;
    for (;;) {
      const size_t special = json.find_first_of("\"\\", at);
      out->append(json.substr(at, special == std::string_view::npos ? special : special - at));
      if (special == std::string_view::npos) return;
      at = special;
      if (json[at] == '"') break;
      at = AppendEscape(json, at, out);
    }
    ++at;
    // A string before a colon is a key.
    const size_t next = json.find_first_not_of(" \t\r\n", at);
    if (next != std::string_view::npos && json[next] == ':') {
      out->resize(kept);
    } else {
      out->push_back(' ');
    }
  }
}

}  // namespace sink
