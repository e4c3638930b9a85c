#include "consumer/assemble/json_network_cell.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

namespace assemble {
namespace {

void AppendV4(const char* bytes, std::string* out) {
  const auto byte = [&](int i) { return static_cast<uint8_t>(bytes[i]); };
  fmt::format_to(std::back_inserter(*out), "{}.{}.{}.{}", byte(0), byte(1), byte(2), byte(3));
}

// As pg_inet_net_ntop in src/port writes it: the longest run of two or more zero words is "::", and
// what looks like an IPv4 address in disguise ends like one.
void AppendV6(const char* bytes, std::string* out) {
  constexpr int kWords = 8;
  std::array<uint16_t, kWords> words;
  for (size_t i = 0; i < kWords; ++i) words[i] = BigEndian<uint16_t>(bytes + 2 * i);
  int begin = -1, length = 0;
  for (int i = 0; i < kWords;) {
    int end = i;
    while (end < kWords && words[static_cast<size_t>(end)] == 0) ++end;
    if (end - i > length) {
      begin = i;
      length = end - i;
    }
    i = end + 1;
  }
  if (length < 2) begin = -1;
  const bool v4 = begin == 0 && (length == 6 || (length == 7 && words[7] != 1) ||
                                 (length == 5 && words[5] == 0xffff));
  for (int i = 0; i < kWords; ++i) {
    if (begin >= 0 && i >= begin && i < begin + length) {
      if (i == begin) out->push_back(':');
      continue;
    }
    if (i != 0) out->push_back(':');
    if (i == 6 && v4) {
      AppendV4(bytes + 12, out);
      return;
    }
    fmt::format_to(std::back_inserter(*out), "{:x}", words[static_cast<size_t>(i)]);
  }
  if (begin >= 0 && begin + length == kWords) out->push_back(':');
}

// inet_send: family (2 or 3), bits of the mask, is it a cidr, number of bytes, the bytes.
CellResult AppendAddress(std::string_view cell, bool mask_always, std::string* out) {
  constexpr char kV4 = 2, kV6 = 3;
  if (cell.size() < 4) return CellResult::kBadBytes;
  const bool v4 = cell[0] == kV4;
  const size_t bytes = v4 ? 4 : 16;
  const auto bits = static_cast<uint8_t>(cell[1]);
  if ((!v4 && cell[0] != kV6) || static_cast<uint8_t>(cell[3]) != bytes ||
      cell.size() != 4 + bytes || bits > 8 * bytes) {
    return CellResult::kBadBytes;
  }
  out->push_back('"');
  if (v4) {
    AppendV4(cell.data() + 4, out);
  } else {
    AppendV6(cell.data() + 4, out);
  }
  if (mask_always || bits != 8 * bytes) fmt::format_to(std::back_inserter(*out), "/{}", bits);
  out->push_back('"');
  return CellResult::kWritten;
}

}  // namespace

CellResult AppendInetCell(std::string_view cell, std::string* out) {
  return AppendAddress(cell, false, out);
}

CellResult AppendCidrCell(std::string_view cell, std::string* out) {
  return AppendAddress(cell, true, out);
}

}  // namespace assemble
