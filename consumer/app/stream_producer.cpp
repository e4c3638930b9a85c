#include "consumer/app/stream_producer.h"

#include <utility>
#include <variant>

#include <fmt/format.h>

#include "consumer/base/backoff.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

using base::ErrorKind;
using base::Status;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kBatchBytes = 256 * 1024;
constexpr milliseconds kFeedbackInterval{5000};
constexpr milliseconds kIdleWait{100};
constexpr milliseconds kFullWait{5};
// How long the walsender of a predecessor that was killed may take to notice.
constexpr std::chrono::seconds kSlotPatience{10};
// The walsender of our own last session, when the network was cut, leaves after wal_sender_timeout:
// a minute, unless the server is set up otherwise.
constexpr std::chrono::seconds kOwnSlotPatience{90};

// What the contents of a queue stand for. Batches name documents and entry points by number, and
// positions of before a restore or a promotion are not those of after it.
std::string QueueMark(const std::vector<schema::DocumentTree>& trees, int timeline) {
  std::string mark = fmt::format("timeline {}\n", timeline);
  for (const schema::DocumentTree& tree : trees) mark += tree.index + "=" + tree.fingerprint + "\n";
  return mark;
}

}  // namespace

StreamProducer::StreamProducer(PipelineContext context)
    : context_(std::move(context)),
      changes_(context_.metrics.counter("pgsync_stream_changes_total", "row changes received")),
      batches_(
          context_.metrics.counter("pgsync_stream_batches_total", "batches put into the queue")) {}

void StreamProducer::Run() {
  base::Backoff backoff(milliseconds(100), milliseconds(10000));
  bool lost = false;
  while (!context_.drain.Requested()) {
    const auto started = steady_clock::now();
    Status session = Session();
    if (session) break;
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
                    "again: everything is loaded anew",
                    context_.settings.slot));
  }
  auto connection =
      pg::Connection::Open(context_.settings.postgres, context_.settings.database, true);
  if (!connection) return connection.error();
  auto server = source::IdentifySystem(*connection);
  if (!server) return server.error();
  auto start =
      context_.producer.Open((*slot)->confirmed_flush, QueueMark(context_.trees, server->timeline));
  if (!start) return start.error();
  restart_.store(false);
  generation_.fetch_add(1);

  source::PluginOptions options;
  options.tables = schema::TablesUsed(context_.trees);
  auto stream = source::ReplicationStream::Start(std::move(*connection), context_.settings.slot,
                                                 *start, options, context_.log, kFeedbackInterval);
  if (!stream) return stream.error();
  context_.log.Info("source", fmt::format("streaming slot \"{}\" from {}", context_.settings.slot,
                                          base::ToString(*start)));
  context_.producer.Advance(*start);
  BatchCollector collector(context_.trees, *start, kBatchBytes);
  if (auto status = Consume(**stream, &collector); !status) return status;

  // Drained: keep the server content until everything is recorded, then acknowledge it and leave.
  while (!finish_.WaitFor(milliseconds(20))) {
    Acknowledge(**stream);
    if (auto status = (*stream)->KeepAlive(); !status) return status;
  }
  Acknowledge(**stream);
  return (*stream)->Stop();
}

Status StreamProducer::WaitUntilSlotIsFree() {
  const auto patience = Generation() == 0 ? kSlotPatience : kOwnSlotPatience;
  const auto deadline = steady_clock::now() + patience;
  base::Backoff backoff(milliseconds(20), milliseconds(500));
  bool told = false;
  while (true) {
    auto sql = pg::Connection::Open(context_.settings.postgres, context_.settings.database);
    if (!sql) return sql.error();
    auto slot = source::InspectSlot(*sql, context_.settings.slot);
    if (!slot) return slot.error();
    if (!slot->has_value() || !(*slot)->active) return {};
    // Before the queue is opened, which would take it away from the process that is at work.
    if (steady_clock::now() > deadline) {
      return base::Refused(fmt::format(
          "slot \"{}\" is in use by process {}: another pgsync-consumer runs on it; stop "
          "it, or use --slot",
          context_.settings.slot, (*slot)->active_pid));
    }
    if (!std::exchange(told, true)) {
      context_.log.Info("source",
                        fmt::format("slot \"{}\" is in use by process {}; waiting up to {} s",
                                    context_.settings.slot, (*slot)->active_pid, patience.count()));
    }
    if (context_.drain.WaitFor(backoff.Next())) return {};
  }
}

Status StreamProducer::Consume(source::ReplicationStream& stream, BatchCollector* collector) {
  auto last_request = steady_clock::now();
  while (!context_.drain.Requested()) {
    if (restart_.load()) {
      return base::Reconnect("the queue was lost or reset; starting again from the slot");
    }
    Acknowledge(stream);
    auto event = stream.Next(kIdleWait);
    if (!event) return event.error();

    if (auto* frame = std::get_if<std::vector<model::Record>>(&*event)) {
      for (const model::Record& record : *frame) {
        if (std::holds_alternative<model::RowChange>(record)) changes_.Add();
        if (auto status = collector->Add(record); !status) return status;
        if (!collector->Full()) continue;
        auto put = Put(stream, collector);
        if (!put) return put.error();
        if (!*put) return {};
      }
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
    if (context_.settings.once && steady_clock::now() - last_request > kIdleWait) {
      last_request = steady_clock::now();
      if (auto status = stream.Feedback(true); !status) return status;
    }
  }
  return {};
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
    if (added && *added) return true;
    if (!added && added.error().kind != ErrorKind::kRetry) return added.error();
    Acknowledge(stream);
    if (auto status = stream.KeepAlive(); !status) return status.error();
    context_.drain.WaitFor(kFullWait);
  }
  return false;
}

void StreamProducer::Acknowledge(source::ReplicationStream& stream) {
  stream.SetFlushed(base::Lsn{flushed_.load()});
}

}  // namespace app
