#include "consumer/assemble/chunk_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "consumer/assemble/read_transaction.h"

namespace assemble {
namespace {

using base::Result;
using base::Status;
using schema::DocumentTree;
using schema::Node;
using std::chrono::steady_clock;

// Compiling a plan takes longer than any chunk. The rows of a chunk that scans nothing take some
// 12 MB (Pace), and to sort those of a level with less than that the server would write files.
constexpr char kSession[] = R"(
SELECT pg_size_bytes(set_config('work_mem', coalesce($1, CASE WHEN pg_size_bytes(work_mem) < pg_size_bytes('16MB')
  THEN '16MB' ELSE work_mem END), false)), set_config('jit', 'off', false)
FROM current_setting('work_mem') AS work_mem)";
constexpr char kNoTimeout[] = "SET statement_timeout = 0";
// Statements of levels that are scanned are to be planned without a look at their parameters.
const std::string kGenericPlans = "SET LOCAL plan_cache_mode = force_generic_plan";

// A failure that is in the rows, whoever reads them and whenever: an expression of the schema file
// or of a view, bytes that are no UTF-8, more than an answer can hold. Returns nothing for others.
// The server's own sentence may quote the value, so it stays out of this.
std::optional<std::string> FailureOfRows(std::string_view state) {
  const std::string_view cls = state.substr(0, 2);
  std::string_view what;
  if (state == "22012") {
    what = "division by zero";
  } else if (state == "22021" || state == "22P05") {
    what = "text that is not valid UTF-8";
  } else if (state == "22P02" || state == "22007") {
    what = "text that is no value of a type";
  } else if (state == "22003" || state == "22008") {
    what = "a value out of range";
  } else if (cls == "22") {
    what = "data exception";
  } else if (state == "54000" || state == "54001") {
    what = "too large for the server to send";
  } else if (cls == "23" || cls == "P0") {
    what = "an expression or a view raises an error";
  } else {
    return {};
  }
  return fmt::format("PostgreSQL cannot read its rows: {} (SQLSTATE {})", what, state);
}

}  // namespace

ChunkReader::ChunkReader(const ReaderSettings& settings, const base::StopSignal& stop,
                         base::Logger& log, base::Metrics& metrics)
    : settings_(settings),
      stop_(stop),
      log_(log),
      invisible_(metrics.counter("pgsync_build_invisible_total",
                                 "snapshots thrown away because they did not show their batch")),
      read_time_(metrics.histogram("pgsync_build_seconds", "time to read one chunk")) {}

Result<pg::Connection*> ChunkReader::Connected() {
  if (connection_ && !connection_->Alive()) connection_.reset();
  if (!connection_) {
    auto opened = pg::Connection::Open(settings_.postgres, settings_.database);
    if (!opened) return opened.error();
    connection_ = std::move(*opened);
    if (auto set = SetUp(*connection_); !set) {
      connection_.reset();
      return set.error();
    }
  }
  return &*connection_;
}

Status ChunkReader::SetUp(pg::Connection& connection) {
  // What an operator chose stays; otherwise a chunk's rows are sorted in memory.
  const pg::Param work_mem = settings_.work_mem.empty() ? pg::Param() : settings_.work_mem;
  auto session = connection.Query(kSession, std::span(&work_mem, 1));
  if (!session) return session.error();
  const std::string_view bytes = session->Cell(0, 0);
  std::from_chars(bytes.data(), bytes.data() + bytes.size(), work_mem_bytes_);
  if (no_timeout_) {
    if (auto lifted = connection.Query(kNoTimeout); !lifted) return lifted.error();
  }
  return {};
}

void ChunkReader::LiftStatementTimeout() {
  no_timeout_ = true;
  connection_.reset();
}

Status ChunkReader::Dropped(Status failed) {
  timed_out_ = connection_->SqlState() == "57014";
  // Class 42: a table or column is not what it was at start, or a right was taken away. Waiting
  // does not bring it back.
  const bool changed = connection_->SqlState().starts_with("42");
  // "cached plan must not change result type": a column was retyped, and a new session prepares
  // anew.
  const bool retyped = connection_->SqlState() == "0A000";
  failed_with_ = connection_->SqlState();
  connection_.reset();
  if (retyped) return base::Retry(failed.error().message);
  if (!changed) return failed;
  return base::Refused(
      failed.error().message +
      "; a table of the schema file was changed, or a privilege revoked, while "
      "running. `pgsync-consumer validate SCHEMA` says what is missing; repair it, "
      "or adapt the schema file, then start again: nothing is lost meanwhile");
}

Result<Chunk> ChunkReader::Read(const DocumentTree& tree, const TreeStatements& statements,
                                const LoadStrategy& strategy, const NodeStatement& root,
                                std::span<const pg::Param> params, std::span<const uint32_t> xids,
                                Extent extent) {
  timed_out_ = false;
  const auto started = steady_clock::now();
  Visibility visibility(*this);
  std::optional<Chunk> chunk;
  while (!chunk) {
    Status read = With([&](pg::Connection& connection) -> Status {
      auto opened = ReadRoots(connection, statements, strategy, root, params, xids);
      if (!opened) return opened.error();
      if (*opened) (*opened)->rows.levels.resize(tree.nodes.size());
      chunk = std::move(*opened);
      if (!chunk) return {};
      if (extent == Extent::kRoots) {
        auto committed = connection.Query(kCommit);
        return committed ? Status() : Status(committed.error());
      }
      return ReadLevels(connection, tree, statements, strategy, extent == Extent::kBounded,
                        &*chunk);
    });
    if (!read && read.error().kind == base::ErrorKind::kFatal) {
      if (auto failure = FailureOfRows(failed_with_)) return base::RejectDocument(*failure);
    }
    if (!read) return std::move(read).error().While("reading documents of index " + tree.index);
    if (!chunk) {
      if (auto s = visibility.Wait(); !s) return s.error();
    }
  }
  const auto elapsed = steady_clock::now() - started;
  read_time_.Observe(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count()));
  return std::move(*chunk);
}

// Begins the chunk's transaction and reads the roots. Returns nothing, with the transaction ended,
// when the snapshot does not show all of `xids`.
Result<std::optional<Chunk>> ChunkReader::ReadRoots(
    pg::Connection& connection, const TreeStatements& statements, const LoadStrategy& strategy,
    const NodeStatement& root, std::span<const pg::Param> params, std::span<const uint32_t> xids) {
  std::vector<std::string> before = {kBegin};  // the snapshot
  if (!statements.lock.empty()) before.push_back(statements.lock);
  if (strategy.scans) {
    before.push_back(kGenericPlans);
    // What an operator chose stays.
    if (settings_.work_mem.empty() && strategy.sort_kilobytes * 1024ull > work_mem_bytes_) {
      before.push_back(fmt::format("SET LOCAL work_mem = '{}kB'", strategy.sort_kilobytes));
    }
  }
  Chunk chunk;
  // Before the snapshot, so that the age of what we read is never underestimated.
  chunk.read_at = steady_clock::now();
  if (auto s = connection.BeginPipeline(); !s) return s.error();
  for (const std::string& sql : before) {
    if (auto s = connection.SendPrepared(sql, {}, pg::Format::kText); !s) return s.error();
  }
  if (auto s = connection.SendPrepared(kSnapshot, {}, pg::Format::kText); !s) return s.error();
  if (auto s = connection.SendPrepared(root.sql, params, pg::Format::kBinary); !s) {
    return s.error();
  }
  if (auto s = connection.Sync(); !s) return s.error();

  for (size_t i = 0; i < before.size(); ++i) {
    if (auto done = connection.Receive(); !done) return done.error();
  }
  auto snapshot_row = connection.Receive();
  if (!snapshot_row) return snapshot_row.error();
  auto rows = connection.Receive();
  if (!rows) return rows.error();
  if (auto s = connection.EndPipeline(); !s) return s.error();

  auto snapshot = Snapshot::Parse(snapshot_row->Cell(0, 0));
  if (!snapshot) return snapshot.error();
  if (!ShowsAll(*snapshot, xids)) {
    if (auto committed = connection.Query(kCommit); !committed) return committed.error();
    return std::optional<Chunk>();
  }
  chunk.version = snapshot->Version();
  chunk.rows.levels.emplace_back().rows = std::move(*rows);
  chunk.rows.root_layout = &root.layout;
  chunk.bytes = chunk.rows.levels[0].rows.MemoryBytes();
  return std::optional<Chunk>(std::move(chunk));
}

// Reads all levels below the roots, siblings of one depth together in one round trip, and ends the
// transaction. `bounded`: a level with more rows than a chunk may have is not read to its end.
Status ChunkReader::ReadLevels(pg::Connection& connection, const DocumentTree& tree,
                               const TreeStatements& statements, const LoadStrategy& strategy,
                               bool bounded, Chunk* chunk) {
  const uint32_t most_rows = std::min(strategy.most_level_rows, settings_.most_rows);
  chunk->too_large =
      bounded && static_cast<uint32_t>(chunk->rows.levels[0].rows.size()) > settings_.most_rows;
  if (chunk->too_large) {
    auto committed = connection.Query(kCommit);
    return committed ? Status() : Status(committed.error());
  }
  // A part of the statement, not a parameter, so that the planner knows it.
  const std::string limit = fmt::format(" LIMIT {}", most_rows + uint64_t{1});
  std::vector<uint32_t> parents = {0};
  while (!parents.empty()) {
    struct Awaited {
      uint32_t node, groups;
    };
    std::vector<Awaited> awaited;
    std::vector<uint32_t> next;
    if (auto s = connection.BeginPipeline(); !s) return s;
    for (const uint32_t parent : parents) {
      const Node& node = tree.nodes[parent];
      const pg::Rows& rows = chunk->rows.levels[parent].rows;
      const Layout& layout =
          parent == 0 ? *chunk->rows.root_layout : statements.levels[parent].layout;
      for (size_t i = 0; i < node.children.size(); ++i) {
        const uint32_t child = node.children[i];
        LevelRows& level = chunk->rows.levels[child];
        const NodeStatement& statement = statements.levels[child];
        std::vector<std::vector<std::string>> values;
        const uint32_t groups =
            CollectLinks(rows, layout.child_links[i], statement, &values, &level);
        if (groups == 0) {
          level.group_begin = {0};
          continue;
        }
        const auto params = ArrayParams(values);
        std::string sql =
            strategy.levels[child].scanned ? statements.scanned_levels[child] : statement.sql;
        if (bounded) sql += limit;
        if (auto s = connection.SendPrepared(sql, params, pg::Format::kBinary); !s) return s;
        awaited.push_back({child, groups});
        if (!tree.nodes[child].children.empty()) next.push_back(child);
      }
    }
    const bool last = next.empty();
    if (last) {
      if (auto s = connection.SendPrepared(kCommit, {}, pg::Format::kText); !s) return s;
    }
    if (auto s = connection.Sync(); !s) return s;
    for (const Awaited& answer : awaited) {
      auto rows = connection.Receive();
      if (!rows) {
        return std::move(rows).error().While("level " + tree.nodes[answer.node].label);
      }
      LevelRows& level = chunk->rows.levels[answer.node];
      level.rows = std::move(*rows);
      chunk->bytes += level.rows.MemoryBytes();
      chunk->too_large |= bounded && static_cast<uint32_t>(level.rows.size()) > most_rows;
      FindGroups(statements.levels[answer.node], answer.groups, &level);
    }
    chunk->too_large |= bounded && chunk->bytes > strategy.most_chunk_bytes;
    if (last) {
      if (auto committed = connection.Receive(); !committed) return committed.error();
    }
    if (auto s = connection.EndPipeline(); !s) return s;
    if (chunk->too_large && !last) {
      if (auto committed = connection.Query(kCommit); !committed) return committed.error();
      break;
    }
    parents = std::move(next);
  }
  return {};
}

Result<uint64_t> ChunkReader::VersionNow(std::span<const uint32_t> xids) {
  Visibility visibility(*this);
  while (true) {
    uint64_t version = 0;
    const Status read = With([&](pg::Connection& connection) -> Status {
      auto snapshot = CurrentSnapshot(connection);
      if (!snapshot) return snapshot.error();
      if (ShowsAll(*snapshot, xids)) version = snapshot->Version();
      return {};
    });
    if (!read) return read.error();
    if (version != 0) return version;
    if (auto s = visibility.Wait(); !s) return s.error();
  }
}

// A walsender can send a commit before other sessions see it, and with synchronous replication much
// before.
Status ChunkReader::Visibility::Wait() {
  reader_.invisible_.Add();
  if (!warned_ && steady_clock::now() - since_ > std::chrono::seconds(10)) {
    warned_ = true;
    reader_.log_.Warning(
        "assemble",
        "a committed transaction is not visible after 10 s; a synchronous standby that does not "
        "answer (synchronous_standby_names) keeps it so. Its documents wait");
  }
  return reader_.stop_.WaitFor(backoff_.Next()) ? Status(base::Retry("stopping")) : Status();
}

}  // namespace assemble
