// Crew: the consumers of one process on one Redis queue, so that entries of the dead are told from
// entries of the busy. Redis knows consumers only by name and by how long they held an entry; who
// is alive in this process is known here for sure, and consumers of other processes count as dead
// after half a minute with an entry.
//
// Names are "<worker>@<host>-<pid>-<random>": never used twice.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>

namespace queue {

// Owned by the queue, shared by its producer and consumers. Thread safe.
class Crew {
 public:
  Crew();

  std::string Join(const std::string& worker_name);
  void Leave(const std::string& name);

  // After the producer took the queue over it is the only process with the slot: what anybody
  // outside this process holds may be claimed at once. (A further process of workers that does live
  // does its work twice, which is harmless.)
  void OthersAreDead();
  // How often that was said. What a consumer of before holds may have come back with an old dump,
  // although it is done: each joins anew.
  uint64_t Opened() const { return opened_.load(); }

  // One look for entries of the dead. Held by one consumer at a time, so that no two claim the
  // same.
  class Search {
   public:
    // False: not due, or another consumer is at it.
    explicit operator bool() const { return lock_.owns_lock(); }
    // May an entry that `consumer` has held for `idle` be claimed?
    bool MayClaim(const std::string& consumer, std::chrono::milliseconds idle) const;
    // Everything was looked at: no search is due for a while.
    void Finish();

   private:
    friend class Crew;
    explicit Search(Crew* crew);
    Crew* crew_;
    std::unique_lock<std::mutex> lock_;
  };
  Search BeginSearch() { return Search(this); }

 private:
  using Clock = std::chrono::steady_clock;

  std::mutex mutex_;
  const std::string suffix_;
  uint64_t next_ = 0;
  std::atomic<uint64_t> opened_{0};
  std::set<std::string> living_;
  bool somebody_left_ = false;
  bool others_are_dead_ = false;
  Clock::time_point searched_;
};

}  // namespace queue
