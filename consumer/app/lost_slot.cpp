#include "consumer/app/lost_slot.h"

#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/bootstrap.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

base::Status Drop(const Config& config, const ResolvedSchema& schema) {
  auto replication = pg::Connection::Open(config.postgres, schema.database, true);
  if (!replication) return std::move(replication).error();
  return source::DropSlot(*replication, schema.slot);
}

}  // namespace

base::Result<bool> SlotIsLost(const Config& config, const ResolvedSchema& schema) {
  auto connection = pg::Connection::Open(config.postgres, schema.database);
  if (!connection) return std::move(connection).error();
  auto slot = source::InspectSlot(*connection, schema.slot);
  if (!slot) return std::move(slot).error();
  return !slot->has_value() || (*slot)->invalidated;
}

base::Status RenewLostSlot(const Config& config, const ResolvedSchema& schema, base::Logger& log) {
  auto lost = SlotIsLost(config, schema);
  if (!lost) return std::move(lost).error();
  if (!*lost) return {};
  log.Warning("run", fmt::format("slot \"{}\" is lost; it is made anew", schema.slot));
  if (auto dropped = Drop(config, schema); !dropped) return dropped;
  return Bootstrap(config, true, stderr);
}

base::Error GiveUpSlot(const Config& config, const ResolvedSchema& schema) {
  if (auto dropped = Drop(config, schema); !dropped) return std::move(dropped).error();
  return base::Refused(fmt::format(
      "slot \"{}\" was dropped, because more WAL was kept for it than --wal-limit allows. The "
      "documents are as they were; to load them again in place, start with --on-lost-slot reload",
      schema.slot));
}

}  // namespace app
