// The checks of preflight that are about the server and the slot, not about tables. Private to
// preflight.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "consumer/app/preflight.h"
#include "consumer/source/slot.h"

namespace app {

// What the checks judge, read in one query.
struct Server {
  int version = 0;  // 150020
  std::string role;
  bool may_replicate = false;  // superuser, or REPLICATION
  std::string wal_level;
  int64_t max_slots = 0, used_slots = 0;
  int64_t max_senders = 0, used_senders = 0;
};
base::Result<Server> ReadServer(pg::Connection& connection);

// Pure. `slot_exists`: then no free one is needed.
void CheckServer(const Server& server, bool slot_exists, std::vector<CheckResult>* checks);
// Pure.
void CheckSlot(const std::optional<source::SlotInfo>& slot, const PreflightInput& input,
               std::vector<CheckResult>* checks);

// Whether the server lets the plugin load: the setting output_plugin_libraries may be hidden from
// this role, so the sure test is to try, on a temporary slot. Errors only when the connection is
// lost.
base::Status TryPlugin(pg::Connection& connection, std::vector<CheckResult>* checks);

// pg_hba.conf and max_wal_senders, by opening one.
void CheckReplicationConnection(const PreflightInput& input, std::vector<CheckResult>* checks);

}  // namespace app
