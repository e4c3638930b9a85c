// StopSignal: "finish and leave", told once by the owner of the threads and seen by all of them.
// Waiting on it is how a thread sleeps without being deaf. Thread safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace base {

class StopSignal {
 public:
  void Request() {
    {
      std::lock_guard lock(mutex_);
      requested_ = true;
    }
    changed_.notify_all();
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
};

}  // namespace base
