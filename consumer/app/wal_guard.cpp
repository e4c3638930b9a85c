#include "consumer/app/wal_guard.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace app {
namespace {

constexpr char kLost[] = "lost";

std::string InMebibytes(int64_t bytes) { return fmt::format("{} MiB", bytes >> 20); }

}  // namespace

WalJudge::Finding WalJudge::Look(const std::string& name, const source::SlotInfo& slot) {
  Finding finding;
  if (slot.invalidated) {
    if (status_ != kLost) {
      finding.warning = fmt::format(
          "slot \"{}\" was given up by the server ({}): it keeps no WAL "
          "and sends nothing any more",
          name, slot.invalidation_reason);
    }
    status_ = kLost;
    return finding;
  }
  const int64_t kept = slot.retained_bytes;
  const std::string left =
      slot.safe_wal_bytes ? fmt::format("; the server gives the slot up after {} more",
                                        InMebibytes(std::max<int64_t>(0, *slot.safe_wal_bytes)))
                          : "; nothing limits it but the disk (max_slot_wal_keep_size)";
  if (limits_.most_bytes > 0 && kept > limits_.most_bytes) {
    finding.give_up = true;
    finding.warning = fmt::format("slot \"{}\" keeps {} of WAL, more than --wal-limit {}", name,
                                  InMebibytes(kept), InMebibytes(limits_.most_bytes));
    return finding;
  }
  if (slot.wal_status != status_ && slot.wal_status != "reserved" && !slot.wal_status.empty()) {
    finding.warning = fmt::format(
        "slot \"{}\" is \"{}\": it keeps {} of WAL, beyond what the server "
        "would keep by itself{}",
        name, slot.wal_status, InMebibytes(kept), left);
    warned_at_ = std::max(warned_at_, kept);
  }
  status_ = slot.wal_status;
  if (limits_.warn_bytes > 0 && kept >= limits_.warn_bytes && kept >= 2 * warned_at_ &&
      finding.warning.empty()) {
    finding.warning = fmt::format(
        "slot \"{}\" keeps {} of WAL, because the target has not taken the documents of what came "
        "since{}",
        name, InMebibytes(kept), left);
    warned_at_ = kept;
  }
  // It is said again when it happens again.
  if (kept < limits_.warn_bytes / 2) warned_at_ = 0;
  return finding;
}

WalGuard::WalGuard(pg::Target postgres, std::string database, std::string slot, WalLimits limits,
                   base::StopSignal& stop, base::Logger& log, base::Metrics& metrics)
    : postgres_(std::move(postgres)),
      database_(std::move(database)),
      slot_(std::move(slot)),
      limits_(limits),
      stop_(stop),
      log_(log),
      retained_(
          metrics.gauge("pgsync_slot_retained_bytes", "WAL that the server keeps for the slot")),
      safe_(metrics.gauge("pgsync_slot_safe_bytes",
                          "WAL that may still be written before the server gives the slot up; -1: "
                          "no limit is set")),
      unconfirmed_(metrics.gauge("pgsync_slot_unconfirmed_bytes",
                                 "WAL written since the position that the slot has confirmed")),
      thread_([this] { Run(); }) {}

WalGuard::~WalGuard() {
  done_.Request();
  thread_.join();
}

// That the server cannot be asked is others' business; here it is asked again.
void WalGuard::Run() {
  WalJudge judge(limits_);
  std::optional<pg::Connection> connection;
  do {
    if (!connection) {
      auto opened = pg::Connection::Open(postgres_, database_);
      if (!opened) continue;
      connection = std::move(*opened);
    }
    auto slot = source::InspectSlot(*connection, slot_);
    auto end = slot ? source::CurrentWalLsn(*connection) : base::Result<base::Lsn>(slot.error());
    if (!end) {
      connection.reset();
      continue;
    }
    if (!*slot) continue;
    retained_.Set((*slot)->retained_bytes);
    safe_.Set((*slot)->safe_wal_bytes.value_or(-1));
    const base::Lsn confirmed = (*slot)->confirmed_flush;
    unconfirmed_.Set(*end > confirmed ? static_cast<int64_t>(end->value - confirmed.value) : 0);
    const WalJudge::Finding finding = judge.Look(slot_, **slot);
    if (!finding.warning.empty()) log_.Warning("wal", finding.warning);
    if (finding.give_up) {
      gives_up_.store(true);
      stop_.Request();
      return;
    }
  } while (!done_.WaitFor(limits_.interval));
}

}  // namespace app
