// Backoff: how long to wait before the next try. Doubles from `first` to `most`, with full jitter
// so that many daemons do not come back in step. Pure apart from its random generator; one owner,
// one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace base {

class Backoff {
 public:
  using Duration = std::chrono::milliseconds;

  Backoff(Duration first, Duration most, uint32_t seed = std::random_device{}())
      : first_(first), most_(most), next_(first), random_(seed) {}

  // Returns a wait between half and the whole of the current step, and doubles the step.
  Duration Next() {
    std::uniform_int_distribution<int64_t> spread(next_.count() / 2, next_.count());
    const Duration wait(spread(random_));
    next_ = std::min(next_ * 2, most_);
    return wait;
  }

  void Reset() { next_ = first_; }

 private:
  Duration first_, most_, next_;
  std::minstd_rand random_;
};

}  // namespace base
