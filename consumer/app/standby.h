// WaitForTurn: one daemon at a time streams a slot (design D12). Others wait here, before they have
// read or written anything in the target or the queue, and take over when the slot is free.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "consumer/base/log.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"
#include "consumer/pg/connection.h"

namespace app {

struct Turn {
  pg::Target postgres;
  std::string database;
  std::string slot;
  std::optional<std::chrono::milliseconds> patience;  // nothing: for ever
  std::atomic<int>* standing_by = nullptr;            // counts those that wait
};

enum class TurnOutcome {
  kFree,     // nobody streams the slot; also when there is no such slot
  kFreed,    // somebody did, and has left
  kStopped,  // `stop` came first
};

// While it waits, a server that goes away is waited for, too. kRefused: the patience is over.
base::Result<TurnOutcome> WaitForTurn(const Turn& turn, base::StopSignal& stop, base::Logger& log);

// What to say of a slot that somebody else streams.
base::Error SlotInUse(const std::string& slot, int pid);

}  // namespace app
