// Snapshot: what pg_current_snapshot() says, and the two questions asked of it: which version do
// documents read in it have (design D3), and does it show the transactions a batch came from
// (design D4). Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"

namespace assemble {

class Snapshot {
 public:
  // `text` is the output of pg_snapshot: "xmin:xmax:xip,xip,…".
  static base::Result<Snapshot> Parse(std::string_view text);

  // Ordinal among all snapshots of one server: xmax never goes back, and for the same xmax the list
  // of running transactions only shrinks. Fits 63 bits for the next 2^47 transactions.
  uint64_t Version() const;

  // True when the transaction with this 32-bit id (as WAL carries it) is no longer running and not
  // in the future. REQUIRES: the transaction is less than 2^31 ids away, which PostgreSQL itself
  // guarantees.
  bool Shows(uint32_t xid) const;

 private:
  uint64_t xmax_ = 0;
  std::vector<uint64_t> running_;  // ascending
};

}  // namespace assemble
