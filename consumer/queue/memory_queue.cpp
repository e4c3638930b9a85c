// The queue inside one process: two lanes under one mutex. Batches wait in packed form, which takes
// a seventh of their memory, so that the limits are what the process needs. Lost with the process,
// which is as good as a lost Redis: the slot has it all.
#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "consumer/progress/ack_tracker.h"
#include "consumer/queue/queue.h"
#include "consumer/wire/batch_codec.h"

namespace queue {
namespace {

using Clock = std::chrono::steady_clock;

struct Waiting {
  std::string id;
  progress::AckTracker::Ticket ticket = 0;  // stream lane only
  // Shared with a taker that unpacks it while somebody drops the queue.
  std::shared_ptr<const std::string> packed;

  size_t bytes() const { return packed->size(); }
};

struct LaneState {
  std::deque<Waiting> waiting;
  size_t entries = 0, bytes = 0;  // waiting and taken
};

struct Taken {
  Lane lane = Lane::kStream;
  const void* taker = nullptr;  // the Consumer; compared, never followed
  Waiting entry;                // a taker that goes away undone gives it back
};

// What producer and consumers share. Owned by the MemoryQueue, which outlives them.
struct Shared {
  explicit Shared(Limits limits) : limits(limits) {}

  const Limits limits;
  std::mutex mutex;
  std::condition_variable added;
  LaneState stream, load;
  std::map<std::string, Taken> taken;
  progress::AckTracker acks;
  base::Lsn confirmed;     // by the last Open
  base::Lsn read_through;  // all up to here was added, as far as it mattered
  uint64_t next_id = 1;
  uint64_t opened = 0;  // how often; the number of the producer that owns the queue

  LaneState& Of(Lane lane) { return lane == Lane::kStream ? stream : load; }
  size_t LimitOf(Lane lane) const {
    return lane == Lane::kStream ? limits.stream_bytes : limits.load_bytes;
  }
};

base::Error TakenOver() {
  return base::Reconnect("the memory queue was not opened by this producer or was taken over");
}

class MemoryProducer : public Producer {
 public:
  explicit MemoryProducer(Shared* shared) : shared_(shared) {}

  base::Result<base::Lsn> Open(base::Lsn confirmed, const std::string&, bool) override {
    std::lock_guard lock(shared_->mutex);
    generation_ = ++shared_->opened;
    shared_->confirmed = std::max(shared_->confirmed, confirmed);
    shared_->read_through = std::max(shared_->read_through, confirmed);
    shared_->acks.Advance(shared_->read_through);
    return shared_->read_through;
  }

  base::Result<bool> TryAdd(Lane lane, const model::Batch& batch) override {
    const size_t bound = wire::PackedSizeBound(batch);
    {
      std::lock_guard lock(shared_->mutex);
      if (!Owns()) return TakenOver();
      const LaneState& state = shared_->Of(lane);
      if (state.entries > 0 && state.bytes + bound > shared_->LimitOf(lane)) return false;
    }
    // Meanwhile the lane can only become emptier: each has one thread that adds.
    std::string bytes = wire::PackBatch(batch);
    bytes.shrink_to_fit();
    auto packed = std::make_shared<const std::string>(std::move(bytes));
    {
      std::lock_guard lock(shared_->mutex);
      if (!Owns()) return TakenOver();
      LaneState& state = shared_->Of(lane);
      Waiting entry{std::to_string(shared_->next_id++), 0, std::move(packed)};
      state.bytes += entry.bytes();
      if (lane == Lane::kStream) {
        entry.ticket = shared_->acks.Enter(batch.floor);
        shared_->read_through = std::max(shared_->read_through, batch.complete_through);
      }
      state.waiting.push_back(std::move(entry));
      ++state.entries;
    }
    shared_->added.notify_one();
    return true;
  }

  void Advance(base::Lsn lsn) override {
    std::lock_guard lock(shared_->mutex);
    if (!Owns()) return;
    shared_->read_through = std::max(shared_->read_through, lsn);
    shared_->acks.Advance(lsn);
  }

  base::Result<base::Lsn> LowWater() override {
    std::lock_guard lock(shared_->mutex);
    if (!Owns()) return TakenOver();
    return std::max(shared_->confirmed, shared_->acks.LowWater());
  }

  base::Result<Depth> DepthOf(Lane lane) override {
    std::lock_guard lock(shared_->mutex);
    const LaneState& state = shared_->Of(lane);
    return Depth{state.entries, state.bytes};
  }

  base::Status ClearLoad() override {
    std::lock_guard lock(shared_->mutex);
    if (!Owns()) return TakenOver();
    shared_->load = LaneState{};
    std::erase_if(shared_->taken, [](const auto& item) { return item.second.lane == Lane::kLoad; });
    return {};
  }

 private:
  bool Owns() const { return generation_ != 0 && generation_ == shared_->opened; }

  Shared* const shared_;
  uint64_t generation_ = 0;
};

class MemoryConsumer : public Consumer {
 public:
  explicit MemoryConsumer(Shared* shared) : shared_(shared) {}

  // What was taken and never done goes back to the front, in order: its worker died.
  ~MemoryConsumer() override {
    {
      std::lock_guard lock(shared_->mutex);
      std::vector<Taken> undone;
      for (auto item = shared_->taken.begin(); item != shared_->taken.end();) {
        if (item->second.taker != this) {
          ++item;
          continue;
        }
        undone.push_back(std::move(item->second));
        item = shared_->taken.erase(item);
      }
      std::sort(undone.begin(), undone.end(), [](const Taken& a, const Taken& b) {
        return std::stoull(a.entry.id) > std::stoull(b.entry.id);
      });
      for (Taken& taken : undone) {
        shared_->Of(taken.lane).waiting.push_front(std::move(taken.entry));
      }
    }
    shared_->added.notify_all();
  }

  base::Result<std::vector<Entry>> Take(size_t max_bytes, std::chrono::milliseconds wait) override {
    const std::vector<Packed> taken = TakePacked(max_bytes, wait);
    std::vector<Entry> entries;
    for (const auto& [lane, id, packed] : taken) {
      auto batch = wire::UnpackBatch(*packed);
      if (!batch) return std::move(batch).error();
      entries.push_back({lane, id, std::move(*batch)});
    }
    return entries;
  }

  base::Status Done(const std::vector<Entry>& entries) override {
    std::lock_guard lock(shared_->mutex);
    for (const Entry& entry : entries) {
      auto taken = shared_->taken.find(entry.id);
      if (taken == shared_->taken.end()) continue;
      LaneState& state = shared_->Of(taken->second.lane);
      --state.entries;
      state.bytes -= taken->second.entry.bytes();
      if (taken->second.lane == Lane::kStream) shared_->acks.Finish(taken->second.entry.ticket);
      shared_->taken.erase(taken);
    }
    return {};
  }

 private:
  struct Packed {
    Lane lane;
    std::string id;
    std::shared_ptr<const std::string> bytes;
  };

  std::vector<Packed> TakePacked(size_t max_bytes, std::chrono::milliseconds wait) {
    std::unique_lock lock(shared_->mutex);
    shared_->added.wait_until(lock, Clock::now() + wait, [this] {
      return !shared_->stream.waiting.empty() || !shared_->load.waiting.empty();
    });
    const Lane lane = shared_->stream.waiting.empty() ? Lane::kLoad : Lane::kStream;
    std::deque<Waiting>& waiting = shared_->Of(lane).waiting;
    std::vector<Packed> entries;
    size_t bytes = 0;
    // A range of the load is much work in few bytes: one at a time, so that all workers get some
    // and changes overtake them.
    const size_t most = lane == Lane::kLoad ? 1 : SIZE_MAX;
    while (!waiting.empty() && entries.size() < most &&
           (entries.empty() || bytes + waiting.front().bytes() <= max_bytes)) {
      Waiting& next = waiting.front();
      bytes += next.bytes();
      entries.push_back({lane, next.id, next.packed});
      std::string id = next.id;
      shared_->taken.emplace(std::move(id), Taken{lane, this, std::move(next)});
      waiting.pop_front();
    }
    return entries;
  }

  Shared* const shared_;
};

class MemoryQueue : public Queue {
 public:
  explicit MemoryQueue(Limits limits) : shared_(limits) {}

  std::unique_ptr<Producer> NewProducer() override {
    return std::make_unique<MemoryProducer>(&shared_);
  }
  std::unique_ptr<Consumer> NewConsumer(const std::string&, const std::string&) override {
    return std::make_unique<MemoryConsumer>(&shared_);
  }
  base::Status Probe() override { return {}; }

  base::Status Drop() override {
    std::lock_guard lock(shared_.mutex);
    shared_.stream = LaneState{};
    shared_.load = LaneState{};
    shared_.taken.clear();
    shared_.acks = progress::AckTracker();
    shared_.confirmed = {};
    shared_.read_through = {};
    ++shared_.opened;  // no producer owns what is not there
    return {};
  }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<Queue> MakeMemoryQueue(Limits limits) {
  return std::make_unique<MemoryQueue>(limits);
}

}  // namespace queue
