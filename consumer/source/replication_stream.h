// The stream: START_REPLICATION on the slot, frames in, feedback out. Bytes come from pg/, are
// decoded by wire/ and leave as records; back to the server goes one position, which the rest of
// the pipeline sets. The invariant: nothing is ever acknowledged but what SetFlushed was told, and
// that never goes back.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "consumer/base/log.h"
#include "consumer/base/lsn.h"
#include "consumer/base/result.h"
#include "consumer/model/row_change.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"
#include "consumer/wire/decode.h"

namespace source {

// What the plugin is asked for.
struct PluginOptions {
  std::vector<schema::TableUse> tables;  // at least one
  std::string origin = "any";            // "none": only changes that originate on this server
  bool every_update = false;             // also those that change nothing of `tables`
  bool streaming = false;                // large transactions before they end, in blocks
  std::optional<std::chrono::milliseconds> statistics_interval;  // absent: no statistics
};

// The command that starts the stream.
std::string StartCommand(const std::string& slot, base::Lsn start, const PluginOptions& options);

// The plugin's option "tables": "schema"."table"("emitted","emitted";"watched"), … Columns that are
// emitted anyway are not repeated as watched.
std::string TablesOption(const std::vector<schema::TableUse>& tables);

// The server has nothing (relevant) to send before `wal_end`. Acknowledging it is the caller's
// decision: only with nothing in flight.
struct Keepalive {
  base::Lsn wal_end;
};
struct Nothing {};
using Frame = std::vector<model::Record>;
using Event = std::variant<Frame, Keepalive, Nothing>;

// One session of one slot; after any error it is over, and a new one is started from a new
// connection. Owned and used by one thread, except SetFlushed and Flushed. The destructor closes
// the connection, which ends the session as well as Stop does, but without the last feedback.
class ReplicationStream {
 public:
  static constexpr std::chrono::milliseconds kFeedbackInterval{10000};

  // Starts at `start`, or where the slot's confirmed position is, if that is later. REQUIRES: a
  // replication connection to the slot's database. Feedback is sent at least every
  // `feedback_interval`, more often if wal_sender_timeout demands it. Errors: kRefused with the
  // remedy for slots in use, missing, lost or of another plugin and for a server that does not
  // admit the plugin; kReconnect when the connection is gone.
  static base::Result<std::unique_ptr<ReplicationStream>> Start(
      pg::Connection connection, const std::string& slot, base::Lsn start,
      const PluginOptions& options, base::Logger& logger,
      std::chrono::milliseconds feedback_interval = kFeedbackInterval);

  // One step: sends feedback when it is due, then takes one message, for which it waits at most
  // `wait`.
  base::Result<Event> Next(std::chrono::milliseconds wait);

  // True when Next has something without waiting: as long as it is, a batch may grow at no cost of
  // time.
  bool MoreBuffered();

  // Everything before `lsn` is durable in the target. Never goes back; any thread. Next, KeepAlive
  // and Feedback tell the server.
  void SetFlushed(base::Lsn lsn);
  base::Lsn Flushed() const { return base::Lsn{flushed_.load(std::memory_order_acquire)}; }

  // Sends the positions now. `request_reply` makes the server answer with a keepalive, at once if
  // it has nothing else to send.
  base::Status Feedback(bool request_reply);

  // Sends due feedback and reads nothing: for the time in which the pipeline has no room.
  base::Status KeepAlive();

  // The last feedback, then CopyDone, then drops what the server had sent, for at most `patience`.
  base::Status Stop(std::chrono::milliseconds patience = std::chrono::seconds(5));

  // After an error of Next: whether the server, or the connection, ended the session; else it was
  // something on this side.
  bool EndedByServer() const { return broken_.has_value(); }

  // The furthest position that was received.
  base::Lsn Received() const { return received_; }
  // End of WAL on the server when it sent its last message: the lag is what lies between.
  base::Lsn ServerWalEnd() const { return server_wal_end_; }

 private:
  using Clock = std::chrono::steady_clock;

  ReplicationStream(pg::Connection connection, std::string slot, base::Lsn start, wire::Asked asked,
                    std::chrono::milliseconds feedback_interval, base::Logger& logger);

  Clock::time_point NextFeedback() const;
  // Moves a message that is there into pending_, or the error into broken_.
  void Poll();
  base::Result<Event> Take();
  base::Result<Event> TakeWal(std::string_view message);
  base::Result<Event> TakeKeepalive(std::string_view message);

  pg::Connection connection_;
  const std::string slot_;
  const std::chrono::milliseconds feedback_interval_;
  base::Logger& logger_;
  wire::Decoder decoder_;

  std::optional<std::string_view> pending_;  // owned by connection_, up to its next ReadCopy
  std::optional<base::Error> broken_;
  base::Lsn received_, server_wal_end_;
  // Not `start`: a queue that was kept lets the stream begin beyond what is durable. Until
  // SetFlushed the server is told 0/0, which it takes for "nothing new".
  std::atomic<uint64_t> flushed_;
  base::Lsn sent_flushed_;
  Clock::time_point last_feedback_;
};

}  // namespace source
