// `run`: checks that nothing can get lost, then hands over to the pipeline.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/bootstrap.h"
#include "consumer/app/commands.h"
#include "consumer/app/databases.h"
#include "consumer/app/http_page.h"
#include "consumer/app/pipeline.h"
#include "consumer/app/preflight.h"
#include "consumer/app/setup.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

using base::Result;
using base::Status;

struct Origin {
  std::string system_identifier;
  std::string database;
  std::string slot;
  base::Lsn confirmed;
};

constexpr char kLoadAnew[] =
    "To load it anew, run `pgsync-consumer teardown SCHEMA`, then `pgsync-consumer bootstrap "
    "--apply SCHEMA`, and start again";

// Does the index hold what this pipeline may go on from? (design D6)
Status CheckState(const schema::DocumentTree& tree, const model::SyncState& state,
                  const Origin& origin) {
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
  if (state.fingerprint != tree.fingerprint) {
    return refused(fmt::format(
        "the schema file, or the tables behind it, changed since it was made, so old and new "
        "documents would mix. {}",
        kLoadAnew));
  }
  if (state.applied < origin.confirmed) {
    return refused(fmt::format(
        "it is older than its slot: it holds changes up to {}, but slot \"{}\" has given away all "
        "WAL before {}. It was restored from a backup, or the slot was moved or made anew. {}",
        base::ToString(state.applied), origin.slot, base::ToString(origin.confirmed), kLoadAnew));
  }
  return {};
}

// The states of all indexes; those that are not there yet are created, and will be loaded.
Result<std::vector<model::SyncState>> PrepareStates(sink::Target& target,
                                                    const std::vector<schema::DocumentTree>& trees,
                                                    const Origin& origin, base::Logger& log) {
  std::vector<model::SyncState> states;
  for (const schema::DocumentTree& tree : trees) {
    auto stored = target.ReadState(tree);
    if (!stored) return stored.error();
    if (stored->has_value()) {
      if (auto status = CheckState(tree, **stored, origin); !status) return status.error();
      states.push_back(std::move(**stored));
      continue;
    }
    model::SyncState state;
    state.fingerprint = tree.fingerprint;
    state.system_identifier = origin.system_identifier;
    state.database = origin.database;
    state.slot = origin.slot;
    state.applied = origin.confirmed;
    if (auto status = target.Create(tree, state); !status) {
      return std::move(status).error().While("creating index " + tree.index);
    }
    log.Info("run", fmt::format("index {} created; it will be loaded", tree.index));
    states.push_back(std::move(state));
  }
  return states;
}

// A position that the server has not reached would be acknowledged, and everything up to it
// skipped. Asked after the states were read: while WAL flows they advance.
Status CheckNotAhead(pg::Connection& connection, const std::vector<schema::DocumentTree>& trees,
                     const std::vector<model::SyncState>& states) {
  auto wal_end = source::CurrentWalLsn(connection);
  if (!wal_end) return wal_end.error();
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i].applied <= *wal_end) continue;
    return base::Refused(fmt::format(
        "index {}: it is ahead of its database: it holds changes up to {}, but the server's WAL "
        "ends at {}. The database was restored from a backup. {}",
        trees[i].index, base::ToString(states[i].applied), base::ToString(*wal_end), kLoadAnew));
  }
  return {};
}

Result<Origin> FindOrigin(pg::Connection& connection, const ResolvedSchema& schema) {
  auto system_identifier = source::SystemIdentifier(connection);
  if (!system_identifier) return system_identifier.error();
  auto slot = source::InspectSlot(connection, schema.slot);
  if (!slot) return slot.error();
  if (!slot->has_value()) {
    return base::Refused(
        fmt::format("slot \"{}\" does not exist", schema.slot));  // preflight said more
  }
  return Origin{std::move(*system_identifier), schema.database, schema.slot,
                (*slot)->confirmed_flush};
}

// ELASTICSEARCH and OPENSEARCH only say which engine is meant; which one answers is seen.
Status CheckEngine(const TargetConfig& target, const std::string& found) {
  const std::string& expected = target.expected_engine;
  if (target.kind != TargetConfig::Kind::kHttp || expected.empty()) return {};
  const bool is_opensearch = found.find("OpenSearch") != std::string::npos;
  if (is_opensearch == (expected == "opensearch")) return {};
  return base::Usage(fmt::format(
      "ELASTICSEARCH/OPENSEARCH ask for {}, but the target is {}; unset them, or correct "
      "ELASTICSEARCH_URL",
      expected == "opensearch" ? "OpenSearch" : "Elasticsearch", found));
}

PipelineSettings SettingsOf(const Config& config, const ResolvedSchema& schema) {
  PipelineSettings settings;
  settings.postgres = config.postgres;
  settings.database = schema.database;
  settings.slot = schema.slot;
  settings.work_mem = config.work_mem;
  settings.workers = config.workers;
  settings.rows_per_chunk = static_cast<uint32_t>(config.block_size);
  settings.keys_per_chunk = static_cast<uint32_t>(config.filter_chunk_size);
  settings.bulk_bytes = std::min(settings.bulk_bytes, config.target.http.max_bulk_bytes);
  settings.spool.memory_bytes = config.spool_memory_bytes;
  settings.spool.directory = config.spool_directory;
  settings.once = config.once;
  settings.log_interval = config.log_interval;
  return settings;
}

// One database's share of the file, until it ends.
Status RunDatabase(const Config& config, base::StopSignal& drain, base::Logger& log,
                   base::Metrics& metrics) {
  if (config.create) {
    if (auto status = Bootstrap(config, true, stderr); !status) return status;
  }

  // The schema file against the database.
  auto schema = LoadResolvedSchema(config);
  if (!schema) return schema.error();
  auto connection = pg::Connection::Open(config.postgres, schema->database);
  if (!connection) return connection.error();

  // From here the documents are known; nothing was written anywhere yet.
  const PreflightInput preflight{
      schema->database, schema->slot, schema->trees, schema->catalog,
      [&] { return pg::Connection::Open(config.postgres, schema->database, true); }};
  if (auto status = CheckBeforeRun(*connection, preflight); !status) return status;
  auto origin = FindOrigin(*connection, *schema);
  if (!origin) return origin.error();
  const std::unique_ptr<queue::Queue> queue =
      MakeQueue(config, origin->system_identifier, schema->slot);
  if (auto status = queue->Probe(); !status) return status;
  const std::unique_ptr<sink::Target> target = MakeTarget(config, schema->trees, log);
  if (auto status = target->Probe(); !status) return status;
  if (auto status = CheckEngine(config.target, target->Describe()); !status) return status;

  // From here source, queue and target are known to work, and the position is one that loses
  // nothing.
  auto states = PrepareStates(*target, schema->trees, *origin, log);
  if (!states) return states.error();
  if (auto status = CheckNotAhead(*connection, schema->trees, *states); !status) return status;
  log.Info("run", fmt::format("{} -> {} -> {}, {} workers", ToDisplay(config.postgres),
                              ToDisplay(config.queue), target->Describe(), config.workers));
  const PipelineSettings settings = SettingsOf(config, *schema);
  return RunPipeline(settings, schema->trees, *target, *queue, std::move(*states), drain, log,
                     metrics);
}

}  // namespace

Status CommandRun(const std::vector<Config>& configs, base::StopSignal& drain, base::Logger& log) {
  base::Metrics metrics;
  std::unique_ptr<HttpPage> page;
  if (const auto& address = configs.front().http) {
    auto started = HttpPage::Start(*address, {&metrics,
                                              [&]() -> std::optional<std::string> {
                                                return drain.Requested()
                                                           ? std::optional<std::string>("stopping")
                                                           : std::nullopt;
                                              },
                                              [&] { return metrics.PrometheusText(); }});
    if (!started) return started.error();
    page = std::move(*started);
  }
  return SideBySide(configs, drain, log, metrics, RunDatabase);
}

}  // namespace app
