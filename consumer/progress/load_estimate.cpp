#include "consumer/progress/load_estimate.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace progress {
namespace {

// Long enough for a slow target to finish several chunks, short enough to tell of a change.
constexpr std::chrono::seconds kRecent{10};

std::string Grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string ClockText(std::chrono::seconds time) {
  const int64_t seconds = time.count();
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace

LoadEstimate EstimateOf(const model::LoadProgress& load) {
  LoadEstimate estimate;
  estimate.documents = load.documents;
  if (load.complete) {
    estimate.total = load.documents;
    estimate.share = 1.0;
    return estimate;
  }
  const uint64_t done = load.done_below + load.done_above.size();
  const bool known = load.chunks > 0 && load.chunks != UINT32_MAX;
  if (known) estimate.share = static_cast<double>(done) / load.chunks;
  if (known && done > 0) {
    estimate.total = load.documents * load.chunks / done;
  } else if (load.expected > 0) {
    estimate.total = std::max(load.expected, load.documents);
    if (!known) estimate.share = static_cast<double>(load.documents) / estimate.total;
  }
  return estimate;
}

double AverageRate(const model::LoadProgress& load) {
  if (load.milliseconds == 0) return 0;
  return 1000.0 * static_cast<double>(load.documents) / static_cast<double>(load.milliseconds);
}

std::optional<std::chrono::seconds> TimeLeft(const LoadEstimate& estimate, double per_second) {
  if (estimate.total == 0 || per_second <= 0) return std::nullopt;
  const auto left = static_cast<double>(estimate.total - estimate.documents);
  return std::chrono::seconds(std::llround(std::ceil(left / per_second)));
}

std::string ToText(const LoadEstimate& estimate, double per_second) {
  std::string text = Grouped(estimate.documents);
  if (estimate.total > 0) text += " of about " + Grouped(estimate.total);
  text += " documents";
  if (estimate.share) {
    text += fmt::format(" ({} %)", static_cast<int>(std::floor(100 * *estimate.share)));
  }
  if (per_second > 0) {
    text += fmt::format(", {}/s", Grouped(static_cast<uint64_t>(std::llround(per_second))));
  }
  if (const auto left = TimeLeft(estimate, per_second)) text += ", " + ClockText(*left) + " left";
  return text;
}

void RecentRate::Add(uint64_t documents, Clock::time_point now) {
  // A load that began again counts from nothing.
  if (!samples_.empty() && documents < samples_.back().documents) samples_.clear();
  samples_.push_back({now, documents});
  while (samples_.size() > 2 && now - samples_[1].at >= kRecent) samples_.pop_front();
}

double RecentRate::PerSecond() const {
  if (samples_.size() < 2) return 0;
  const double seconds =
      std::chrono::duration<double>(samples_.back().at - samples_.front().at).count();
  if (seconds <= 0) return 0;
  return static_cast<double>(samples_.back().documents - samples_.front().documents) / seconds;
}

}  // namespace progress
