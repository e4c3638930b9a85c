// AckTracker: work that enters in the order of the WAL and finishes in any order -> the position
// before which everything is finished. This is the one thing that travels back to PostgreSQL, so it
// must never be too high and never goes back. Pure: no clock, no I/O. Not thread safe; its owner
// locks.
#pragma once

#include <cstdint>
#include <deque>

#include "consumer/base/lsn.h"

namespace progress {

class AckTracker {
 public:
  using Ticket = uint64_t;

  // Work whose floor is `floor`: everything committed before `floor` entered earlier.
  Ticket Enter(base::Lsn floor);

  // A ticket that is unknown or finished already is ignored: at-least-once delivery finishes things
  // twice.
  void Finish(Ticket ticket);

  // "All WAL up to `lsn` has been read, and where it mattered it has entered." A lower one than
  // before is ignored.
  void Advance(base::Lsn lsn);

  // Returns the floor of the oldest unfinished work, or, when nothing is unfinished, the last
  // Advance. Never less than it returned before.
  base::Lsn LowWater() const { return low_water_; }

  size_t Unfinished() const { return unfinished_; }

 private:
  struct Work {
    base::Lsn floor;
    bool finished = false;
  };
  void Update();

  std::deque<Work> works_;   // from the oldest unfinished one on
  Ticket first_ticket_ = 0;  // of works_.front()
  size_t unfinished_ = 0;
  base::Lsn advanced_, low_water_;
};

}  // namespace progress
