// RateLimit: a token bucket. Who wants to do work of some size asks whether it may begin; the
// bucket may go below zero by that much, and then nobody may until it is full enough again. So
// pieces need not be small for the average to hold. Pure: the time is given to it. One owner.
#pragma once

#include <algorithm>
#include <chrono>

namespace progress {

class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  // What one second allows may be done at once. 0: no limit.
  RateLimit(double per_second, Clock::time_point now)
      : per_second_(per_second), tokens_(per_second), last_(now) {}

  bool TryTake(double amount, Clock::time_point now) {
    if (per_second_ <= 0) return true;
    tokens_ += per_second_ * std::chrono::duration<double>(now - last_).count();
    tokens_ = std::min(tokens_, per_second_);
    last_ = now;
    if (tokens_ <= 0) return false;
    tokens_ -= amount;
    return true;
  }

 private:
  const double per_second_;
  double tokens_;
  Clock::time_point last_;
};

}  // namespace progress
