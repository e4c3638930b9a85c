// `run` and `load`: check that nothing can get lost, then hand over to the pipeline. `load` is a
// run that ends when what was asked for is loaded: changes are followed and acknowledged meanwhile,
// for all documents of the file, because they share the slot.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/bootstrap.h"
#include "consumer/app/commands.h"
#include "consumer/app/databases.h"
#include "consumer/app/generations.h"
#include "consumer/app/http_page.h"
#include "consumer/app/index_state.h"
#include "consumer/app/live_line.h"
#include "consumer/app/load_choice.h"
#include "consumer/app/lost_slot.h"
#include "consumer/app/pipeline.h"
#include "consumer/app/preflight.h"
#include "consumer/app/retired_generations.h"
#include "consumer/app/schema_watch.h"
#include "consumer/app/setup.h"
#include "consumer/app/standby.h"
#include "consumer/app/stream_producer.h"
#include "consumer/app/wal_guard.h"
#include "consumer/base/backoff.h"
#include "consumer/source/slot.h"
#include "consumer/source/timelines.h"

namespace app {
namespace {

using base::ErrorKind;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

// The walsender of a predecessor that was killed may need some time to notice.
constexpr milliseconds kOncePatience{10'000};
constexpr milliseconds kAfterTaken{500};

Result<Origin> FindOrigin(const Config& config, pg::Connection& connection,
                          const ResolvedSchema& schema) {
  auto replication = pg::Connection::Open(config.postgres, schema.database, true);
  if (!replication) return std::move(replication).error();
  auto server = source::IdentifySystem(*replication);
  if (!server) return std::move(server).error();
  auto timelines = source::ReadTimelines(*replication, server->timeline);
  if (!timelines) return std::move(timelines).error();
  auto slot = source::InspectSlot(connection, schema.slot);
  if (!slot) return slot.error();
  if (!slot->has_value()) {
    return base::Refused(
        fmt::format("slot \"{}\" does not exist", schema.slot));  // preflight said more
  }
  return Origin{std::move(server->system_identifier), schema.database, schema.slot,
                (*slot)->confirmed_flush, std::move(*timelines)};
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

// What one database's share of a run keeps from one pipeline to the next.
struct Share {
  std::atomic<int>* standing_by;
  LiveLine* live;
  bool again;  // load: what is loaded is to be loaded again; not a second time
};

// Ends by itself: nothing is left for it to do after somebody else, who streams the slot.
bool EndsByItself(const Config& config) { return config.once || config.command == Command::kLoad; }

PipelineSettings SettingsOf(const Config& config, const ResolvedSchema& schema) {
  PipelineSettings settings;
  settings.postgres = config.postgres;
  settings.database = schema.database;
  settings.slot = schema.slot;
  settings.work_mem = config.work_mem;
  settings.role = config.role;
  settings.workers = config.workers;
  settings.rows_per_fetch = config.query_chunk_size;
  settings.rows_per_chunk = static_cast<uint32_t>(config.block_size);
  settings.keys_per_chunk = static_cast<uint32_t>(config.filter_chunk_size);
  settings.bulk_bytes = std::min(settings.bulk_bytes, config.target.http.max_bulk_bytes);
  settings.spool.memory_bytes = config.spool_memory_bytes;
  settings.spool.directory = config.spool_directory;
  settings.developer = config.developer;
  settings.once = config.once;
  settings.log_interval = config.log_interval;
  settings.load_rate = config.rate;
  if (config.command == Command::kLoad) {
    settings.load_only = true;
    settings.load_documents = ChosenDocuments(config, schema.trees);
    for (const schema::DocumentTree& tree : schema.trees) {
      if (tree.stage == schema::Stage::kRetiring) settings.load_documents[tree.number] = false;
    }
  }
  return settings;
}

// The file against the tables as they are now. While running nobody reads findings: they are the
// error.
Result<ResolvedSchema> ResolveAgain(const Config& config) {
  auto file = ReadSchemaFile(config);
  if (!file) return std::move(file).error();
  std::vector<schema::Finding> findings = file->findings();
  if (file->ok()) {
    auto connection = pg::Connection::Open(config.postgres, DatabaseOf(config, *file));
    if (!connection) return std::move(connection).error();
    auto resolved = ResolveSchema(config, *file, *connection);
    if (!resolved || !schema::HasErrors(resolved->findings)) return resolved;
    findings = std::move(resolved->findings);
  }
  std::string errors;
  for (const schema::Finding& finding : findings) {
    if (finding.level == schema::Finding::Level::kError) errors += schema::ToString(finding) + "\n";
  }
  return base::Refused(
      errors +
      "the tables changed, and the schema file no longer fits them. Adapt the file "
      "or the tables, then start again: it goes on where it stopped");
}

bool MayPass(const base::Error& error) {
  return error.kind == base::ErrorKind::kRetry || error.kind == base::ErrorKind::kReconnect;
}

// Of a role in several processes: what only one process can order.
Status CheckRole(const Config& config, const schema::DocumentTree& tree) {
  if (config.role == Role::kAll) return {};
  const bool made_routing = !tree.routing_key.empty() && tree.routing_column.empty();
  if (tree.versioned && !schema::HasLookups(tree) && !made_routing) return {};
  return base::Refused(fmt::format(
      "index {}: with {} one process has to build all documents; leave --role out", tree.index,
      !tree.versioned ? "\"version\": false"
      : made_routing  ? "a routing that a transform makes"
                      : "\"lookup\": \"index\""));
}

// How a pipeline ended, beside its status.
struct Ending {
  const base::StopSignal& drain;   // of the process: while others end the pipeline alone
  std::atomic<bool> taken{false};  // another daemon, or another server, is at work by now
  bool served = false;             // searches see another generation now
  bool changed = false;            // the tables of a retiring generation did
};

// Whether the tables of these trees are no longer what they were, which an error can be the first
// sign of.
bool ShapesChanged(pg::Connection& connection, const ResolvedSchema& schema) {
  std::vector<schema::TableName> names;
  for (const auto& [name, shape] : schema.shapes) names.push_back(name);
  auto now = ReadShapes(connection, names);
  return now && ShapesOf(schema.trees, *now) != ShapesOf(schema.trees, schema.shapes);
}

// From the slot being free to the end of the pipeline. `file`: what the schema file says; beside
// its documents, those of generations that searches still see are followed.
Status RunInTurn(const Config& config, const ResolvedSchema& file, pg::Connection& connection,
                 base::StopSignal& stop, const std::atomic<bool>& changed, Ending* ending,
                 Share* share, base::Logger& log, base::Metrics& metrics) {
  ResolvedSchema schema = file;
  auto origin = FindOrigin(config, connection, schema);
  if (!origin) return origin.error();
  const std::unique_ptr<queue::Queue> queue =
      MakeQueue(config, origin->system_identifier, schema.slot);
  if (auto status = queue->Probe(); !status) return status;
  const std::unique_ptr<sink::Target> target = MakeTarget(config, schema.trees, log);
  if (auto status = target->Probe(); !status) return status;
  if (auto status = CheckEngine(config.target, target->Describe()); !status) return status;

  auto generations = TakeUpGenerations(
      config, connection, *target, *origin,
      [&](const schema::DocumentTree& tree) { return CheckRole(config, tree); }, &schema, log);
  if (!generations) return generations.error();
  // From here source, queue and target are known to work, and the position is one that loses
  // nothing.
  PipelineSettings settings = SettingsOf(config, schema);
  settings.system_identifier = origin->system_identifier;
  settings.timeline = origin->timelines.current;
  auto states = PrepareStates(connection, *target, schema.trees,
                              ShapesOf(schema.trees, schema.shapes), *origin, config.reload_lost,
                              share->again ? settings.load_documents : std::vector<bool>(), log);
  if (!states) return states.error();
  share->again = false;
  log.Info("run", fmt::format("{} -> {} -> {}, {} workers", ToDisplay(config.postgres),
                              ToDisplay(config.queue), target->Describe(), config.workers));
  settings.live = share->live;
  settings.starts_again = &changed;
  settings.taken = &ending->taken;
  settings.next = generations->next;
  std::vector<uint32_t> ready;
  settings.ready = &ready;
  const milliseconds grace =
      config.developer.grace + (config.role == Role::kAll ? milliseconds(0) : kOtherProcesses);
  const RetiredGenerations retired(*target, std::move(generations->retired), grace,
                                   EndsByItself(config), log);
  const bool more = schema.trees.size() > file.trees.size();
  std::optional<SchemaWatch> watch;
  if (more) watch.emplace(config.postgres, schema, stop, log);
  const Status ended =
      RunPipeline(settings, schema.trees, *target, *queue, std::move(*states), stop, log, metrics);
  ending->changed = more && (watch->Changed() || (!ended && ShapesChanged(connection, schema)));
  if (!ended || ready.empty()) return ended;
  // Nobody writes now, and the successor holds what its predecessor holds.
  ending->served = true;
  return ServeGenerations(*target, schema.trees, ready, ending->drain, log);
}

// From the tables as they are now to the end of the pipeline: by a stop, an error, or because
// the tables changed.
Status RunUntilChange(const Config& config, const ResolvedSchema& schema, base::StopSignal& stop,
                      const std::atomic<bool>& changed, Ending* ending, Share* share,
                      base::Logger& log, base::Metrics& metrics) {
  auto connection = pg::Connection::Open(config.postgres, schema.database);
  if (!connection) return connection.error();

  // Nothing was written anywhere yet.
  const PreflightInput preflight{
      schema.database, schema.slot, schema.trees, schema.catalog,
      [&] { return pg::Connection::Open(config.postgres, schema.database, true); }};
  if (auto status = CheckBeforeRun(*connection, preflight, &log); !status) return status;
  const Turn turn{config.postgres, schema.database, schema.slot,
                  EndsByItself(config) ? std::optional(kOncePatience) : std::nullopt,
                  share->standing_by};
  auto outcome = WaitForTurn(turn, stop, log);
  if (!outcome) return outcome.error();
  if (*outcome == TurnOutcome::kStopped) return {};
  if (*outcome == TurnOutcome::kFree) {
    return RunInTurn(config, schema, *connection, stop, changed, ending, share, log, metrics);
  }
  // What took the other one away may be taking the server away, too; and the connection is old.
  auto fresh = pg::Connection::Open(config.postgres, schema.database);
  const Status ended =
      !fresh ? Status(fresh.error())
             : RunInTurn(config, schema, *fresh, stop, changed, ending, share, log, metrics);
  if (!ended && MayPass(ended.error())) ending->taken.store(true);
  return ended;
}

Status CheckRole(const Config& config, const std::vector<schema::DocumentTree>& trees) {
  for (const schema::DocumentTree& tree : trees) {
    if (auto checked = CheckRole(config, tree); !checked) return checked;
  }
  return {};
}

// The mark of a producer that works from the same trees; waits for it. "" after a stop.
Result<std::string> WaitForProducer(queue::Queue& queue, const ResolvedSchema& schema,
                                    base::StopSignal& stop, base::Logger& log) {
  const std::string ours = TreesMark(schema.trees);
  std::string told;
  for (base::Backoff backoff(milliseconds(100), milliseconds(2000)); !stop.Requested();) {
    auto mark = queue.Attach();
    std::string why;
    if (mark && mark->ends_with(ours)) return mark;
    if (mark) {
      why = "the producer works from another schema file, or from the tables as they were";
    } else if (mark.error().kind == ErrorKind::kRetry ||
               mark.error().kind == ErrorKind::kReconnect) {
      why = mark.error().message;
    } else {
      return std::move(mark).error();
    }
    if (why != told) log.Info("worker", why + "; waiting for it");
    told = why;
    if (mark) return std::string();  // somebody has to look at the tables again
    stop.WaitFor(backoff.Next());
  }
  return std::string();
}

// Workers of one database's share, as long as the producer works from what they know: then, too, it
// is a success.
Status RunWorkersUntilChange(const Config& config, const ResolvedSchema& file,
                             base::StopSignal& stop, base::Logger& log, base::Metrics& metrics) {
  auto connection = pg::Connection::Open(config.postgres, file.database);
  if (!connection) return connection.error();
  auto system_identifier = source::SystemIdentifier(*connection);
  if (!system_identifier) return system_identifier.error();
  ResolvedSchema schema = file;
  const std::unique_ptr<queue::Queue> queue = MakeQueue(config, *system_identifier, schema.slot);
  if (auto status = queue->Probe(); !status) return status;
  const std::unique_ptr<sink::Target> target = MakeTarget(config, schema.trees, log);
  if (auto status = target->Probe(); !status) return status;
  // Where the slot is does not matter: whatever else the producer makes of it, the mark tells.
  const Origin origin{std::move(*system_identifier), schema.database, schema.slot, {}};
  if (auto joined = JoinGenerations(config, *connection, *target, origin, &schema); !joined) {
    return joined;
  }
  auto mark = WaitForProducer(*queue, schema, stop, log);
  if (!mark || mark->empty()) return mark ? Status() : Status(std::move(mark).error());
  log.Info("worker", fmt::format("{} workers on {} -> {}", config.workers, ToDisplay(config.queue),
                                 target->Describe()));
  PipelineSettings settings = SettingsOf(config, schema);
  const Status ended =
      RunWorkers(settings, schema.trees, *target, *queue, *mark, stop, log, metrics);
  const auto now = queue->Attach();
  return !ended && now && *now != *mark ? Status() : ended;
}

// The role `worker`: follows the producer through changes of the tables.
Status RunWorkerProcess(const Config& config, base::StopSignal& drain, base::Logger& log,
                        base::Metrics& metrics) {
  auto schema = LoadResolvedSchema(config);
  if (!schema) return schema.error();
  if (auto status = CheckRole(config, schema->trees); !status) return status;
  base::Backoff backoff(milliseconds(200), milliseconds(5000));
  while (!drain.Requested()) {
    base::StopSignal stop;
    drain.AddFollower(&stop);
    const Status ended = RunWorkersUntilChange(config, *schema, stop, log, metrics);
    drain.RemoveFollower(&stop);
    if (drain.Requested() || (!ended && !MayPass(ended.error()))) return ended;
    // The producer began again from other tables, or has not yet noticed what we see.
    auto present = ResolveAgain(config);
    if (present) schema = std::move(present);
    drain.WaitFor(backoff.Next());
  }
  return {};
}

// One database's share of the file, until it ends. When the tables change so that documents or
// their sources differ, the pipeline ends in order and another one begins, from the tables as they
// then are; what of the index can stay, PrepareStates decides.
Status RunDatabase(const Config& config, base::StopSignal& drain, Share share, base::Logger& log,
                   base::Metrics& metrics) {
  if (config.role == Role::kWorker) return RunWorkerProcess(config, drain, log, metrics);
  if (config.create) {
    if (auto status = Bootstrap(config, true, stderr); !status) return status;
  }
  auto schema = LoadResolvedSchema(config);
  if (!schema) return schema.error();
  if (auto status = CheckRole(config, schema->trees); !status) return status;
  if (config.command == Command::kLoad) {
    const std::vector<bool> chosen = ChosenDocuments(config, schema->trees);
    if (std::find(chosen.begin(), chosen.end(), true) == chosen.end()) {
      log.Info("run", "no document is both of --only and of --tables; there is nothing to load");
      return {};
    }
  }
  base::Backoff backoff(milliseconds(100), milliseconds(10000));
  bool waits_for_server = false;  // was at work, or a standby: a server that is away comes back
  for (bool first = true;; first = false) {
    if (config.reload_lost) {
      if (auto renewed = RenewLostSlot(config, *schema, log); !renewed && first) return renewed;
    }
    base::StopSignal stop;
    drain.AddFollower(&stop);
    bool changed = false, gives_up = false;
    Ending ending{drain};
    Status ended;
    {
      SchemaWatch watch(config.postgres, *schema, stop, log);
      WalGuard guard(config.postgres, schema->database, schema->slot,
                     {config.wal_warn_bytes, config.wal_limit_bytes}, stop, log, metrics);
      ended = RunUntilChange(config, *schema, stop, watch.Changed(), &ending, &share, log, metrics);
      changed = watch.Changed().load() || ending.changed;
      gives_up = guard.GivesUp().load();
    }
    drain.RemoveFollower(&stop);
    if (drain.Requested()) return ended;
    if (ended && ending.served && !gives_up) continue;
    if (ended && !changed && !gives_up) return ended;
    if (gives_up) {
      base::Error given_up = GiveUpSlot(config, *schema);
      if (!config.reload_lost || given_up.kind != ErrorKind::kRefused) return given_up;
      log.Warning("run", given_up.message);
      continue;
    }
    if (config.reload_lost && !ended) {
      auto lost = SlotIsLost(config, *schema);
      if (lost && *lost) continue;
    }
    if (ending.taken && !ended && !EndsByItself(config)) {
      waits_for_server = true;
      log.Warning("run", ended.error().message + "; standing by");
      if (drain.WaitFor(kAfterTaken)) return {};
      continue;
    }

    // An error can be the first sign of a change: a statement names a column that is gone.
    auto present = ResolveAgain(config);
    if (!present) {
      if (MayPass(present.error()) && (changed || waits_for_server)) {
        if (drain.WaitFor(backoff.Next())) return ended;
        continue;
      }
      const bool says_why = changed || present.error().kind == ErrorKind::kRefused;
      return says_why ? Status(std::move(present).error()) : ended;
    }
    if (ShapesOf(present->trees, present->shapes) != ShapesOf(schema->trees, schema->shapes)) {
      backoff.Reset();
      log.Info("run", "the tables changed; beginning again from what they are now");
    } else if (!changed && (first || !MayPass(ended.error()))) {
      return ended;
    } else if (drain.WaitFor(backoff.Next())) {
      return ended;
    }
    schema = std::move(present);
  }
}

// What `load` was told to choose, before anything is begun.
Status CheckChoice(const Config& config) {
  if (config.command != Command::kLoad) return {};
  auto file = ReadSchemaFile(config);
  if (!file) return std::move(file).error();
  if (!file->ok()) return {};  // its findings come soon
  return CheckLoadChoice(config, *file);
}

}  // namespace

Status CommandRun(const std::vector<Config>& configs, base::StopSignal& drain, base::Logger& log) {
  if (auto status = CheckChoice(configs.front()); !status) return status;
  base::Metrics metrics;
  std::atomic<int> standing_by{0};
  std::unique_ptr<HttpPage> page;
  if (const auto& address = configs.front().http) {
    auto started = HttpPage::Start(*address, {&metrics,
                                              [&]() -> std::optional<std::string> {
                                                return drain.Requested()
                                                           ? std::optional<std::string>("stopping")
                                                           : std::nullopt;
                                              },
                                              [&] { return metrics.PrometheusText(); },
                                              [&] { return standing_by > 0 ? "standby" : "ok"; }});
    if (!started) return started.error();
    page = std::move(*started);
  }
  const auto live = LiveLine::OnTerminal(configs.front().log_format, log);
  base::Logger& shown_log = live ? *live : log;
  return SideBySide(configs, drain, shown_log, metrics,
                    [&](const Config& config, base::StopSignal& stop, base::Logger& its_log,
                        base::Metrics& its_metrics) {
                      const Share share{&standing_by, live.get(), config.again};
                      return RunDatabase(config, stop, share, its_log, its_metrics);
                    });
}

}  // namespace app
