// The threads of one pipeline and how they end: the first error drains all, a drain has a deadline,
// and who sits in a call that does not come back is left behind with the process.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/base/stop.h"

namespace app {

// SIGTERM is answered within 5 s: what workers have in hand gets this long, the rest is read again
// after the restart.
inline constexpr std::chrono::milliseconds kDrainPatience{3500};
// A call to a target that does not answer can take a minute, and the calling thread makes such
// calls, too.
inline constexpr std::chrono::milliseconds kLeavePatience{4700};

// The threads that are still running, to be waited for with a deadline.
class Crew {
 public:
  template <typename Body>
  void Start(Body body) {
    {
      std::lock_guard lock(mutex_);
      ++running_;
    }
    threads_.emplace_back([this, body = std::move(body)] {
      body();
      std::lock_guard lock(mutex_);
      --running_;
      left_.notify_all();
    });
  }

  // Returns false when somebody is still busy after `patience`.
  bool WaitAll(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return left_.wait_for(lock, patience, [this] { return running_ == 0; });
  }

  // REQUIRES: WaitAll returned true, or waiting longer is wanted.
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable left_;
  int running_ = 0;
  std::vector<std::thread> threads_;
};

// The first error of any thread; asking for drain is how it ends the others.
class FirstError {
 public:
  explicit FirstError(base::StopSignal& drain) : drain_(drain) {}

  void Set(base::Error error) {
    {
      std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(error);
    }
    drain_.Request();
  }
  std::optional<base::Error> Get() const {
    std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  base::StopSignal& drain_;
  mutable std::mutex mutex_;
  std::optional<base::Error> error_;
};

// Ends the process when it has not left by itself some time after drain. What is cut off was not
// acknowledged.
class LeaveLimit {
 public:
  LeaveLimit(const base::StopSignal& drain, std::function<void()> end_process)
      : thread_([this, &drain, end_process = std::move(end_process)] {
          while (!drain.Requested()) {
            if (left_.WaitFor(std::chrono::milliseconds(50))) return;
          }
          if (!left_.WaitFor(kLeavePatience)) end_process();
        }) {}
  ~LeaveLimit() {
    left_.Request();
    thread_.join();
  }

 private:
  base::StopSignal left_;
  std::thread thread_;
};

}  // namespace app
