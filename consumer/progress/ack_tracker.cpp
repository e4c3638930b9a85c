#include "consumer/progress/ack_tracker.h"

#include <algorithm>

namespace progress {

AckTracker::Ticket AckTracker::Enter(base::Lsn floor) {
  works_.push_back({floor, false});
  ++unfinished_;
  Update();
  return first_ticket_ + works_.size() - 1;
}

void AckTracker::Finish(Ticket ticket) {
  if (ticket < first_ticket_ || ticket - first_ticket_ >= works_.size()) return;
  Work& work = works_[ticket - first_ticket_];
  if (work.finished) return;
  work.finished = true;
  --unfinished_;
  Update();
}

void AckTracker::Advance(base::Lsn lsn) {
  advanced_ = std::max(advanced_, lsn);
  Update();
}

void AckTracker::Update() {
  while (!works_.empty() && works_.front().finished) {
    works_.pop_front();
    ++first_ticket_;
  }
  low_water_ = std::max(low_water_, works_.empty() ? advanced_ : works_.front().floor);
}

}  // namespace progress
