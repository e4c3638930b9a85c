// StopSignal: "finish and leave", told once by the owner of the threads and seen by all of them.
// Waiting on it is how a thread sleeps without being deaf. Thread safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace base {

class StopSignal {
 public:
  void Request() {
    {
      std::lock_guard lock(mutex_);
      requested_ = true;
      for (StopSignal* follower : followers_) follower->Request();
    }
    changed_.notify_all();
  }

  // Until RemoveFollower, a request to this is one to `follower`, too; an earlier one counts.
  // REQUIRES: nobody follows in a circle.
  void AddFollower(StopSignal* follower) {
    std::lock_guard lock(mutex_);
    followers_.push_back(follower);
    if (requested_) follower->Request();
  }
  void RemoveFollower(StopSignal* follower) {
    std::lock_guard lock(mutex_);
    followers_.erase(std::remove(followers_.begin(), followers_.end(), follower), followers_.end());
  }

  bool Requested() const {
    std::lock_guard lock(mutex_);
    return requested_;
  }

  // Waits at most `wait`; returns true as soon as a stop is requested.
  bool WaitFor(std::chrono::milliseconds wait) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait, [this] { return requested_; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool requested_ = false;
  std::vector<StopSignal*> followers_;
};

}  // namespace base
