#include "consumer/app/stream_producer.h"

#include <cstdlib>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "consumer/app/standby.h"
#include "consumer/base/backoff.h"
#include "consumer/base/crash_point.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

using base::ErrorKind;
using base::Status;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFeedbackInterval{5000};
constexpr milliseconds kIdleWait{100};
constexpr milliseconds kStatisticsInterval{10000};
// The slot confirms what was acknowledged only a moment later.
constexpr milliseconds kSettledPause{500};
constexpr int kFirstWithStreaming = 140000;
constexpr milliseconds kFullWait{5};
// The walsender of our own last session, when the network was cut, is asked to leave; one that does
// not leaves after wal_sender_timeout: a minute, unless the server is set up otherwise.
constexpr std::chrono::seconds kOwnSlotPatience{90};

}  // namespace

std::string QueueMark(const std::vector<schema::DocumentTree>& trees, int timeline) {
  return fmt::format("timeline {}\n{}", timeline, TreesMark(trees));
}

std::string TreesMark(const std::vector<schema::DocumentTree>& trees) {
  std::string mark;
  for (const schema::DocumentTree& tree : trees) {
    mark += tree.Place() + "=" + tree.fingerprint + "\n";
  }
  return mark;
}

StreamProducer::StreamProducer(PipelineContext context)
    : context_(std::move(context)),
      committed_(context_.settings.postgres, context_.settings.database),
      changes_(context_.metrics.counter("pgsync_stream_changes_total", "row changes received")),
      batches_(
          context_.metrics.counter("pgsync_stream_batches_total", "batches put into the queue")),
      blocks_(context_.metrics.counter("pgsync_stream_blocks_total",
                                       "blocks received of transactions in progress")),
      committed_blocks_(
          context_.metrics.counter("pgsync_stream_committed_blocks_total",
                                   "those of them whose transaction had committed by then")),
      streamed_(context_.metrics.counter("pgsync_stream_streamed_transactions_total",
                                         "transactions received in blocks that committed")),
      spool_transactions_(context_.metrics.gauge(
          "pgsync_spool_transactions", "transactions in progress of which something is kept")),
      spool_memory_(context_.metrics.gauge("pgsync_spool_memory_bytes",
                                           "kept of transactions in progress, in memory")),
      spool_files_(context_.metrics.gauge("pgsync_spool_file_bytes",
                                          "kept of transactions in progress, in files")) {}

void StreamProducer::Run() {
  base::Backoff backoff(milliseconds(100), milliseconds(10000));
  bool lost = false;
  while (!context_.drain.Requested()) {
    const auto started = steady_clock::now();
    Status session = Session();
    if (session && !std::exchange(reopen_, false)) break;
    if (session) continue;
    const base::Error& error = session.error();
    if (error.kind != ErrorKind::kReconnect && error.kind != ErrorKind::kRetry) {
      context_.fail(std::move(session).error());
      return;
    }
    if (steady_clock::now() - started > std::chrono::seconds(30)) {
      backoff.Reset();
      lost = false;
    }
    if (!std::exchange(lost, true)) {
      context_.log.Warning("source", error.message + "; connecting again");
    }
    if (context_.drain.WaitFor(backoff.Next())) break;
  }
}

// One connection's life: from the slot's position until drain or an error.
Status StreamProducer::Session() {
  if (auto status = WaitUntilSlotIsFree(); !status) return status;
  if (context_.drain.Requested()) return {};

  auto sql = pg::Connection::Open(context_.settings.postgres, context_.settings.database);
  if (!sql) return sql.error();
  auto slot = source::InspectSlot(*sql, context_.settings.slot);
  if (!slot) return slot.error();
  if (!slot->has_value()) {
    return base::Refused(
        fmt::format("the replication slot \"{}\" is gone; changes since it was dropped are lost to "
                    "it. Run `pgsync-consumer "
                    "teardown SCHEMA`, then `pgsync-consumer bootstrap --apply SCHEMA` and start "
                    "again: everything is loaded anew; or start with --on-lost-slot reload, which "
                    "does it in place",
                    context_.settings.slot));
  }
  auto connection =
      pg::Connection::Open(context_.settings.postgres, context_.settings.database, true);
  if (!connection) return connection.error();
  auto server = source::IdentifySystem(*connection);
  if (!server) return server.error();
  if (auto same = CheckServer(*server); !same) return same;
  auto pid = connection->Query("SELECT pg_backend_pid()");
  if (!pid) return pid.error();
  own_pid_ = std::atoi(std::string(pid->Cell(0, 0)).c_str());
  auto start =
      context_.producer.Open((*slot)->confirmed_flush, QueueMark(context_.trees, server->timeline),
                             context_.settings.role == Role::kProducer);
  if (!start) return start.error();
  restart_.store(false);
  generation_.fetch_add(1);

  source::PluginOptions options;
  options.tables = schema::TablesUsed(context_.trees);
  options.streaming = !whole_only_ && connection->ServerVersion() >= kFirstWithStreaming;
  options.statistics_interval = kStatisticsInterval;
  // A load reads a table page by page, with a snapshot for each part. An UPDATE moves its row,
  // maybe from a page that is not read yet to one that was, whatever it changes.
  options.every_update = every_update_ = !context_.board.AllSettled((*slot)->confirmed_flush);
  auto stream = source::ReplicationStream::Start(std::move(*connection), context_.settings.slot,
                                                 *start, options, context_.log, kFeedbackInterval);
  if (!stream) {
    // Somebody was faster in the last moment.
    auto now = source::InspectSlot(*sql, context_.settings.slot);
    if (now && now->has_value() && (*now)->active && (*now)->active_pid != own_pid_) {
      return Taken((*now)->active_pid);
    }
    return stream.error();
  }
  context_.log.Info("source", fmt::format("streaming slot \"{}\" from {}", context_.settings.slot,
                                          base::ToString(*start)));
  context_.producer.Advance(*start);
  BatchCollector collector(context_.trees, *start, context_.settings.developer.batch_bytes,
                           context_.settings.spool);
  const Status consumed = Consume(**stream, &collector);
  ShowSpool({});  // goes with the session: the server sends it again
  if (!consumed) {
    return options.streaming && (*stream)->EndedByServer() ? WithoutStreaming(consumed) : consumed;
  }

  if (std::exchange(settled_, false)) {
    Acknowledge(**stream);
    if (auto stopped = (*stream)->Stop(); !stopped) return stopped;
    reopen_ = true;
    return {};
  }
  // Drained: keep the server content until everything is recorded, then acknowledge it and leave.
  while (!finish_.WaitFor(milliseconds(20))) {
    Acknowledge(**stream);
    if (auto status = (*stream)->KeepAlive(); !status) return status;
  }
  Acknowledge(**stream);
  return (*stream)->Stop();
}

// Transactions in progress ask more of the server than committed ones: it reads catalogs while
// others roll back changes of them. It has errors there that come again at every try ("could not
// map filenode", seen in 15.20 beside ALTER TABLE), although the transaction can be read after its
// end.
Status StreamProducer::WithoutStreaming(const Status& failed) {
  const base::Error& error = failed.error();
  if (error.kind != ErrorKind::kFatal) return failed;
  whole_only_ = true;
  context_.log.Warning("source", error.message +
                                     "; transactions are read after their end from now on, until "
                                     "the next start: large ones take room on the server's disk");
  return base::Reconnect("leaving out transactions in progress");
}

Status StreamProducer::WaitUntilSlotIsFree() {
  const auto deadline = steady_clock::now() + kOwnSlotPatience;
  base::Backoff backoff(milliseconds(20), milliseconds(500));
  bool told = false;
  while (true) {
    auto sql = pg::Connection::Open(context_.settings.postgres, context_.settings.database);
    if (!sql) return sql.error();
    auto slot = source::InspectSlot(*sql, context_.settings.slot);
    if (!slot) return slot.error();
    if (!slot->has_value() || !(*slot)->active) return {};
    // Before the queue is opened, which would take it away from the process that is at work.
    const int pid = (*slot)->active_pid;
    if (pid != own_pid_ || steady_clock::now() > deadline) return Taken(pid);
    if (!std::exchange(told, true)) {
      context_.log.Info("source",
                        fmt::format("slot \"{}\" is still in use by process {}, our last session; "
                                    "ending that",
                                    context_.settings.slot, pid));
      // A role may end its own sessions. If it does not work, the server's timeout will.
      (void)sql->Query(fmt::format("SELECT pg_terminate_backend({})", pid));
    }
    if (context_.drain.WaitFor(backoff.Next())) return {};
  }
}

// Positions of before a promotion are not those of after it: the indexes have to be judged again.
Status StreamProducer::CheckServer(const source::SystemIdentity& server) {
  const PipelineSettings& settings = context_.settings;
  if (server.system_identifier == settings.system_identifier &&
      server.timeline == settings.timeline) {
    return {};
  }
  if (settings.taken != nullptr) settings.taken->store(true);
  return base::Refused(fmt::format(
      "the server is another one now, or was promoted: system identifier {}, timeline {}, before "
      "{}, {}; a start judges the indexes anew",
      server.system_identifier, server.timeline, settings.system_identifier, settings.timeline));
}

base::Error StreamProducer::Taken(int pid) {
  if (context_.settings.taken != nullptr) context_.settings.taken->store(true);
  return SlotInUse(context_.settings.slot, pid);
}

Status StreamProducer::Consume(source::ReplicationStream& stream, BatchCollector* collector) {
  const auto begun = steady_clock::now();
  auto last_request = begun;
  const milliseconds wait = Nap(context_.settings, kIdleWait);
  PluginCounters counters(context_.metrics);
  while (!context_.drain.Requested()) {
    if (restart_.load()) {
      return base::Reconnect("the queue was lost or reset; starting again from the slot");
    }
    Acknowledge(stream);
    if (every_update_ && context_.board.AllSettled(base::Lsn{flushed_.load()}) &&
        steady_clock::now() - begun > kSettledPause) {
      context_.log.Info("source", "all is loaded; leaving out what touches nothing from now on");
      settled_ = true;
      return {};
    }
    auto event = stream.Next(wait);
    if (!event) return event.error();

    if (auto* frame = std::get_if<source::Frame>(&*event)) {
      PGSYNC_CRASH_POINT("receive");
      for (const model::Record& record : *frame) {
        if (const auto* statistics = std::get_if<model::Statistics>(&record)) {
          counters.Take(*statistics);
          continue;
        }
        auto taken = Take(record, stream, collector);
        if (!taken) return taken.error();
        if (!*taken) return {};
      }
      ShowSpool(collector->SpoolUsage());
    } else if (const auto* keepalive = std::get_if<source::Keepalive>(&*event)) {
      collector->Advance(keepalive->wal_end);
    }

    if (!stream.MoreBuffered()) {
      if (!collector->Empty()) {
        auto put = Put(stream, collector);
        if (!put) return put.error();
        if (!*put) return {};
      }
      context_.producer.Advance(collector->CompleteThrough());
    }
    received_.store(collector->CompleteThrough().value);

    // `once` waits for the server's word that there is nothing more up to now.
    if (context_.settings.once && steady_clock::now() - last_request > wait) {
      last_request = steady_clock::now();
      if (auto status = stream.Feedback(true); !status) return status;
    }
  }
  return {};
}

base::Result<bool> StreamProducer::Take(const model::Record& record,
                                        source::ReplicationStream& stream,
                                        BatchCollector* collector) {
  if (std::holds_alternative<model::RowChange>(record)) changes_.Add();
  if (std::holds_alternative<model::StreamStart>(record)) blocks_.Add();
  if (std::holds_alternative<model::StreamCommit>(record)) streamed_.Add();
  if (auto status = collector->Add(record); !status) return status.error();
  if (const auto* start = std::get_if<model::StreamStart>(&record)) {
    if (committed_.Committed(start->xid)) {
      collector->BlockIsCommitted();
      committed_blocks_.Add();
    }
  } else if (std::holds_alternative<model::StreamCommit>(record) ||
             std::holds_alternative<model::StreamAbort>(record)) {
    committed_.Rest();
  }
  while (true) {
    if (collector->Full()) {
      auto put = Put(stream, collector);
      if (!put || !*put) return put;
    }
    if (!collector->Replaying()) return true;
    // A large transaction takes its time, and the server must not think that we are gone.
    Acknowledge(stream);
    if (auto status = stream.KeepAlive(); !status) return status.error();
    if (auto status = collector->Replay(); !status) return status.error();
  }
}

// Waits for room in the queue. False when drain came first: the batch was not added and nothing may
// be advanced past it; it will be read from the slot again.
base::Result<bool> StreamProducer::Put(source::ReplicationStream& stream,
                                       BatchCollector* collector) {
  const model::Batch batch = collector->Take();
  batches_.Add();
  while (!context_.drain.Requested()) {
    if (restart_.load()) {
      return base::Reconnect("the queue was lost or reset; starting again from the slot");
    }
    auto added = context_.producer.TryAdd(queue::Lane::kStream, batch);
    if (added && *added) {
      PGSYNC_CRASH_POINT("xadd");
      return true;
    }
    if (!added && added.error().kind != ErrorKind::kRetry) return added.error();
    Acknowledge(stream);
    if (auto status = stream.KeepAlive(); !status) return status.error();
    context_.drain.WaitFor(kFullWait);
  }
  return false;
}

void StreamProducer::ShowSpool(const spool::Usage& usage) {
  spool_transactions_.Set(static_cast<int64_t>(usage.transactions));
  spool_memory_.Set(static_cast<int64_t>(usage.memory_bytes));
  spool_files_.Set(static_cast<int64_t>(usage.file_bytes));
}

void StreamProducer::Acknowledge(source::ReplicationStream& stream) {
  stream.SetFlushed(base::Lsn{flushed_.load()});
}

}  // namespace app
