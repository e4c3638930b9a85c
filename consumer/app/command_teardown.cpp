// teardown: removes what this schema file has made: queue, indices with their state, slot. Each
// part by itself: a slot keeps WAL until the server's disk is full, so neither an engine that is
// gone nor a table that was dropped may keep the slot. It can be repeated, and says what is left.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/setup.h"
#include "consumer/app/terminal.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

// What the file has made, by name. The trees have no more than names: the tables behind them may be
// gone.
struct Made {
  std::string database, slot;
  std::vector<schema::DocumentTree> trees;
};

base::Result<Made> NamesIn(const Config& config) {
  auto file = ReadSchemaFile(config);
  if (!file) return std::move(file).error();
  if (!file->ok()) {
    PrintFindings(file->findings());
    return base::Usage(
        fmt::format("{} is not valid, see the lines above; nothing was removed, as its names are "
                    "not known",
                    config.schema_path));
  }
  Made made;
  made.database = DatabaseOf(config, *file);
  made.slot =
      SlotName(config, made.database, file->FirstIndex(made.database), config.several_databases);
  // Against an empty catalog: names of indices come from the file alone.
  made.trees = schema::Resolve(*file, made.database, schema::Catalog()).trees;
  for (size_t i = 0; i < made.trees.size(); ++i) made.trees[i].number = static_cast<uint32_t>(i);
  return made;
}

// Is there a slot, and is it one that we may drop?
base::Result<bool> FindSlot(pg::Connection& connection, const Made& made) {
  auto found = source::InspectSlot(connection, made.slot);
  if (!found) return std::move(found).error();
  if (!*found) return false;
  const source::SlotInfo& slot = **found;
  if (slot.active) {
    return base::Refused(fmt::format(
        "slot \"{}\" is in use by process {}: a pgsync-consumer runs on it; stop that first",
        made.slot, slot.active_pid));
  }
  if (slot.plugin != source::kPlugin || slot.database != made.database) {
    return base::Refused(fmt::format(
        "slot \"{}\" is not ours (plugin \"{}\", database \"{}\"); choose another with --slot",
        made.slot, slot.plugin, slot.database));
  }
  return true;
}

base::Status Confirm(const Config& config, const Made& made) {
  if (config.yes) return {};
  std::string indices;
  for (const schema::DocumentTree& tree : made.trees) {
    indices += (indices.empty() ? "" : ", ") + tree.index;
  }
  const std::string what = fmt::format("slot {} of database {}, and {} in {}", made.slot,
                                       made.database, indices, ToDisplay(config.target));
  auto yes = AskYes(fmt::format("Remove {}? Type yes: ", what));
  if (!yes) return std::move(yes).error().While("teardown of " + what);
  if (!*yes) return base::Refused("nothing was removed");
  return {};
}

using Lines = std::vector<std::string>;

void RemoveQueue(const Config& config, const Made& made, pg::Connection& connection, Lines* left) {
  if (config.queue.in_memory) return;
  const std::string name = "the queue at " + ToDisplay(config.queue);
  auto system = source::SystemIdentifier(connection);
  if (!system) {
    left->push_back(fmt::format("{}: {}; by hand: delete its keys pgsync:{{*:{}}}:*", name,
                                system.error().message, made.slot));
    return;
  }
  const auto queue = MakeQueue(config, *system, made.slot);
  auto status = queue->Probe();
  if (status) status = queue->Drop();
  if (!status) {
    left->push_back(fmt::format("{}: {}; by hand: delete its keys pgsync:{{{}:{}}}:*", name,
                                status.error().message, *system, made.slot));
    return;
  }
  fmt::print("removed {}\n", name);
}

std::string IndexByHand(const Config& config, const schema::DocumentTree& tree) {
  if (config.target.kind != TargetConfig::Kind::kHttp) return "delete that file";
  return fmt::format("delete the indices {}{} and {}-rejected", tree.index,
                     tree.alias ? "_<number>" : "", tree.index);
}

void RemoveIndices(const Config& config, const Made& made, base::Logger& log, Lines* left) {
  const auto target = MakeTarget(config, made.trees, log);
  const auto probed = target->Probe();
  for (const schema::DocumentTree& tree : made.trees) {
    const auto status = probed ? target->Drop(tree) : probed;
    if (status) {
      fmt::print("removed {} in {}\n", tree.index, target->Describe());
    } else {
      left->push_back(fmt::format("{} in {}: {}; by hand: {}", tree.index, ToDisplay(config.target),
                                  status.error().message, IndexByHand(config, tree)));
    }
  }
}

void RemoveSlot(const Config& config, const Made& made, bool has_slot, Lines* left) {
  if (!has_slot) {
    fmt::print("slot \"{}\" does not exist\n", made.slot);
    return;
  }
  auto replication = pg::Connection::Open(config.postgres, made.database, true);
  const auto status = replication ? source::DropSlot(*replication, made.slot)
                                  : base::Status(std::move(replication).error());
  if (!status) {
    left->push_back(
        fmt::format("slot \"{0}\": {1}; by hand: SELECT pg_drop_replication_slot('{0}');",
                    made.slot, status.error().message));
    return;
  }
  fmt::print("removed slot \"{}\"\n", made.slot);
}

}  // namespace

base::Status CommandTeardown(const Config& config, base::Logger& log) {
  auto made = NamesIn(config);
  if (!made) return std::move(made).error();
  if (auto status = Confirm(config, *made); !status) return status;
  // Without the server nothing is removed: it alone knows whether a daemon still works on all this.
  auto connection = pg::Connection::Open(config.postgres, made->database);
  if (!connection) {
    return base::Refused("nothing was removed: " + connection.error().message);
  }
  auto has_slot = FindSlot(*connection, *made);
  if (!has_slot) return std::move(has_slot).error();

  // From here nobody works on the slot. It goes last: who ends us half-way can still find it.
  Lines left;
  RemoveQueue(config, *made, *connection, &left);
  RemoveIndices(config, *made, log, &left);
  RemoveSlot(config, *made, *has_slot, &left);
  if (left.empty()) return {};
  return base::Refused(
      fmt::format("not everything was removed; type pgsync-consumer teardown SCHEMA again when the "
                  "reason is gone, or remove it by hand. Left:\n{}",
                  fmt::join(left, "\n")));
}

}  // namespace app
