#include "consumer/queue/redis_crew.h"

#include <unistd.h>

#include <array>
#include <random>

#include <fmt/format.h>

namespace queue {
namespace {

// As long as a consumer of another process may hold an entry before others take it. Longer than any
// usual build; too short costs a build done twice, too long delays what a dead process left behind.
constexpr std::chrono::seconds kAbandonedAfter{30};
constexpr std::chrono::seconds kSearchEvery{5};

std::string MakeSuffix() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::random_device random;
  return fmt::format("@{}-{}-{:08x}", host.data(), getpid(), random());
}

}  // namespace

Crew::Crew() : suffix_(MakeSuffix()), searched_(Clock::now()) {}

std::string Crew::Join(const std::string& worker_name) {
  std::lock_guard lock(mutex_);
  std::string name = fmt::format("{}.{}{}", worker_name, next_++, suffix_);
  living_.insert(name);
  return name;
}

void Crew::Leave(const std::string& name) {
  std::lock_guard lock(mutex_);
  living_.erase(name);
  somebody_left_ = true;
}

void Crew::OthersAreDead() {
  std::lock_guard lock(mutex_);
  others_are_dead_ = true;
  ++opened_;
}

Crew::Search::Search(Crew* crew) : crew_(crew), lock_(crew->mutex_, std::try_to_lock) {
  if (!lock_.owns_lock()) return;
  const bool due = crew->somebody_left_ || crew->others_are_dead_ ||
                   Clock::now() - crew->searched_ >= kSearchEvery;
  if (!due) lock_.unlock();
}

bool Crew::Search::MayClaim(const std::string& consumer, std::chrono::milliseconds idle) const {
  if (crew_->living_.contains(consumer)) return false;
  return crew_->others_are_dead_ || consumer.ends_with(crew_->suffix_) || idle >= kAbandonedAfter;
}

void Crew::Search::Finish() {
  crew_->somebody_left_ = false;
  crew_->others_are_dead_ = false;
  crew_->searched_ = Clock::now();
}

}  // namespace queue
