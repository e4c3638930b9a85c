// What becomes of a slot that is lost: invalidated by the server, dropped by somebody, or given up
// by us for --wal-limit. The documents stay; what changed since is only in the tables.
#pragma once

#include "consumer/app/config.h"
#include "consumer/app/setup.h"
#include "consumer/base/log.h"
#include "consumer/base/result.h"

namespace app {

// The slot is not there, or will never stream again.
base::Result<bool> SlotIsLost(const Config& config, const ResolvedSchema& schema);

// --on-lost-slot reload: makes a lost slot anew. That the indexes are older then, PrepareStates
// sees.
base::Status RenewLostSlot(const Config& config, const ResolvedSchema& schema, base::Logger& log);

// Drops it, for --wal-limit. Returns what to say.
base::Error GiveUpSlot(const Config& config, const ResolvedSchema& schema);

}  // namespace app
