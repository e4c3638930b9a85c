#include "consumer/app/load_board.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

namespace app {

LoadBoard::LoadBoard(const std::vector<model::LoadProgress>& stored) {
  for (const model::LoadProgress& progress : stored) {
    loads_.push_back({progress, progress::ChunkTracker(progress), {}});
  }
}

uint32_t LoadBoard::SetPlan(uint32_t document, const std::string& plan, uint32_t chunks,
                            bool by_key) {
  std::lock_guard lock(mutex_);
  Load& load = loads_[document];
  if (load.progress.plan != plan) {
    const uint64_t sweep_below = load.progress.sweep_below;
    load.progress = {};
    load.progress.plan = plan;
    load.progress.sweep_below = sweep_below;
    load.tracker = {};
  }
  load.progress.chunks = chunks;
  // Beyond the first gap the numbers of the last cutting by key mean nothing to the next.
  if (by_key) load.tracker = progress::ChunkTracker(StoredProgress(load));
  load.cut = by_key ? static_cast<uint32_t>(std::random_device{}())
                    : static_cast<uint32_t>(std::hash<std::string>{}(plan));
  ++revision_;
  return *load.cut;
}

model::LoadProgress LoadBoard::StoredProgress(const Load& load) {
  model::LoadProgress progress = load.progress;
  load.tracker.Store(&progress);
  return progress;
}

void LoadBoard::SetChunks(uint32_t document, uint32_t chunks) {
  std::lock_guard lock(mutex_);
  loads_[document].progress.chunks = chunks;
}

void LoadBoard::SetComplete(uint32_t document, base::Lsn settled) {
  std::lock_guard lock(mutex_);
  loads_[document].progress.complete = true;
  loads_[document].progress.settled = settled;
  loads_[document].progress.sweep_below = 0;
  ++revision_;
}

void LoadBoard::MarkDone(const model::LoadRange& range, uint64_t documents) {
  {
    std::lock_guard lock(mutex_);
    Load& load = loads_[range.document];
    if (load.cut != range.cut) return;
    const bool first_time =
        range.by_key ? load.tracker.MarkDoneThroughKey(range.chunk, KeyToJson(range.through_key))
                     : load.tracker.MarkDone(range.chunk);
    if (!first_time) return;
    load.progress.documents += documents;
    ++revision_;
  }
  changed_.notify_all();
}

bool LoadBoard::IsDone(uint32_t document, uint32_t chunk) const {
  std::lock_guard lock(mutex_);
  return loads_[document].tracker.IsDone(chunk);
}

uint32_t LoadBoard::NextUnfinished(uint32_t document, uint32_t chunk) const {
  std::lock_guard lock(mutex_);
  return loads_[document].tracker.NextUnfinished(chunk);
}

model::LoadProgress LoadBoard::Progress(uint32_t document) const {
  std::lock_guard lock(mutex_);
  return StoredProgress(loads_[document]);
}

bool LoadBoard::AllComplete() const {
  std::lock_guard lock(mutex_);
  for (const Load& load : loads_) {
    if (!load.progress.complete) return false;
  }
  return true;
}

bool LoadBoard::AllSettled(base::Lsn position) const {
  std::lock_guard lock(mutex_);
  return std::all_of(loads_.begin(), loads_.end(), [&](const Load& load) {
    return load.progress.complete && load.progress.settled <= position;
  });
}

uint64_t LoadBoard::Revision() const {
  std::lock_guard lock(mutex_);
  return revision_;
}

bool LoadBoard::WaitAllDone(uint32_t document, std::chrono::milliseconds wait) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, wait, [&] { return AllDone(loads_[document]); });
}

bool LoadBoard::AllDone(const Load& load) const {
  return load.tracker.DoneCount() >= load.progress.chunks;
}

std::string KeyToJson(const std::vector<std::string>& key) { return nlohmann::json(key).dump(); }

std::vector<std::string> KeyFromJson(const std::string& json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  std::vector<std::string> key;
  if (!parsed.is_array()) return key;
  for (const auto& part : parsed) {
    if (!part.is_string()) return {};
    key.push_back(part.get<std::string>());
  }
  return key;
}

}  // namespace app
