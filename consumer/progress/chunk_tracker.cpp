#include "consumer/progress/chunk_tracker.h"

#include <utility>

namespace progress {

ChunkTracker::ChunkTracker(const model::LoadProgress& stored)
    : done_below_(stored.done_below),
      last_key_json_(stored.last_key_json),
      by_key_(!stored.last_key_json.empty()) {
  if (by_key_) return;
  for (uint32_t chunk : stored.done_above) MarkDone(chunk);
}

bool ChunkTracker::MarkDone(uint32_t chunk) { return Mark(chunk, {}); }

bool ChunkTracker::MarkDoneThroughKey(uint32_t chunk, std::string last_key_json) {
  by_key_ = true;
  return Mark(chunk, std::move(last_key_json));
}

bool ChunkTracker::Mark(uint32_t chunk, std::string last_key_json) {
  if (IsDone(chunk)) return false;
  done_above_.emplace(chunk, std::move(last_key_json));
  while (!done_above_.empty() && done_above_.begin()->first == done_below_) {
    last_key_json_ = std::move(done_above_.begin()->second);
    done_above_.erase(done_above_.begin());
    ++done_below_;
  }
  return true;
}

bool ChunkTracker::IsDone(uint32_t chunk) const {
  return chunk < done_below_ || done_above_.contains(chunk);
}

uint32_t ChunkTracker::NextUnfinished(uint32_t chunk) const {
  if (chunk < done_below_) chunk = done_below_;
  for (auto done = done_above_.find(chunk); done != done_above_.end() && done->first == chunk;
       ++done) {
    ++chunk;
  }
  return chunk;
}

void ChunkTracker::Store(model::LoadProgress* progress) const {
  progress->done_below = done_below_;
  progress->last_key_json = last_key_json_;
  progress->done_above.clear();
  if (by_key_) return;
  for (const auto& [chunk, key] : done_above_) progress->done_above.push_back(chunk);
}

}  // namespace progress
