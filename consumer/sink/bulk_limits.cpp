#include "consumer/sink/bulk_limits.h"

#include <algorithm>

namespace sink {
namespace {

constexpr size_t kLeastBytes = 64u << 10;  // smaller requests only cost the engine more
constexpr size_t kSteps = 16;              // from nothing to the bound
constexpr double kWorse = 1.5;             // an answer this much slower than usual is no good one
constexpr double kWeight = 0.125;          // of one answer in what is usual

}  // namespace

BulkLimits::BulkLimits(size_t most_bytes, size_t most_requests)
    : most_bytes_(most_bytes),
      most_requests_(std::max<size_t>(most_requests, 1)),
      bytes_(most_bytes_),
      requests_(most_requests_) {}

void BulkLimits::Refused(uint64_t generation) {
  if (generation != generation_) return;
  ++generation_;
  good_answers_ = 0;
  bytes_ = std::min(bytes_, std::max(bytes_ / 2, kLeastBytes));
  requests_ = std::max<size_t>(requests_ / 2, 1);
}

void BulkLimits::TooLarge(size_t bytes) {
  most_bytes_ = std::min(most_bytes_, std::max(bytes - 1, kLeastBytes));
  bytes_ = std::min(bytes_, most_bytes_);
}

void BulkLimits::Answered(size_t bytes, std::chrono::nanoseconds took) {
  if (bytes == 0 || bytes < bytes_ / 2) return;  // a small request says little of full ones
  const double per_byte = static_cast<double>(took.count()) / static_cast<double>(bytes);
  const bool good = usual_per_byte_ == 0 || per_byte <= usual_per_byte_ * kWorse;
  usual_per_byte_ += (per_byte - usual_per_byte_) * (usual_per_byte_ == 0 ? 1 : kWeight);
  if (!good) {
    good_answers_ = 0;
    return;
  }
  if (++good_answers_ < requests_) return;
  good_answers_ = 0;
  bytes_ = std::min(bytes_ + std::max<size_t>(most_bytes_ / kSteps, 1), most_bytes_);
  requests_ = std::min(requests_ + 1, most_requests_);
}

std::optional<uint64_t> BulkGate::Enter(std::optional<Clock::time_point> deadline) {
  std::unique_lock lock(mutex_);
  const auto free = [this] { return under_way_ < limits_.requests(); };
  if (!deadline) {
    changed_.wait(lock, free);
  } else if (!changed_.wait_until(lock, *deadline, free)) {
    return std::nullopt;
  }
  ++under_way_;
  return limits_.generation();
}

void BulkGate::Leave() {
  {
    std::lock_guard lock(mutex_);
    --under_way_;
  }
  changed_.notify_all();
}

void BulkGate::Refused(uint64_t generation) {
  std::lock_guard lock(mutex_);
  limits_.Refused(generation);
}

void BulkGate::TooLarge(size_t bytes) {
  std::lock_guard lock(mutex_);
  limits_.TooLarge(bytes);
}

void BulkGate::Answered(size_t bytes, std::chrono::nanoseconds took) {
  std::lock_guard lock(mutex_);
  limits_.Answered(bytes, took);
}

size_t BulkGate::bytes() const {
  std::lock_guard lock(mutex_);
  return limits_.bytes();
}

size_t BulkGate::requests() const {
  std::lock_guard lock(mutex_);
  return limits_.requests();
}

}  // namespace sink
