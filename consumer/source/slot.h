// The replication slot as an object to look at, make and drop, and the positions of the server
// beside it. The slot is the checkpoint (design D1): nothing in here moves it, only the stream's
// feedback does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "consumer/base/lsn.h"
#include "consumer/base/result.h"
#include "consumer/pg/connection.h"

namespace source {

inline constexpr char kPlugin[] = "pgsync";

// A row of pg_replication_slots.
struct SlotInfo {
  std::string plugin;    // "" for a physical slot
  std::string database;  // "" for a physical slot
  bool active = false;
  int active_pid = 0;  // 0 when not active
  base::Lsn confirmed_flush;
  base::Lsn restart;
  std::string wal_status;                 // reserved, extended, unreserved, lost
  std::optional<int64_t> safe_wal_bytes;  // until it is lost; nothing = no limit is set
  int64_t retained_bytes = 0;             // WAL kept for it
  // Its WAL is gone or it was invalidated otherwise: it never streams again. Why, in words of the
  // server.
  bool invalidated = false;
  std::string invalidation_reason;
};

// Slot names are lower case letters, digits and underscores, 63 at most: what else is in `name`
// becomes "_".
std::string SlotNameFrom(const std::string& name);

// A setting of the server as its view has it, numbers in their base unit; "" when it is unknown, or
// hidden from our role, or cannot be read. Over any connection.
std::string Setting(pg::Connection& connection, const std::string& name);

// Returns nothing if there is no slot of that name in the cluster. Needs no privilege.
base::Result<std::optional<SlotInfo>> InspectSlot(pg::Connection& connection,
                                                  const std::string& name);

// Creates a logical slot for plugin pgsync and returns its consistent point: every transaction that
// commits after it will be streamed. From 17 on it is a failover slot, which standbys that
// synchronize slots keep. Waits for transactions that are running. REQUIRES: a
// replication connection to the slot's database. Errors are kRefused with the remedy where the
// server's settings do not allow it.
base::Result<base::Lsn> CreateSlot(pg::Connection& connection, const std::string& name);

// REQUIRES: a replication connection. kRefused while somebody streams from it; a slot that is not
// there is a success.
base::Status DropSlot(pg::Connection& connection, const std::string& name);

struct SystemIdentity {
  std::string system_identifier;
  int timeline = 0;
  base::Lsn flushed;  // end of the WAL that is on disk
};

// REQUIRES: a replication connection.
base::Result<SystemIdentity> IdentifySystem(pg::Connection& connection);
// The same identifier over any connection. Needs no privilege.
base::Result<std::string> SystemIdentifier(pg::Connection& connection);

// End of the WAL written so far; on a standby, of the WAL replayed.
base::Result<base::Lsn> CurrentWalLsn(pg::Connection& connection);

// Puts the remedy to an error of CREATE_REPLICATION_SLOT or START_REPLICATION. `connection` is the
// one it failed on, and is asked for the slot's state and the server's settings, if it still
// answers.
base::Error WithSlotRemedy(pg::Connection& connection, const std::string& slot, base::Error error);

// The statements that add the plugin to the setting's list, whose present value is `current` ("" =
// not known).
std::string AllowPluginStatement(const std::string& current);

}  // namespace source
