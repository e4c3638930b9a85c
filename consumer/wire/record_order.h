// RecordOrder: which record may follow which in one session, by WIRE_FORMAT.md ("Frames",
// "Transactions in progress"). Knows the transactions of which blocks came and that have not ended.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

#include "consumer/model/row_change.h"
#include "decoder/wire_format.h"

namespace wire {

// Options that the plugin was asked for. Records of others are wrong.
struct Asked {
  bool streaming = false;
  bool statistics = false;
};

class RecordOrder {
 public:
  explicit RecordOrder(Asked asked) : asked_(asked) {}

  // Returns what is wrong with this record at this place, "" if nothing. `record` is null for a
  // relation.
  std::string Take(pgsync_wire::Tag tag, const model::Record* record);

  // Neither in a transaction nor in a block: here frames end.
  bool BetweenTransactions() const { return place_ == Place::kBetween; }

 private:
  enum class Place : uint8_t { kBetween, kInTransaction, kInBlock };

  std::string Wrong(const char* what) const;
  std::string TakeBetween(pgsync_wire::Tag tag, const model::Record& record);
  std::string TakeStreamStart(const model::StreamStart& start);
  std::string End(uint32_t xid, bool wholly);

  Asked asked_;
  Place place_ = Place::kBetween;
  std::unordered_set<uint32_t> open_;  // xids
};

}  // namespace wire
