// ChunkTracker: which chunks of a load are in the target. Chunks finish in any order; what is
// stored is "all below n" plus the few beyond the first gap, so a killed load goes on at the first
// unfinished chunk.
//
// Chunks by key are cut as the load goes: their numbers beyond the first gap mean nothing to
// another run, whose cuts fall elsewhere. For those only the part below the gap, with its upper
// key, is stored. Pure. Not thread safe; its owner locks.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "consumer/model/sync_state.h"

namespace progress {

class ChunkTracker {
 public:
  ChunkTracker() = default;
  // Goes on from what Store wrote. The plan's identity is the caller's to compare beforehand.
  explicit ChunkTracker(const model::LoadProgress& stored);

  // Return false if the chunk was done already (it was delivered twice), so that its documents are
  // not counted twice.
  bool MarkDone(uint32_t chunk);
  // The same for a chunk by key; `last_key_json` is its upper bound.
  bool MarkDoneThroughKey(uint32_t chunk, std::string last_key_json);

  bool IsDone(uint32_t chunk) const;
  uint32_t FirstUnfinished() const { return done_below_; }
  // Returns the first unfinished chunk at or after `chunk`.
  uint32_t NextUnfinished(uint32_t chunk) const;
  uint32_t DoneCount() const { return done_below_ + static_cast<uint32_t>(done_above_.size()); }

  // Writes done_below, done_above and last_key_json; leaves the other fields alone.
  void Store(model::LoadProgress* progress) const;

 private:
  bool Mark(uint32_t chunk, std::string last_key_json);

  uint32_t done_below_ = 0;
  std::string last_key_json_;                   // of chunk done_below_ - 1, for chunks by key
  std::map<uint32_t, std::string> done_above_;  // beyond the first gap, with their upper keys
  bool by_key_ = false;
};

}  // namespace progress
