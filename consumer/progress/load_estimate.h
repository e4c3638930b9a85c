// LoadEstimate: how far a load is, and how long it will still take, from what is stored of it.
// Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "consumer/model/sync_state.h"

namespace progress {

struct LoadEstimate {
  uint64_t documents = 0;       // written so far
  uint64_t total = 0;           // in all, about; 0: nobody knows
  std::optional<double> share;  // 0 to 1, of the chunks, or of the documents
};

// From the chunks that are done where their number is known, else from the planner's estimate.
LoadEstimate EstimateOf(const model::LoadProgress& load);

// Documents per second over the whole time of the load; 0 before anything is known.
double AverageRate(const model::LoadProgress& load);

// Nothing when the end or the rate is not known.
std::optional<std::chrono::seconds> TimeLeft(const LoadEstimate& estimate, double per_second);

// "12,345 of about 50,000 documents (24 %), 4,100/s, 0:09 left", as far as it is known.
std::string ToText(const LoadEstimate& estimate, double per_second);

// Documents per second over the last seconds, from samples of a count that only grows. One owner.
class RecentRate {
 public:
  using Clock = std::chrono::steady_clock;
  void Add(uint64_t documents, Clock::time_point now);
  double PerSecond() const;

 private:
  struct Sample {
    Clock::time_point at;
    uint64_t documents;
  };
  std::deque<Sample> samples_;  // of the last seconds, and the one before
};

}  // namespace progress
