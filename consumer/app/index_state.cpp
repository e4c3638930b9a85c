#include "consumer/app/index_state.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/table_shapes.h"
#include "consumer/assemble/read_transaction.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

using base::Result;
using base::Status;

constexpr char kLoadAnew[] =
    "To load it anew, run `pgsync-consumer teardown SCHEMA`, then `pgsync-consumer bootstrap "
    "--apply SCHEMA`, and start again";

}  // namespace

Status CheckState(const schema::DocumentTree& tree, const model::SyncState& state,
                  const Origin& origin, bool may_be_older) {
  const auto refused = [&](std::string what) -> Status {
    return base::Refused(fmt::format("index {}: {}", tree.index, what));
  };
  if (state.system_identifier != origin.system_identifier) {
    return refused(
        fmt::format("it was filled from another PostgreSQL server (system identifier {}, this one "
                    "is {}). Check "
                    "PG_HOST and PG_PORT. {}",
                    state.system_identifier, origin.system_identifier, kLoadAnew));
  }
  if (state.database != origin.database) {
    return refused(
        fmt::format("it was filled from database \"{}\", the schema file says \"{}\". {}",
                    state.database, origin.database, kLoadAnew));
  }
  if (state.slot != origin.slot) {
    return refused(fmt::format(
        "it is kept by slot \"{}\", this run uses \"{}\". Use --slot {}, or choose another index "
        "name. {}",
        state.slot, origin.slot, state.slot, kLoadAnew));
  }
  if (!origin.timelines.Have(state.timeline, state.applied)) {
    return refused(fmt::format(
        "it is ahead of its database: it holds changes up to {} of timeline {}, and the server, "
        "which is on timeline {}, was promoted or restored before it had them. {}",
        base::ToString(state.applied), state.timeline, origin.timelines.current, kLoadAnew));
  }
  if (state.applied < origin.confirmed && !may_be_older) {
    return refused(fmt::format(
        "it is older than its slot: it holds changes up to {}, but slot \"{}\" has given away all "
        "WAL before {}. It was restored from a backup, or the slot was moved or made anew. {} (or "
        "have it done by --on-lost-slot reload)",
        base::ToString(state.applied), origin.slot, base::ToString(origin.confirmed), kLoadAnew));
  }
  return {};
}

model::SyncState NewState(const schema::DocumentTree& tree, const std::string& shapes,
                          const Origin& origin) {
  model::SyncState state;
  state.system_identifier = origin.system_identifier;
  state.database = origin.database;
  state.slot = origin.slot;
  state.applied = origin.confirmed;
  state.timeline = origin.timelines.current;
  state.fingerprint = tree.fingerprint;
  state.file_fingerprint = tree.file_fingerprint;
  state.source = tree.source;
  state.shapes = shapes;
  return state;
}

bool FileChanged(const model::SyncState& state, const schema::DocumentTree& tree) {
  return state.fingerprint != tree.fingerprint && state.file_fingerprint != tree.file_fingerprint;
}

namespace {

// A position that the server has not reached would be acknowledged, and everything up to it
// skipped. Asked after the states were read: while WAL flows they advance.
Status CheckNotAhead(pg::Connection& connection, const std::vector<schema::DocumentTree>& trees,
                     const std::vector<std::optional<model::SyncState>>& states) {
  auto wal_end = source::CurrentWalLsn(connection);
  if (!wal_end) return wal_end.error();
  for (size_t i = 0; i < states.size(); ++i) {
    if (!states[i] || states[i]->applied <= *wal_end) continue;
    return base::Refused(fmt::format(
        "index {}: it is ahead of its database: it holds changes up to {}, but the server's WAL "
        "ends at {}. The database was restored from a backup. {}",
        trees[i].index, base::ToString(states[i]->applied), base::ToString(*wal_end), kLoadAnew));
  }
  return {};
}

Status CheckLogged(const std::string& shapes) {
  for (const std::string& table : UnloggedTables(shapes)) {
    return base::Refused(fmt::format(
        "{}: the table is unlogged: its changes are not in the WAL; remedy: ALTER TABLE "
        "{} SET LOGGED;",
        table, table));
  }
  return {};
}

// In place: the documents that are there stay until they are written again, beside the stream.
Status LoadAgain(pg::Connection& connection, sink::Target& target, const schema::DocumentTree& tree,
                 const Verdict& verdict, model::SyncState* state, base::Logger& log) {
  if (verdict.rows && !tree.versioned) {
    return base::Refused(fmt::format(
        "index {}: {}; with \"version\": false nobody can tell documents of before from those of "
        "after. {}",
        tree.index, verdict.reasons, kLoadAnew));
  }
  if (auto extended = target.Extend(tree); !extended) {
    if (tree.stage != schema::Stage::kRetiring) return extended;
    // It is on its way out; what the engine does not take is a dead letter meanwhile.
    log.Warning("run", extended.error().message);
  }
  // Without any transaction since then, documents of before would have the version of those of now.
  auto newer = connection.Query("SELECT pg_current_xact_id()");
  if (!newer) return std::move(newer).error().While("taking a transaction id");
  auto snapshot = assemble::CurrentSnapshot(connection);
  if (!snapshot) return std::move(snapshot).error();
  state->load = {};
  // Every document that the tables have will be written at this version or a higher one.
  if (tree.versioned) state->load.sweep_below = snapshot->Version();
  log.Warning("run", fmt::format("index {}: {}; its documents are loaded again", tree.index,
                                 verdict.reasons));
  return {};
}

// Whether `later` may be what a process that began from `earlier` stored: the same documents,
// further on in the changes and in the same load.
bool Continues(const model::SyncState& later, const model::SyncState& earlier) {
  model::SyncState same = later;
  same.applied = earlier.applied;
  same.load = earlier.load;
  if (same != earlier) return false;
  if (earlier.load.complete) return later.load == earlier.load;
  return later.load.complete || later.load.sweep_below == earlier.load.sweep_below;
}

}  // namespace

Result<Verdict> JudgeSchema(pg::Connection& connection, const schema::DocumentTree& tree,
                            const std::string& shapes, const model::SyncState& state) {
  Verdict verdict;
  ShapeChange change;
  if (!state.shapes.empty()) change = CompareShapes(state.shapes, shapes);
  if (!change.new_partitions.empty()) {
    auto filled = AnyHasRows(connection, change.new_partitions);
    if (!filled) return std::move(filled).error();
    if (*filled) change.reasons.push_back("a partition with rows was attached");
    change.rows |= *filled;
  }
  if (state.fingerprint != tree.fingerprint) {
    change.documents = true;
    if (FileChanged(state, tree)) {
      change.rows = true;  // other rows may have documents now, and others ids
      change.reasons.push_back("the schema file changed");
    }
    if (change.reasons.empty()) change.reasons.push_back("columns of its tables changed");
  }
  if (!change.documents && !change.rows) return verdict;
  verdict.keep = Keep::kLoadAgain;
  verdict.rows = change.rows;
  verdict.reasons = fmt::format("{}", fmt::join(change.reasons, "; "));
  return verdict;
}

Result<std::vector<model::SyncState>> PrepareStates(
    pg::Connection& connection, sink::Target& target,
    const std::vector<schema::DocumentTree>& trees, const std::vector<std::string>& shapes,
    const Origin& origin, bool reload_lost, const std::vector<bool>& again, base::Logger& log) {
  // All are looked at before any is changed.
  std::vector<std::optional<model::SyncState>> stored;
  for (size_t i = 0; i < trees.size(); ++i) {
    if (auto logged = CheckLogged(shapes[i]); !logged) return logged.error();
    if (schema::HasLookups(trees[i]) && !target.FindsHolders()) {
      return base::Refused(fmt::format(
          "index {}: \"lookup\": \"index\" searches the target for documents, and {} cannot be "
          "searched; name an engine or sqlite:FILE with --target",
          trees[i].index, target.Describe()));
    }
    auto state = target.ReadState(trees[i]);
    if (!state) return state.error();
    if (*state) {
      const bool may_be_older = reload_lost || (*state)->frozen;
      if (auto status = CheckState(trees[i], **state, origin, may_be_older); !status)
        return status.error();
    }
    stored.push_back(std::move(*state));
  }
  if (auto status = CheckNotAhead(connection, trees, stored); !status) return status.error();

  std::vector<model::SyncState> states;
  for (size_t i = 0; i < trees.size(); ++i) {
    const schema::DocumentTree& tree = trees[i];
    model::SyncState state = NewState(tree, shapes[i], origin);
    if (stored[i]) {
      const model::SyncState& before = *stored[i];
      auto verdict = JudgeSchema(connection, tree, shapes[i], before);
      if (!verdict) return std::move(verdict).error();
      if (before.frozen) {
        *verdict = {Keep::kLoadAgain, true,
                    "it was left behind when another schema file was to replace it"};
      }
      if (verdict->keep == Keep::kGoesOn && before.applied < origin.confirmed) {
        *verdict = {Keep::kLoadAgain, true,
                    fmt::format("the changes from {} to {} are lost",
                                base::ToString(before.applied), base::ToString(origin.confirmed))};
      }
      if (verdict->keep == Keep::kGoesOn && !again.empty() && again[i]) {
        *verdict = {Keep::kLoadAgain, true, "asked for by --again"};
      }
      state.applied = std::max(before.applied, origin.confirmed);
      state.load = before.load;
      if (verdict->keep == Keep::kLoadAgain) {
        auto begun = LoadAgain(connection, target, tree, *verdict, &state, log);
        if (!begun) return begun.error();
      }
      if (before.timeline != 0 && before.timeline != state.timeline) {
        log.Warning("run",
                    fmt::format("index {}: the server was promoted (timeline {}, before {}); "
                                "documents are built from the tables as they are, so some may "
                                "hold what its predecessor committed last and it never got: "
                                "`pgsync-consumer verify --repair SCHEMA` mends them",
                                tree.index, state.timeline, before.timeline));
      }
    }
    if (!stored[i]) {
      if (auto status = target.Create(tree, state); !status) {
        return std::move(status).error().While("creating index " + tree.index);
      }
      log.Info("run", fmt::format("index {} created; it will be loaded", tree.index));
    } else if (state != *stored[i]) {
      if (auto status = WriteFirstState(target, tree, *stored[i], &state); !status) {
        return std::move(status).error().While("recording the state of index " + tree.index);
      }
    }
    states.push_back(std::move(state));
  }
  return states;
}

base::Status WriteFirstState(sink::Target& target, const schema::DocumentTree& tree,
                             const model::SyncState& read, model::SyncState* state) {
  for (;;) {
    base::Status written = target.WriteState(tree, *state);
    if (written || written.error().kind != base::ErrorKind::kRefused) return written;
    const auto present = target.ReadState(tree);
    if (!present || !*present || (*present)->applied <= state->applied) return written;
    if (!Continues(**present, read) || read.timeline != state->timeline) return written;
    state->applied = (*present)->applied;
  }
}

}  // namespace app
