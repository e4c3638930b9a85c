#include "consumer/pg/connection.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "consumer/pg/databases.h"
#include "consumer/pg/failure.h"

namespace pg {

using base::Error;
using base::ErrorKind;
using base::Result;
using base::Status;

void ConnDeleter::operator()(pg_conn* conn) const { PQfinish(conn); }
void ResultDeleter::operator()(pg_result* result) const { PQclear(result); }

namespace {

constexpr int kConnectTimeoutSeconds = 10;
constexpr std::string_view kNoSuchDatabase = "3D000";

// Text of values as docs/schema-reference.md section 7 defines it, whatever role, database or
// server are configured to. By SET, not by the startup packet's `options`: poolers refuse that.
constexpr char kSessionSettings[] =
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; "
    "SET bytea_output = 'hex'; SET extra_float_digits = 1; SET xmloption = 'content'; "
    "SET standard_conforming_strings = on";

// A transaction keeps its locks and its snapshot. If we are gone without a word, the server learns
// that late: by TCP only after hours, or a quarter of one while it sends. Our own transactions wait
// for nothing between two statements. A shorter time that a DBA chose for the role stays. Not for
// walsenders: wal_sender_timeout watches those, and they may well wait for us for longer.
constexpr char kReaderSettings[] =
    "SELECT set_config('idle_in_transaction_session_timeout', '60s', false) WHERE "
    "current_setting('idle_in_transaction_session_timeout')::interval NOT BETWEEN '1 ms' AND "
    "'60 s'; SET tcp_user_timeout = '60s'; SET tcp_keepalives_idle = 10; "
    "SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

struct CopyDeleter {
  void operator()(char* bytes) const { PQfreemem(bytes); }
};
using CopyBuffer = std::unique_ptr<char, CopyDeleter>;

struct OptionsDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, OptionsDeleter>;

using Keywords = std::vector<std::pair<std::string, std::string>>;

Result<Keywords> ConnectKeywords(const Target& target, const std::string& database,
                                 bool replication);
Status WaitForConnection(pg_conn* conn);
Peer PeerOf(pg_conn* conn);
std::string LastMessage(pg_conn* conn);

void IgnoreNotice(void*, const char*) noexcept {}

std::vector<const char*> TextPointers(std::span<const Param> params) {
  std::vector<const char*> pointers;
  pointers.reserve(params.size());
  for (const Param& param : params) pointers.push_back(param ? param->c_str() : nullptr);
  return pointers;
}

}  // namespace

Rows::Rows(ResultHandle result)
    : result_(std::move(result)),
      rows_(PQntuples(result_.get())),
      columns_(PQnfields(result_.get())) {}

bool Rows::IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column); }

std::string_view Rows::Cell(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

uint32_t Rows::TypeOid(int column) const { return PQftype(result_.get(), column); }

uint64_t Rows::Affected() const {
  return result_ ? std::strtoull(PQcmdTuples(result_.get()), nullptr, 10) : 0;
}

size_t Rows::MemoryBytes() const { return result_ ? PQresultMemorySize(result_.get()) : 0; }

struct Connection::State {
  ConnHandle conn;
  CopyBuffer copy;  // last message of ReadCopy

  // Statements of this session by their text. An entry is made when the Parse is sent and taken
  // back if that fails.
  std::unordered_map<std::string, std::string> prepared;
  uint64_t statements = 0;

  // What the server still has to answer in a pipeline, in order.
  struct Awaited {
    enum class Kind { kPrepare, kQuery, kSync } kind;
    std::string sql;  // of a kPrepare
  };
  std::deque<Awaited> awaited;
  bool flush_needed = false;            // something was sent after the last Sync or flush request
  std::optional<Error> pipeline_error;  // first failure since the last Sync
  std::string pipeline_sql_state;

  pg_conn* raw() const { return conn.get(); }

  // The error of a failed result; sets `sql_state`.
  Error Failure(const pg_result* result, std::string* sql_state) const;
  // The same when libpq itself failed.
  Error Lost() const;
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::Open(const Target& target, const std::string& database,
                                    bool replication) {
  auto keywords = ConnectKeywords(target, database, replication);
  if (!keywords) return keywords.error();
  std::vector<const char*> names, values;
  for (const auto& [name, value] : *keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);

  auto state = std::make_unique<State>();
  state->conn.reset(PQconnectStartParams(names.data(), values.data(), 0));
  pg_conn* conn = state->raw();
  if (!conn) return base::Fatal("libpq: out of memory");
  if (PQstatus(conn) == CONNECTION_BAD) {
    // Either a setting is wrong or the first step failed, such as a name that does not resolve.
    std::string message = LastMessage(conn);
    if (message.starts_with("invalid ") || message.starts_with("could not match ")) {
      return base::Usage(fmt::format("PostgreSQL connection settings: {}", message));
    }
    return ConnectError({"", "", std::move(message)}, PeerOf(conn), replication, false);
  }
  PQsetNoticeProcessor(conn, IgnoreNotice, nullptr);
  // Brings SQLSTATE and routine of a refusal into the message; there is no result to ask for them.
  PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
  if (auto status = WaitForConnection(conn); !status) {
    return status.error();
  }
  if (PQstatus(conn) != CONNECTION_OK) {
    const ConnectFailure failure = ParseConnectFailure(PQerrorMessage(conn));
    Error error =
        ConnectError(failure, PeerOf(conn), replication, PQconnectionNeedsPassword(conn) != 0);
    if (failure.sql_state == kNoSuchDatabase) error.message += DatabasesInstead(target, database);
    return error;
  }
  PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);

  Connection connection(std::move(state));
  std::string settings = kSessionSettings;
  if (!replication) settings.append("; ").append(kReaderSettings);
  if (auto rows = connection.Query(settings); !rows) {
    return std::move(rows).error().While("settings of a new session");
  }
  return connection;
}

Result<Rows> Connection::Query(const std::string& sql) {
  ResultHandle result(PQexec(state_->raw(), sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
    return QueryFailure(result.get());
  }
  return Rows(std::move(result));
}

Result<Rows> Connection::Query(const std::string& sql, std::span<const Param> params,
                               Format format) {
  const std::vector<const char*> values = TextPointers(params);
  ResultHandle result(PQexecParams(state_->raw(), sql.c_str(), static_cast<int>(values.size()),
                                   nullptr, values.data(), nullptr, nullptr,
                                   format == Format::kBinary ? 1 : 0));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
    return QueryFailure(result.get());
  }
  return Rows(std::move(result));
}

Error Connection::QueryFailure(const pg_result* result) {
  const char* message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
  const char* position = result ? PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION) : nullptr;
  server_message_ = message ? message : "";
  error_position_ = position ? std::strtoull(position, nullptr, 10) : 0;
  return state_->Failure(result, &sql_state_);
}

Status Connection::BeginPipeline() {
  if (PQenterPipelineMode(state_->raw()) != 1) return state_->Lost();
  return {};
}

Status Connection::SendPrepared(const std::string& sql, std::span<const Param> params,
                                Format format) {
  pg_conn* conn = state_->raw();
  auto found = state_->prepared.find(sql);
  if (found == state_->prepared.end()) {
    std::string name = fmt::format("pgsync_{}", ++state_->statements);
    if (PQsendPrepare(conn, name.c_str(), sql.c_str(), 0, nullptr) != 1) return state_->Lost();
    state_->awaited.push_back({State::Awaited::Kind::kPrepare, sql});
    found = state_->prepared.emplace(sql, std::move(name)).first;
  }
  const std::vector<const char*> values = TextPointers(params);
  if (PQsendQueryPrepared(conn, found->second.c_str(), static_cast<int>(values.size()),
                          values.data(), nullptr, nullptr,
                          format == Format::kBinary ? 1 : 0) != 1) {
    return state_->Lost();
  }
  state_->awaited.push_back({State::Awaited::Kind::kQuery, {}});
  state_->flush_needed = true;
  return {};
}

Status Connection::Sync() {
  if (PQpipelineSync(state_->raw()) != 1) return state_->Lost();
  state_->awaited.push_back({State::Awaited::Kind::kSync, {}});
  state_->flush_needed = false;
  return {};
}

Result<Rows> Connection::Receive() {
  using Kind = State::Awaited::Kind;
  pg_conn* conn = state_->raw();
  if (state_->flush_needed) {
    // The server holds its answers back until a Sync or this.
    if (PQsendFlushRequest(conn) != 1) return state_->Lost();
    state_->flush_needed = false;
  }
  if (PQflush(conn) < 0) return state_->Lost();
  while (!state_->awaited.empty()) {
    const State::Awaited awaited = std::move(state_->awaited.front());
    state_->awaited.pop_front();
    ResultHandle result(PQgetResult(conn));
    if (!result) return state_->Lost();
    const ExecStatusType status = PQresultStatus(result.get());
    if (awaited.kind == Kind::kSync) {
      if (status != PGRES_PIPELINE_SYNC) return state_->Failure(result.get(), &sql_state_);
      state_->pipeline_error.reset();
      continue;
    }
    // A null result closes the answer of each statement.
    while (ResultHandle rest{PQgetResult(conn)}) {
    }
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
      if (awaited.kind == Kind::kQuery) return Rows(std::move(result));
      continue;
    }
    if (awaited.kind == Kind::kPrepare) state_->prepared.erase(awaited.sql);
    if (status == PGRES_PIPELINE_ABORTED && state_->pipeline_error) {
      sql_state_ = state_->pipeline_sql_state;
    } else {
      state_->pipeline_error = state_->Failure(result.get(), &sql_state_);
      state_->pipeline_sql_state = sql_state_;
    }
    if (!Alive()) return *state_->pipeline_error;
    // A failed Parse voids the query behind it: one error for both.
    if (awaited.kind == Kind::kQuery) return *state_->pipeline_error;
  }
  return base::Fatal("a pipeline was asked for more answers than it had queries");
}

Status Connection::EndPipeline() {
  using Kind = State::Awaited::Kind;
  if (PQpipelineStatus(state_->raw()) == PQ_PIPELINE_OFF) return {};
  if (!state_->awaited.empty() && state_->awaited.back().kind != Kind::kSync) {
    if (auto status = Sync(); !status) return status;
  }
  while (!state_->awaited.empty()) {
    // The answers nobody asked for; their errors were void or are reported by the caller's own
    // Receive.
    while (!state_->awaited.empty() && state_->awaited.front().kind == Kind::kSync) {
      ResultHandle result(PQgetResult(state_->raw()));
      if (!result) return state_->Lost();
      state_->awaited.pop_front();
    }
    if (state_->awaited.empty()) break;
    auto rows = Receive();
    if (!rows && !Alive()) return rows.error();
  }
  state_->pipeline_error.reset();
  if (PQexitPipelineMode(state_->raw()) != 1) return state_->Lost();
  return {};
}

int Connection::ServerVersion() const { return PQserverVersion(state_->raw()); }
bool Connection::TextIsBytes() const {
  const char* const encoding = PQparameterStatus(state_->raw(), "server_encoding");
  return encoding != nullptr && std::string_view(encoding) == "SQL_ASCII";
}
bool Connection::Alive() const { return PQstatus(state_->raw()) == CONNECTION_OK; }
int Connection::Socket() const { return PQsocket(state_->raw()); }

Status Connection::StartCopyBoth(const std::string& command) {
  ResultHandle result(PQexec(state_->raw(), command.c_str()));
  if (PQresultStatus(result.get()) != PGRES_COPY_BOTH) {
    return state_->Failure(result.get(), &sql_state_);
  }
  return {};
}

Result<std::optional<std::string_view>> Connection::ReadCopy() {
  pg_conn* conn = state_->raw();
  state_->copy.reset();
  char* bytes = nullptr;
  int length = PQgetCopyData(conn, &bytes, 1);
  // With TLS one read may leave decrypted bytes behind that poll() does not know of; a second one
  // takes them.
  for (int reads = PQsslInUse(conn) ? 2 : 1; length == 0 && reads > 0; --reads) {
    if (PQconsumeInput(conn) != 1) return state_->Lost();
    length = PQgetCopyData(conn, &bytes, 1);
  }
  if (length > 0) {
    state_->copy.reset(bytes);
    return std::optional<std::string_view>(std::string_view(bytes, static_cast<size_t>(length)));
  }
  if (length == 0) return std::optional<std::string_view>();
  if (length == -2) return state_->Lost();

  // -1: the server left COPY mode. Either it failed, or it said CopyDone (shutdown, or the answer
  // to ours).
  ResultHandle result(PQgetResult(conn));
  if (PQresultStatus(result.get()) == PGRES_COPY_IN) {
    PQputCopyEnd(conn, nullptr);
    result.reset(PQgetResult(conn));
  }
  while (result && PQresultStatus(result.get()) != PGRES_FATAL_ERROR) {
    result.reset(PQgetResult(conn));
  }
  if (result) return state_->Failure(result.get(), &sql_state_);
  sql_state_.clear();
  return base::Reconnect("the server ended the stream");
}

Status Connection::WriteCopy(std::string_view bytes) {
  pg_conn* conn = state_->raw();
  if (PQputCopyData(conn, bytes.data(), static_cast<int>(bytes.size())) != 1 ||
      PQflush(conn) != 0) {
    return state_->Lost();
  }
  return {};
}

Status Connection::EndCopy() {
  if (PQputCopyEnd(state_->raw(), nullptr) != 1 || PQflush(state_->raw()) != 0) {
    return state_->Lost();
  }
  return {};
}

Status Connection::WaitReadable(std::chrono::milliseconds wait) {
  pollfd socket = {Socket(), POLLIN, 0};
  if (socket.fd < 0) return state_->Lost();
  const int milliseconds = static_cast<int>(std::max<int64_t>(wait.count(), 0));
  // EINTR: a signal, probably "stop". The caller looks at its stop flag and comes back.
  if (poll(&socket, 1, milliseconds) < 0 && errno != EINTR) {
    return base::Reconnect(fmt::format("waiting for PostgreSQL: {}", std::strerror(errno)));
  }
  return {};
}

Error Connection::State::Failure(const pg_result* result, std::string* sql_state) const {
  const auto field = [&](int code) -> std::string {
    const char* text = result ? PQresultErrorField(result, code) : nullptr;
    return text ? text : "";
  };
  *sql_state = field(PG_DIAG_SQLSTATE);
  if (sql_state->empty()) {
    if (PQstatus(raw()) != CONNECTION_OK) return Lost();
    const char* status = PQresStatus(PQresultStatus(result));
    return base::Fatal(fmt::format("PostgreSQL: {} ({})", LastMessage(raw()), status));
  }
  // Not the DETAIL: it quotes row values.
  std::string message =
      fmt::format("PostgreSQL: {} (SQLSTATE {})", field(PG_DIAG_MESSAGE_PRIMARY), *sql_state);
  if (const std::string hint = field(PG_DIAG_MESSAGE_HINT); !hint.empty()) {
    message += fmt::format("; hint: {}", hint);
  }
  const bool gone = PQstatus(raw()) != CONNECTION_OK;
  return {gone ? ErrorKind::kReconnect : KindOfSqlState(*sql_state), std::move(message)};
}

Error Connection::State::Lost() const {
  std::string message = LastMessage(raw());
  if (message.empty()) message = "no further answer";
  // libpq refuses calls in the wrong state while the session is fine: that is our bug, and no new
  // session mends it.
  if (PQstatus(raw()) == CONNECTION_OK && message.find("not allowed") != std::string::npos) {
    return base::Fatal(fmt::format("libpq: {}", message));
  }
  return base::Reconnect(fmt::format("connection to PostgreSQL lost: {}", message));
}

namespace {

Result<Keywords> ConnectKeywords(const Target& target, const std::string& database,
                                 bool replication) {
  Keywords keywords = {
      {"application_name", target.application_name},
      {"keepalives", "1"},
      // A peer that is gone without a word is noticed within 30 s: by what is not acknowledged
      // (the stream sends feedback at least every 5 s), or else by probes.
      {"keepalives_idle", "10"},
      {"keepalives_interval", "5"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "20000"},
  };
  // Later entries win, so what the operator writes goes over the defaults and the fixed ones over
  // everything.
  if (!target.url.empty()) {
    std::string url = target.url;
    // SQLAlchemy's "postgresql+psycopg2://", which PGSync's users may have.
    const size_t plus = url.find('+'), scheme = url.find("://");
    if (scheme != std::string::npos && plus < scheme) url.erase(plus, scheme - plus);
    char* complaint = nullptr;
    Options options(PQconninfoParse(url.c_str(), &complaint));
    CopyBuffer owned(complaint);
    if (!options) {
      // libpq's complaint quotes the URL, and with it perhaps the password.
      return base::Usage(
          "PG_URL is not a connection URL: expected postgresql://user:password@host:port/database");
    }
    for (const PQconninfoOption* option = options.get(); option->keyword; ++option) {
      if (option->val) keywords.emplace_back(option->keyword, option->val);
    }
  } else {
    const std::pair<const char*, const std::string*> parts[] = {
        {"host", &target.host},       {"port", &target.port},
        {"user", &target.user},       {"password", &target.password},
        {"sslmode", &target.sslmode}, {"sslrootcert", &target.sslrootcert},
    };
    for (const auto& [name, value] : parts) {
      if (!value->empty()) keywords.emplace_back(name, *value);
    }
  }
  keywords.emplace_back("dbname", database);
  keywords.emplace_back("client_encoding", "UTF8");
  keywords.emplace_back("replication", replication ? "database" : "false");
  return keywords;
}

// Ends when the attempt succeeded or failed (PQstatus tells) or its time is over.
Status WaitForConnection(pg_conn* conn) {
  using Clock = std::chrono::steady_clock;
  int seconds = kConnectTimeoutSeconds;
  Options options(PQconninfo(conn));
  for (const PQconninfoOption* option = options.get(); option && option->keyword; ++option) {
    if (std::strcmp(option->keyword, "connect_timeout") == 0 && option->val) {
      if (const int given = std::atoi(option->val); given > 0) seconds = given;
    }
  }
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(seconds);
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
    pollfd socket = {PQsocket(conn),
                     static_cast<short>(next == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int ready = left > 0 ? poll(&socket, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      return ConnectError({"", "", fmt::format("no answer within {} s", seconds)}, PeerOf(conn),
                          false, false);
    }
    next = PQconnectPoll(conn);
  }
  return {};
}

Peer PeerOf(pg_conn* conn) {
  const auto text = [](const char* value) { return std::string(value ? value : ""); };
  return {text(PQhost(conn)), text(PQport(conn)), text(PQuser(conn)), text(PQdb(conn))};
}

std::string LastMessage(pg_conn* conn) { return ParseConnectFailure(PQerrorMessage(conn)).message; }

}  // namespace
}  // namespace pg
