#include "consumer/assemble/snapshot.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace assemble {
namespace {

std::optional<uint64_t> TakeNumber(std::string_view* text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return value;
}

bool TakeChar(std::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace

base::Result<Snapshot> Snapshot::Parse(std::string_view text) {
  std::string_view rest = text;
  Snapshot snapshot;
  const auto xmin = TakeNumber(&rest);
  const bool colon = TakeChar(&rest, ':');
  const auto xmax = TakeNumber(&rest);
  bool good = xmin && colon && xmax && TakeChar(&rest, ':');
  while (good && !rest.empty()) {
    const auto xid = TakeNumber(&rest);
    if (!xid) break;
    snapshot.running_.push_back(*xid);
    if (!TakeChar(&rest, ',')) break;
    good = !rest.empty();
  }
  if (!good || !rest.empty()) {
    return base::Fatal("pg_current_snapshot() returned \"" + std::string(text) +
                       "\"; expected \"xmin:xmax:xip,…\"");
  }
  snapshot.xmax_ = *xmax;
  std::sort(snapshot.running_.begin(), snapshot.running_.end());
  return snapshot;
}

uint64_t Snapshot::Version() const {
  constexpr uint64_t kMost = 65535;
  return xmax_ << 16 | (kMost - std::min<uint64_t>(running_.size(), kMost));
}

bool Snapshot::Shows(uint32_t xid) const {
  // The full id is the one nearest to xmax among those with these low 32 bits.
  const auto distance = static_cast<int32_t>(xid - static_cast<uint32_t>(xmax_));
  const uint64_t full = xmax_ + static_cast<uint64_t>(static_cast<int64_t>(distance));
  if (full >= xmax_) return false;
  return !std::binary_search(running_.begin(), running_.end(), full);
}

}  // namespace assemble
