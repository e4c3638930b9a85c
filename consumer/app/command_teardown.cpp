// teardown: removes what this schema file has made: queue, indices with their state, slot. In this
// order, so that a teardown that fails half-way can be repeated: the slot is what names everything
// else.
#include <cstdio>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/setup.h"
#include "consumer/app/terminal.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

// Is there a slot, and is it one that we may drop?
base::Result<bool> FindSlot(pg::Connection& connection, const ResolvedSchema& resolved) {
  auto found = source::InspectSlot(connection, resolved.slot);
  if (!found) return std::move(found).error();
  if (!*found) return false;
  const source::SlotInfo& slot = **found;
  if (slot.active) {
    return base::Refused(fmt::format(
        "slot \"{}\" is in use by process {}: a pgsync-consumer runs on it; stop that first",
        resolved.slot, slot.active_pid));
  }
  if (slot.plugin != source::kPlugin || slot.database != resolved.database) {
    return base::Refused(fmt::format(
        "slot \"{}\" is not ours (plugin \"{}\", database \"{}\"); choose another with --slot",
        resolved.slot, slot.plugin, slot.database));
  }
  return true;
}

base::Status Confirm(const Config& config, const ResolvedSchema& resolved) {
  if (config.yes) return {};
  std::string indices;
  for (const schema::DocumentTree& tree : resolved.trees) {
    indices += (indices.empty() ? "" : ", ") + tree.index;
  }
  const std::string what = fmt::format("slot {} of database {}, and {} in {}", resolved.slot,
                                       resolved.database, indices, ToDisplay(config.target));
  auto yes = AskYes(fmt::format("Remove {}? Type yes: ", what));
  if (!yes) return std::move(yes).error().While("teardown of " + what);
  if (!*yes) return base::Refused("nothing was removed");
  return {};
}

}  // namespace

base::Status CommandTeardown(const Config& config, base::Logger& log) {
  auto resolved = LoadResolvedSchema(config);
  if (!resolved) return std::move(resolved).error();
  if (auto status = Confirm(config, *resolved); !status) return status;
  auto connection = pg::Connection::Open(config.postgres, resolved->database);
  if (!connection) return std::move(connection).error();
  auto replication = pg::Connection::Open(config.postgres, resolved->database, true);
  if (!replication) return std::move(replication).error();
  auto has_slot = FindSlot(*connection, *resolved);
  if (!has_slot) return std::move(has_slot).error();
  const auto target = MakeTarget(config, resolved->trees, log);
  if (auto status = target->Probe(); !status) return status;

  // From here nobody works on the slot, and everything that is to be removed can be reached.
  if (!config.queue.in_memory) {
    auto system_identifier = source::SystemIdentifier(*connection);
    if (!system_identifier) return std::move(system_identifier).error();
    const auto queue = MakeQueue(config, *system_identifier, resolved->slot);
    if (auto status = queue->Drop(); !status) return std::move(status).error().While("the queue");
    fmt::print("removed the queue at {}\n", ToDisplay(config.queue));
  }
  for (const schema::DocumentTree& tree : resolved->trees) {
    if (auto status = target->Drop(tree); !status) {
      return std::move(status).error().While("removing " + tree.index);
    }
    fmt::print("removed {} in {}\n", tree.index, target->Describe());
  }
  if (auto status = source::DropSlot(*replication, resolved->slot); !status) return status;
  fmt::print("removed slot \"{}\"{}\n", resolved->slot, *has_slot ? "" : " (there was none)");
  return {};
}

}  // namespace app
