#include "consumer/app/load_board.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

namespace app {

using std::chrono::steady_clock;

LoadBoard::LoadBoard(const std::vector<model::LoadProgress>& stored,
                     const std::vector<bool>& wanted) {
  for (const model::LoadProgress& progress : stored) {
    Load& load = loads_.emplace_back();
    load.progress = progress;
    load.tracker = progress::ChunkTracker(progress);
    load.wanted = wanted.empty() || wanted[loads_.size() - 1];
    load.stored_chunks = load.tracker.DoneCount();
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
    load.stored_chunks = 0;
    load.since.reset();
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
  if (load.since) {
    progress.milliseconds += static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - *load.since)
            .count());
  }
  return progress;
}

void LoadBoard::SetExpected(uint32_t document, uint64_t documents) {
  std::lock_guard lock(mutex_);
  Load& load = loads_[document];
  load.progress.expected = documents;
  if (!load.since) load.since = steady_clock::now();
}

void LoadBoard::SetChunks(uint32_t document, uint32_t chunks) {
  std::lock_guard lock(mutex_);
  loads_[document].progress.chunks = chunks;
}

void LoadBoard::SetComplete(uint32_t document, base::Lsn settled) {
  std::lock_guard lock(mutex_);
  Load& load = loads_[document];
  load.progress.milliseconds = StoredProgress(load).milliseconds;
  load.since.reset();
  load.progress.complete = true;
  load.progress.settled = settled;
  load.progress.sweep_below = 0;
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

bool LoadBoard::Wanted(uint32_t document) const {
  std::lock_guard lock(mutex_);
  return loads_[document].wanted;
}

bool LoadBoard::WantedComplete() const {
  std::lock_guard lock(mutex_);
  return std::all_of(loads_.begin(), loads_.end(),
                     [](const Load& load) { return !load.wanted || load.progress.complete; });
}

bool LoadBoard::Settled(const Load& load, base::Lsn position) {
  return load.progress.complete && load.progress.settled <= position;
}

bool LoadBoard::WantedSettled(base::Lsn position) const {
  std::lock_guard lock(mutex_);
  return std::all_of(loads_.begin(), loads_.end(),
                     [&](const Load& load) { return !load.wanted || Settled(load, position); });
}

bool LoadBoard::AllSettled(base::Lsn position) const {
  std::lock_guard lock(mutex_);
  return std::all_of(loads_.begin(), loads_.end(),
                     [&](const Load& load) { return Settled(load, position); });
}

void LoadBoard::SetStored(uint32_t document, const model::LoadProgress& progress) {
  {
    std::lock_guard lock(mutex_);
    Load& load = loads_[document];
    if (load.progress.plan != progress.plan) return;
    load.stored_chunks = progress.done_below + static_cast<uint32_t>(progress.done_above.size());
  }
  changed_.notify_all();
}

uint32_t LoadBoard::Unstored() const {
  std::lock_guard lock(mutex_);
  uint32_t unstored = 0;
  for (const Load& load : loads_) {
    unstored += load.tracker.DoneCount() - std::min(load.stored_chunks, load.tracker.DoneCount());
  }
  return unstored;
}

uint32_t LoadBoard::StoredChunks(uint32_t document) const {
  std::lock_guard lock(mutex_);
  return loads_[document].stored_chunks;
}

uint32_t LoadBoard::DoneChunks(uint32_t document) const {
  std::lock_guard lock(mutex_);
  return loads_[document].tracker.DoneCount();
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
