// The home of libpq: connections, queries, pipelines, COPY BOTH. No words of the domain in here.
// Nobody else includes libpq-fe.h. One Connection belongs to one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"

struct pg_conn;
struct pg_result;

namespace pg {

struct ConnDeleter {
  void operator()(pg_conn* conn) const;
};
struct ResultDeleter {
  void operator()(pg_result* result) const;
};
using ConnHandle = std::unique_ptr<pg_conn, ConnDeleter>;
using ResultHandle = std::unique_ptr<pg_result, ResultDeleter>;

// What libpq is told, without the database: a keyword/value list. Secrets stay in here.
struct Target {
  std::string url;  // PG_URL, its path is replaced by the database; or "" and the parts below
  std::string host, port, user, password, sslmode, sslrootcert;
  std::string application_name = "pgsync-consumer";
  // Asked what there is when a database is missing; "" = nobody is asked.
  std::string maintenance_database = "postgres";
};

// An answer of rows. Cells are valid as long as the Rows lives.
class Rows {
 public:
  Rows() = default;
  explicit Rows(ResultHandle result);

  int size() const { return rows_; }
  int columns() const { return columns_; }
  bool IsNull(int row, int column) const;
  std::string_view Cell(int row, int column) const;  // "" for NULL
  uint32_t TypeOid(int column) const;
  uint64_t Affected() const;  // PQcmdTuples
  size_t MemoryBytes() const;

 private:
  ResultHandle result_;
  int rows_ = 0, columns_ = 0;
};

// A parameter in text form; nullopt = NULL.
using Param = std::optional<std::string>;

enum class Format { kText, kBinary };

class Connection {
 public:
  // Opens a connection with the session settings of docs/schema-reference.md section 7 (UTC, ISO
  // dates, …, UTF8). `replication`: a walsender connection (replication=database); the server ends
  // any other one whose transaction has had no statement for a minute. Errors: kRefused for what
  // waiting cannot mend (wrong password, no such database or role), kReconnect when nobody answers
  // or the server is starting or stopping. Messages name host, port, user and database, never the
  // password.
  static base::Result<Connection> Open(const Target& target, const std::string& database,
                                       bool replication = false);

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  // One statement, results in text. Error kinds: kReconnect when the connection is gone or the
  // server is shutting down, kRetry for serialization failures and the like (class 40, 53, 57014 by
  // timeouts), else kFatal. SqlState() tells more.
  base::Result<Rows> Query(const std::string& sql);
  base::Result<Rows> Query(const std::string& sql, std::span<const Param> params,
                           Format format = Format::kText);

  // Prepares `sql` once per connection under a name of its own; later calls only execute.
  // Pipelines: Send* queue, Flush sends, Receive returns the answers in order. After an error the
  // rest of the pipeline is void up to the next Sync; EndPipeline brings the connection back to
  // normal.
  base::Status BeginPipeline();
  base::Status SendPrepared(const std::string& sql, std::span<const Param> params, Format format);
  base::Status Sync();
  base::Result<Rows> Receive();
  base::Status EndPipeline();

  // SQLSTATE of the last failed call, "" if it was no server error.
  const std::string& SqlState() const { return sql_state_; }
  // What the server said of the last failed Query: its own sentence, and the place in the
  // statement, in characters from 1 (0 = none).
  const std::string& ServerMessage() const { return server_message_; }
  size_t ErrorPosition() const { return error_position_; }
  int ServerVersion() const;  // 150020
  // The database's encoding is SQL_ASCII: whoever wrote to it may have written any bytes as text.
  bool TextIsBytes() const;
  bool Alive() const;

  // COPY BOTH (START_REPLICATION). StartCopyBoth sends the command and checks that the server
  // entered the mode.
  base::Status StartCopyBoth(const std::string& command);
  // Returns the next message, or nothing if none is complete yet; never waits. kReconnect when the
  // stream ended. The view is valid until the next call.
  base::Result<std::optional<std::string_view>> ReadCopy();
  base::Status WriteCopy(std::string_view bytes);
  // Sends CopyDone; ReadCopy then drains until the server has ended the stream, too.
  base::Status EndCopy();
  // Waits until the socket has something to read, at most `wait`; a signal ends the wait early.
  base::Status WaitReadable(std::chrono::milliseconds wait);
  int Socket() const;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  // The error of a failed Query.
  base::Error QueryFailure(const pg_result* result);
  std::string sql_state_;
  std::string server_message_;
  size_t error_position_ = 0;
};

// 'text' with quotes doubled: for the replication grammar, which takes no parameters and knows no
// E''. The same in SQL, because every session has standard_conforming_strings on.
std::string QuoteLiteral(std::string_view text);
// {"a","b"}: a PostgreSQL array literal of texts, every element quoted; nullopt = NULL.
std::string ArrayLiteral(std::span<const std::optional<std::string>> values);
std::string ArrayLiteral(std::span<const std::string> values);

}  // namespace pg
