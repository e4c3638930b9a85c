// status: slot, queue and target on one screen. Reads only; a part that cannot be reached is shown
// as such, and the exit status tells.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/byte_text.h"
#include "consumer/app/commands.h"
#include "consumer/app/setup.h"
#include "consumer/progress/load_estimate.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

base::Status PrintSlot(pg::Connection& connection, const ResolvedSchema& resolved) {
  auto slot = source::InspectSlot(connection, resolved.slot);
  if (!slot) return std::move(slot).error();
  auto now = source::CurrentWalLsn(connection);
  if (!now) return std::move(now).error();
  if (!*slot) {
    fmt::print("  slot    {}: does not exist\n", resolved.slot);
    return {};
  }
  const source::SlotInfo& info = **slot;
  const uint64_t lag =
      now->value > info.confirmed_flush.value ? now->value - info.confirmed_flush.value : 0;
  fmt::print("  slot    {}: {}, confirmed {}, lag {}, WAL kept {} ({})\n", resolved.slot,
             info.active ? fmt::format("active (process {})", info.active_pid) : "not active",
             base::ToString(info.confirmed_flush), ByteText(lag),
             ByteText(static_cast<uint64_t>(std::max<int64_t>(info.retained_bytes, 0))),
             info.invalidated ? "INVALIDATED: " + info.invalidation_reason : info.wal_status);
  return {};
}

base::Status PrintQueue(const Config& config, pg::Connection& connection,
                        const ResolvedSchema& resolved) {
  if (config.queue.in_memory) {
    fmt::print("  queue   memory: (inside of the running process)\n");
    return {};
  }
  auto system = source::SystemIdentifier(connection);
  if (!system) return std::move(system).error();
  auto queue = MakeQueue(config, *system, resolved.slot);
  if (auto status = queue->Probe(); !status) return status;
  auto producer = queue->NewProducer();
  auto stream = producer->DepthOf(queue::Lane::kStream);
  if (!stream) return std::move(stream).error();
  auto load = producer->DepthOf(queue::Lane::kLoad);
  if (!load) return std::move(load).error();
  fmt::print("  queue   {}: changes {} entries, {}; load {} entries, {}\n", ToDisplay(config.queue),
             stream->entries, ByteText(stream->bytes), load->entries, ByteText(load->bytes));
  return {};
}

std::string LoadText(const model::LoadProgress& load) {
  if (load.complete) return "complete";
  const uint64_t done = load.done_below + load.done_above.size();
  const bool known = load.chunks > 0 && load.chunks != UINT32_MAX;
  return fmt::format("{}{} chunks, {}", done, known ? fmt::format(" of {}", load.chunks) : "",
                     progress::ToText(progress::EstimateOf(load), progress::AverageRate(load)));
}

// Beside the one that searches see.
base::Status PrintGenerations(sink::Target& target, const schema::DocumentTree& tree) {
  if (!target.KeepsGenerations(tree)) return {};
  auto all = target.Generations(tree);
  if (!all) return std::move(all).error();
  int served = 0;
  for (const sink::GenerationState& one : *all) {
    if (one.served) served = one.number;
  }
  for (const sink::GenerationState& one : *all) {
    if (one.served) continue;
    if (one.number < served) {
      fmt::print("      {}: has served, and will be removed\n", one.name);
    } else {
      fmt::print("      {}: is built to take its place, applied {}, load {}\n", one.name,
                 base::ToString(one.state.applied), LoadText(one.state.load));
    }
  }
  return {};
}

base::Status PrintTarget(const Config& config, const ResolvedSchema& resolved, base::Logger& log) {
  auto target = MakeTarget(config, resolved.trees, log);
  if (auto status = target->Probe(); !status) return status;
  fmt::print("  target  {}\n", target->Describe());
  for (const schema::DocumentTree& tree : resolved.trees) {
    auto state = target->ReadState(tree);
    if (!state) return std::move(state).error();
    if (!*state) {
      fmt::print("    {}: does not exist yet\n", tree.index);
      continue;
    }
    auto count = target->Count(tree);
    if (!count) return std::move(count).error();
    fmt::print("    {}: {} documents, applied {}, load {}{}\n", tree.index, *count,
               base::ToString((*state)->applied), LoadText((*state)->load),
               (*state)->frozen                            ? ", of another schema, not followed"
               : (*state)->fingerprint == tree.fingerprint ? ""
                                                           : ", of another schema");
    if (auto printed = PrintGenerations(*target, tree); !printed) return printed;
  }
  return {};
}

}  // namespace

base::Status CommandStatus(const Config& config, base::Logger& log) {
  auto resolved = LoadResolvedSchema(config);
  if (!resolved) return std::move(resolved).error();
  auto connection = pg::Connection::Open(config.postgres, resolved->database);
  if (!connection) return std::move(connection).error();
  fmt::print("database {} at {}\n", resolved->database, ToDisplay(config.postgres));
  base::Status first;
  const auto note = [&](base::Status status, const char* part) {
    if (status) return;
    fmt::print("  {}  cannot be read: {}\n", part, status.error().message);
    if (first) first = std::move(status);
  };
  note(PrintSlot(*connection, *resolved), "slot  ");
  note(PrintQueue(config, *connection, *resolved), "queue ");
  note(PrintTarget(config, *resolved, log), "target");
  return first;
}

}  // namespace app
