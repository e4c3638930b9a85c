#include "consumer/app/standby.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "consumer/source/slot.h"

namespace app {
namespace {

using base::ErrorKind;
using base::Result;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPoll{500};
// The first look again, soon: the walsender of a predecessor that was killed is about to go.
constexpr milliseconds kFirstPoll{50};

// The process that streams the slot; 0: nobody. `connection` is opened when there is none.
Result<int> Streamer(const Turn& turn, std::optional<pg::Connection>* connection) {
  if (!*connection) {
    auto opened = pg::Connection::Open(turn.postgres, turn.database);
    if (!opened) return std::move(opened).error();
    *connection = std::move(*opened);
  }
  auto slot = source::InspectSlot(**connection, turn.slot);
  if (!slot) {
    connection->reset();
    return std::move(slot).error();
  }
  return slot->has_value() && (*slot)->active ? (*slot)->active_pid : 0;
}

}  // namespace

Result<TurnOutcome> WaitForTurn(const Turn& turn, base::StopSignal& stop, base::Logger& log) {
  const auto begun = steady_clock::now();
  std::optional<pg::Connection> connection;
  bool waiting = false;
  const auto leave = [&](Result<TurnOutcome> result) {
    if (waiting && turn.standing_by != nullptr) --*turn.standing_by;
    return result;
  };
  for (milliseconds wait = kFirstPoll;; wait = std::min(2 * wait, kPoll)) {
    auto streamer = Streamer(turn, &connection);
    if (!streamer) {
      const ErrorKind kind = streamer.error().kind;
      const bool passing = kind == ErrorKind::kRetry || kind == ErrorKind::kReconnect;
      if (!waiting || !passing) return leave(std::move(streamer).error());
    } else if (*streamer == 0) {
      if (waiting) log.Info("run", fmt::format("slot \"{}\" is free; taking over", turn.slot));
      return leave(waiting ? TurnOutcome::kFreed : TurnOutcome::kFree);
    } else if (turn.patience && steady_clock::now() - begun > *turn.patience) {
      return leave(SlotInUse(turn.slot, *streamer));
    } else if (!std::exchange(waiting, true)) {
      if (turn.standing_by != nullptr) ++*turn.standing_by;
      log.Info("run", fmt::format("slot \"{}\" is in use by process {}; standing by until it is "
                                  "free",
                                  turn.slot, *streamer));
    }
    if (stop.WaitFor(wait)) return leave(TurnOutcome::kStopped);
  }
}

base::Error SlotInUse(const std::string& slot, int pid) {
  return base::Refused(
      fmt::format("slot \"{}\" is in use by process {}: another pgsync-consumer runs on it; stop "
                  "it, or use --slot",
                  slot, pid));
}

}  // namespace app
