// BuildFence: lets a sweep wait until every build that was under way when it asked has been written
// or given up. A sweep deletes what it finds; a document that an older build writes a moment later
// would have nobody to delete it. Thread safe.
//
// Of builds in other processes nobody tells us. But no build is written later than some time after
// it was read (kStale in worker.cpp), so where there are others, that time is waited for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>

#include "consumer/base/stop.h"

namespace app {

class BuildFence {
 public:
  // `others`: how long builds of other processes may take; 0: there are none.
  explicit BuildFence(std::chrono::seconds others = {}) : others_(others) {}

  uint64_t Enter() {
    std::lock_guard lock(mutex_);
    under_way_.insert(++last_);
    return last_;
  }

  void Leave(uint64_t ticket) {
    {
      std::lock_guard lock(mutex_);
      under_way_.erase(ticket);
    }
    changed_.notify_all();
  }

  // Returns true when everything that entered before this call has left; false when `stop` came
  // first. REQUIRES: the caller has left.
  bool WaitForEarlier(const base::StopSignal& stop) {
    if (others_.count() > 0 && stop.WaitFor(others_)) return false;
    std::unique_lock lock(mutex_);
    const uint64_t before = last_;
    while (!under_way_.empty() && *under_way_.begin() <= before) {
      changed_.wait_for(lock, std::chrono::milliseconds(100));
      if (stop.Requested()) return false;
    }
    return true;
  }

 private:
  const std::chrono::seconds others_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<uint64_t> under_way_;
  uint64_t last_ = 0;
};

}  // namespace app
