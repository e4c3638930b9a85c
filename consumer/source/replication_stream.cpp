#include "consumer/source/replication_stream.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "consumer/base/crash_point.h"
#include "consumer/source/slot.h"

namespace source {

using base::Lsn;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

namespace {

// A position that advanced is told soon, but not for every batch: the server may write its slot to
// disk for each.
constexpr milliseconds kAdvanceInterval{100};

// Message formats: "Streaming Replication Protocol" in PostgreSQL's documentation. Numbers are big
// endian.
//   'w' XLogData   start:8 wal_end:8 time:8 bytes
//   'k' keepalive  wal_end:8 time:8 reply_requested:1
//   'r' status     written:8 flushed:8 applied:8 time:8 reply_requested:1
constexpr size_t kWalHeader = 1 + 8 + 8 + 8;
constexpr size_t kKeepalive = 1 + 8 + 8 + 1;

uint64_t Big8(std::string_view bytes, size_t at) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

void AppendBig8(uint64_t number, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(number >> shift));
}

int64_t PostgresNow() {
  constexpr int64_t kUnixTo2000 = 946'684'800'000'000;
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
             .count() -
         kUnixTo2000;
}

Result<milliseconds> AffordableInterval(pg::Connection& connection, milliseconds wanted);

void AppendColumns(const std::vector<std::string>& columns, std::string* out) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out->push_back(',');
    *out += schema::QuotedIdentifier(columns[i]);
  }
}

}  // namespace

std::string TablesOption(const std::vector<schema::TableUse>& tables) {
  std::string option;
  for (const schema::TableUse& use : tables) {
    std::vector<std::string> watched;
    for (const std::string& column : use.watched) {
      if (std::find(use.emitted.begin(), use.emitted.end(), column) == use.emitted.end()) {
        watched.push_back(column);
      }
    }
    if (!option.empty()) option += ", ";
    option += schema::Quoted(use.table);
    if (use.every_column) continue;
    option += "(";
    AppendColumns(use.emitted, &option);
    if (use.emitted.empty() || !watched.empty()) option += ";";
    AppendColumns(watched, &option);
    option += ")";
  }
  return option;
}

std::string StartCommand(const std::string& slot, Lsn start, const PluginOptions& options) {
  std::string command = fmt::format(
      "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', origin {}",
      schema::QuotedIdentifier(slot), base::ToString(start), pg::QuoteLiteral(options.origin));
  if (options.streaming) command += ", streaming 'on'";
  if (options.every_update) command += ", every_update 'on'";
  if (options.statistics_interval) {
    command += fmt::format(", statistics_interval '{}'", options.statistics_interval->count());
  }
  return command + fmt::format(", tables {})", pg::QuoteLiteral(TablesOption(options.tables)));
}

Result<std::unique_ptr<ReplicationStream>> ReplicationStream::Start(
    pg::Connection connection, const std::string& slot, Lsn start, const PluginOptions& options,
    base::Logger& logger, milliseconds feedback_interval) {
  // Without the option the plugin sends every table.
  if (options.tables.empty()) return base::Fatal("a stream of no tables was asked for");
  auto interval = AffordableInterval(connection, feedback_interval);
  if (!interval) return interval.error();

  const std::string command = StartCommand(slot, start, options);
  if (auto status = connection.StartCopyBoth(command); !status) {
    return WithSlotRemedy(connection, slot, std::move(status).error())
        .While(
            fmt::format("starting the stream of slot \"{}\" at {}", slot, base::ToString(start)));
  }
  logger.Debug("source", fmt::format("streaming slot \"{}\" from {}, feedback every {} ms", slot,
                                     base::ToString(start), interval->count()));
  return std::unique_ptr<ReplicationStream>(new ReplicationStream(
      std::move(connection), slot, start,
      {.streaming = options.streaming, .statistics = options.statistics_interval.has_value()},
      *interval, logger));
}

ReplicationStream::ReplicationStream(pg::Connection connection, std::string slot, Lsn start,
                                     wire::Asked asked, milliseconds feedback_interval,
                                     base::Logger& logger)
    : connection_(std::move(connection)),
      slot_(std::move(slot)),
      feedback_interval_(feedback_interval),
      logger_(logger),
      decoder_(asked),
      received_(start),
      server_wal_end_(start),
      flushed_(0),
      last_feedback_(Clock::now()) {}

Result<Event> ReplicationStream::Next(milliseconds wait) {
  if (auto status = KeepAlive(); !status) return status.error();
  Poll();
  if (!pending_ && !broken_) {
    const auto until_feedback = std::chrono::ceil<milliseconds>(NextFeedback() - Clock::now());
    const milliseconds bounded =
        std::clamp(until_feedback, milliseconds(0), std::max(wait, milliseconds(0)));
    if (bounded.count() > 0) {
      if (auto status = connection_.WaitReadable(bounded); !status) return status.error();
      Poll();
    }
  }
  return Take();
}

bool ReplicationStream::MoreBuffered() {
  Poll();
  // An error counts: it is there without waiting, too.
  return pending_.has_value() || broken_.has_value();
}

void ReplicationStream::SetFlushed(Lsn lsn) {
  uint64_t present = flushed_.load(std::memory_order_relaxed);
  while (present < lsn.value &&
         !flushed_.compare_exchange_weak(present, lsn.value, std::memory_order_release,
                                         std::memory_order_relaxed)) {
  }
}

Status ReplicationStream::Feedback(bool request_reply) {
  const Lsn flushed = Flushed();
  std::string status = "r";
  AppendBig8(std::max(received_, flushed).value, &status);
  AppendBig8(flushed.value, &status);
  AppendBig8(flushed.value, &status);
  AppendBig8(static_cast<uint64_t>(PostgresNow()), &status);
  status.push_back(request_reply ? 1 : 0);
  if (auto sent = connection_.WriteCopy(status); !sent) {
    return std::move(sent).error().While(fmt::format("feedback to slot \"{}\"", slot_));
  }
  PGSYNC_CRASH_POINT("feedback");
  sent_flushed_ = flushed;
  last_feedback_ = Clock::now();
  return {};
}

Status ReplicationStream::KeepAlive() {
  // Why it ended is known; that nothing can be sent any more only hides that.
  if (broken_) return *broken_;
  if (Clock::now() < NextFeedback()) return {};
  return Feedback(false);
}

Status ReplicationStream::Stop(milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  if (auto status = Feedback(false); !status) return status;
  if (auto status = connection_.EndCopy(); !status) return status;
  pending_.reset();
  while (Clock::now() < deadline) {
    auto message = connection_.ReadCopy();
    if (!message) {
      // How the server ends the stream; whatever went wrong in it besides no longer matters to a
      // slot that keeps its position.
      logger_.Debug("source", fmt::format("slot \"{}\": {}", slot_, message.error().message));
      return {};
    }
    if (*message) continue;
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (auto status = connection_.WaitReadable(left); !status) return status;
  }
  logger_.Debug("source", fmt::format("slot \"{}\": the server did not end the stream in {} ms",
                                      slot_, patience.count()));
  return {};
}

ReplicationStream::Clock::time_point ReplicationStream::NextFeedback() const {
  const bool advanced = Flushed() > sent_flushed_;
  return last_feedback_ +
         (advanced ? std::min(kAdvanceInterval, feedback_interval_) : feedback_interval_);
}

void ReplicationStream::Poll() {
  if (pending_ || broken_) return;
  auto message = connection_.ReadCopy();
  if (message) {
    pending_ = *message;
  } else {
    broken_ = std::move(message).error().While(fmt::format("stream of slot \"{}\"", slot_));
  }
}

Result<Event> ReplicationStream::Take() {
  if (broken_) return *broken_;
  if (!pending_) return Event(Nothing{});
  const std::string_view message = *std::exchange(pending_, std::nullopt);
  if (message[0] == 'w' && message.size() >= kWalHeader) return TakeWal(message);
  if (message[0] == 'k' && message.size() == kKeepalive) return TakeKeepalive(message);
  return base::Fatal(fmt::format("stream of slot \"{}\": message of type {:#x} and {} bytes", slot_,
                                 static_cast<unsigned char>(message[0]), message.size()));
}

Result<Event> ReplicationStream::TakeWal(std::string_view message) {
  received_ = std::max(received_, Lsn{Big8(message, 1)});
  server_wal_end_ = std::max(server_wal_end_, Lsn{Big8(message, 9)});
  auto records = decoder_.Decode(message.substr(kWalHeader));
  if (!records) {
    return std::move(records).error().While(
        fmt::format("stream of slot \"{}\" at {}", slot_, base::ToString(received_)));
  }
  return Event(*std::move(records));
}

Result<Event> ReplicationStream::TakeKeepalive(std::string_view message) {
  const Lsn wal_end{Big8(message, 1)};
  received_ = std::max(received_, wal_end);
  server_wal_end_ = std::max(server_wal_end_, wal_end);
  const bool reply_requested = message[kKeepalive - 1] != 0;
  if (reply_requested) {
    if (auto status = Feedback(false); !status) return status.error();
  }
  return Event(Keepalive{wal_end});
}

namespace {

// Four reports within the time after which the server would give us up.
Result<milliseconds> AffordableInterval(pg::Connection& connection, milliseconds wanted) {
  auto rows = connection.Query("SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'");
  if (!rows) return std::move(rows).error().While("reading wal_sender_timeout");
  int64_t timeout = 0;
  if (rows->size() == 1) {
    const std::string_view text = rows->Cell(0, 0);
    std::from_chars(text.data(), text.data() + text.size(), timeout);
  }
  if (timeout <= 0) return wanted;  // switched off
  return std::max(std::min(wanted, milliseconds(timeout / 4)), milliseconds(1));
}

}  // namespace
}  // namespace source
