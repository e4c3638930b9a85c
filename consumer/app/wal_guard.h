// WalGuard: a thread that looks every few seconds at how much WAL the server keeps for the slot,
// says so before the disk fills or the server gives the slot up, and, where a limit is set, gives
// it up itself: the source goes before the copy, which can be loaded anew.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "consumer/base/log.h"
#include "consumer/base/metrics.h"
#include "consumer/base/stop.h"
#include "consumer/pg/connection.h"
#include "consumer/source/slot.h"

namespace app {

struct WalLimits {
  int64_t warn_bytes =
      int64_t{1} << 30;    // kept for the slot: a warning, and again at each doubling
  int64_t most_bytes = 0;  // the slot is given up; 0 = never
  std::chrono::milliseconds interval{5000};
};

// What is worth a word, or more, of one look after another. Pure.
class WalJudge {
 public:
  explicit WalJudge(WalLimits limits) : limits_(limits) {}

  struct Finding {
    std::string warning;  // "" = nothing new to say
    bool give_up = false;
  };
  Finding Look(const std::string& name, const source::SlotInfo& slot);

 private:
  const WalLimits limits_;
  int64_t warned_at_ = 0;
  std::string status_ = "reserved";
};

class WalGuard {
 public:
  // `stop` is requested when the slot has to be given up. All references outlive this.
  WalGuard(pg::Target postgres, std::string database, std::string slot, WalLimits limits,
           base::StopSignal& stop, base::Logger& log, base::Metrics& metrics);
  ~WalGuard();

  // The limit is reached, and that is why it requested `stop`. Any thread.
  const std::atomic<bool>& GivesUp() const { return gives_up_; }

 private:
  void Run();

  const pg::Target postgres_;
  const std::string database_, slot_;
  const WalLimits limits_;
  base::StopSignal& stop_;
  base::Logger& log_;
  base::Gauge& retained_;
  base::Gauge& safe_;
  base::Gauge& unconfirmed_;
  std::atomic<bool> gives_up_{false};
  base::StopSignal done_;
  std::thread thread_;
};

}  // namespace app
