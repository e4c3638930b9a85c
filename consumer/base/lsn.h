// Lsn: a position in the write-ahead log, in bytes since the beginning of the cluster (XLogRecPtr).
// Text form as PostgreSQL prints it: two hexadecimal halves, "16/B374D848". 0/0 means "none".
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

struct Lsn {
  uint64_t value = 0;

  auto operator<=>(const Lsn&) const = default;
  explicit operator bool() const { return value != 0; }
};

std::string ToString(Lsn lsn);

// Returns nothing unless `text` is exactly two hexadecimal numbers of 1 to 8 digits joined by a
// slash.
std::optional<Lsn> ParseLsn(std::string_view text);

}  // namespace base
