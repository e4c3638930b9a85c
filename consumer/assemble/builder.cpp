#include "consumer/assemble/builder.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "consumer/assemble/read_transaction.h"

namespace assemble {
namespace {

using base::Result;
using base::Status;
using schema::DocumentTree;
using schema::Node;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kTriesOfAChunk = 5;
constexpr uint32_t kFirstKeys = 500;  // nobody knows yet how large the documents are
// Beyond these a chunk of several documents is read in smaller pieces: they bound the memory when a
// piece that was right before meets documents with very many children. What is usual is several
// times smaller (Pace). The text is a part of the statement, not a parameter, so that the planner
// knows it.
constexpr int kMostRowsOfALevel = 65536;
constexpr size_t kMostChunkBytes = 48u << 20;
const std::string kLevelLimit = fmt::format(" LIMIT {}", kMostRowsOfALevel + 1);

base::Error Stopping() { return base::Retry("stopping"); }

}  // namespace

Builder::Builder(BuilderSettings settings, const std::vector<DocumentTree>& trees,
                 const base::StopSignal& stop, base::Logger& log, base::Metrics& metrics)
    : settings_(std::move(settings)),
      trees_(trees),
      stop_(stop),
      log_(log),
      documents_(metrics.counter("pgsync_build_documents_total", "documents and deletions built")),
      invisible_(metrics.counter("pgsync_build_invisible_total",
                                 "snapshots thrown away because they did not show their batch")),
      ambiguous_(metrics.counter("pgsync_build_ambiguous_total",
                                 "one_to_one values with several rows, of which one was taken")),
      build_time_(metrics.histogram("pgsync_build_seconds", "time to read one chunk")),
      keys_pace_(std::min(settings_.keys_per_chunk, kFirstKeys), 1, settings_.keys_per_chunk) {
  for (const DocumentTree& tree : trees_) statements_.push_back(MakeStatements(tree));
  for (size_t i = 0; i < trees_.size(); ++i) writers_.emplace_back(trees_[i], statements_[i]);
}

// Runs `work` on the connection and drops it after an error: whatever state the session was left
// in, it is not ours to guess.
template <typename Work>
Status Builder::WithConnection(const Work& work) {
  if (auto connected = Connected(); !connected) return connected.error();
  Status status = work();
  if (status) return status;
  // Class 42: a table or column is not what it was at start, or a right was taken away. Waiting
  // does not bring it back.
  const bool changed = connection_->SqlState().starts_with("42");
  // "cached plan must not change result type": a column was retyped, and a new session prepares
  // anew.
  const bool retyped = connection_->SqlState() == "0A000";
  connection_.reset();
  if (retyped) return base::Retry(status.error().message);
  if (!changed) return status;
  return base::Refused(
      status.error().message +
      "; a table of the schema file was changed, or a privilege revoked, while "
      "running. `pgsync-consumer validate SCHEMA` says what is missing; repair it, "
      "or adapt the schema file, then start again: nothing is lost meanwhile");
}

Result<pg::Connection*> Builder::Connected() {
  if (connection_ && !connection_->Alive()) connection_.reset();
  if (!connection_) {
    auto opened = pg::Connection::Open(settings_.postgres, settings_.database);
    if (!opened) return opened.error();
    connection_ = std::move(*opened);
    // Compiling a plan takes longer than any chunk.
    if (auto no_jit = connection_->Query("SET jit = off"); !no_jit) {
      connection_.reset();
      return no_jit.error();
    }
    if (!settings_.work_mem.empty()) {
      const pg::Param work_mem = settings_.work_mem;
      const auto set =
          connection_->Query("SELECT set_config('work_mem', $1, false)", std::span(&work_mem, 1));
      if (!set) {
        connection_.reset();
        return set.error();
      }
    }
  }
  return &*connection_;
}

Status Builder::BuildTouched(std::vector<model::Touch> touches, std::span<const uint32_t> xids,
                             const Emit& emit) {
  std::vector<RootKeys> roots;
  const Status resolved = WithConnection([&]() -> Status {
    auto found = ResolveRoots(std::move(touches), xids);
    if (!found) return found.error();
    roots = std::move(*found);
    return {};
  });
  if (!resolved) return resolved;

  for (size_t i = 0; i < trees_.size(); ++i) {
    if (auto status = BuildKeys(trees_[i], roots[i], xids, emit); !status) return status;
  }
  return {};
}

Status Builder::BuildKeys(const DocumentTree& tree, const RootKeys& keys,
                          std::span<const uint32_t> xids, const Emit& emit) {
  const auto cut = [&](size_t begin, size_t end) {
    RootKeys part;
    for (const auto& column : keys) {
      part.emplace_back(column.begin() + static_cast<ptrdiff_t>(begin),
                        column.begin() + static_cast<ptrdiff_t>(end));
    }
    return Piece{begin, end, ArrayParams(part)};
  };
  // A fan-out must not begin from its start because one of its pieces failed.
  const Pieces pieces{tree,          statements_[tree.number].root_by_key,
                      cut,           [](const Piece&) {},
                      keys_pace_,    true,
                      kTriesOfAChunk};
  return BuildPieces(pieces, 0, keys.empty() ? 0 : keys[0].size(), xids, emit);
}

Status Builder::BuildRange(model::LoadRange* range, std::span<const uint32_t> xids,
                           const Emit& emit) {
  if (range->document >= trees_.size()) {
    return base::Fatal(fmt::format(
        "a load range names document {}, which the schema file does not have", range->document));
  }
  const DocumentTree& tree = trees_[range->document];
  if (!range->by_key) return BuildPages(tree, range, xids, emit);
  std::vector<pg::Param> params;
  params.insert(params.end(), range->after_key.begin(), range->after_key.end());
  params.insert(params.end(), range->through_key.begin(), range->through_key.end());
  const NodeStatement& statement =
      statements_[tree.number]
          .root_by_key_range[!range->after_key.empty()][!range->through_key.empty()];
  return BuildChunk(tree, statement, params, xids, emit);
}

Status Builder::BuildPages(const DocumentTree& tree, model::LoadRange* range,
                           std::span<const uint32_t> xids, const Emit& emit) {
  std::string heap;
  const Status named = WithConnection([&]() -> Status {
    auto name = HeapName(range->relation);
    if (!name) return name.error();
    heap = std::move(*name);
    return {};
  });
  if (!named) return named;
  if (heap.empty()) return {};  // a partition that was dropped or detached meanwhile has no rows
  NodeStatement statement = statements_[tree.number].root_by_pages;
  statement.sql.replace(statement.sql.find(kHeapMark), std::string(kHeapMark).size(), heap);

  if (!pages_pace_) {
    const uint32_t pages = std::max(1u, range->end_page - range->first_page);
    pages_pace_.emplace(std::max(1u, pages / 16), 1, pages);
  }
  const auto cut = [](size_t begin, size_t end) {
    return Piece{begin, end, {fmt::format("({},0)", begin), fmt::format("({},0)", end)}};
  };
  const auto done = [&](const Piece& piece) {
    range->first_page = static_cast<uint32_t>(piece.end);
  };
  const Pieces pieces{tree, statement, cut, done, *pages_pace_, false, 0};
  return BuildPieces(pieces, range->first_page, range->end_page, xids, emit);
}

Result<std::string> Builder::HeapName(uint32_t relation) {
  const auto known = heap_names_.find(relation);
  if (known != heap_names_.end()) return known->second;
  const pg::Param oid = std::to_string(relation);
  auto rows = connection_->Query(
      "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c "
      "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid",
      std::span(&oid, 1));
  if (!rows) return rows.error();
  std::string name = rows->size() == 0 ? "" : std::string(rows->Cell(0, 0));
  heap_names_.emplace(relation, name);
  return name;
}

Result<Builder::OpenChunk> Builder::ReadChunk(const DocumentTree& tree, const NodeStatement& root,
                                              std::span<const pg::Param> params,
                                              std::span<const uint32_t> xids, bool bounded) {
  const auto started = steady_clock::now();
  base::Backoff backoff(milliseconds(1), milliseconds(100));
  bool warned = false;
  std::optional<OpenChunk> chunk;
  while (!chunk) {
    const Status read = WithConnection([&]() -> Status {
      auto opened = ReadRoots(tree, root, params, xids);
      if (!opened) return opened.error();
      chunk = std::move(*opened);
      return chunk ? ReadLevels(tree, bounded, &*chunk) : Status();
    });
    if (!read) {
      auto error = read.error();
      return std::move(error).While("reading documents of index " + tree.index);
    }
    if (!chunk) {
      if (auto s = WaitForVisibility(&backoff, started, &warned); !s) return s.error();
    }
  }
  const auto elapsed = steady_clock::now() - started;
  build_time_.Observe(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count()));
  return std::move(*chunk);
}

// Begins the chunk's transaction and reads the roots. Returns nothing, with the transaction ended,
// when the snapshot does not show all of `xids`.
Result<std::optional<Builder::OpenChunk>> Builder::ReadRoots(const DocumentTree& tree,
                                                             const NodeStatement& root,
                                                             std::span<const pg::Param> params,
                                                             std::span<const uint32_t> xids) {
  const std::string& lock = statements_[tree.number].lock;
  pg::Connection& connection = *connection_;
  OpenChunk chunk;
  // Before the snapshot, so that the age of what we read is never underestimated.
  chunk.read_at = steady_clock::now();
  if (auto s = connection.BeginPipeline(); !s) return s.error();
  if (auto s = connection.SendPrepared(kBegin, {}, pg::Format::kText); !s) return s.error();
  if (!lock.empty()) {
    if (auto s = connection.SendPrepared(lock, {}, pg::Format::kText); !s) return s.error();
  }
  if (auto s = connection.SendPrepared(kSnapshot, {}, pg::Format::kText); !s) return s.error();
  if (auto s = connection.SendPrepared(root.sql, params, pg::Format::kBinary); !s) {
    return s.error();
  }
  if (auto s = connection.Sync(); !s) return s.error();

  if (auto begun = connection.Receive(); !begun) return begun.error();
  if (!lock.empty()) {
    if (auto locked = connection.Receive(); !locked) return locked.error();
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
    return std::optional<OpenChunk>();
  }
  chunk.version = snapshot->Version();
  chunk.rows.levels.resize(tree.nodes.size());
  chunk.rows.levels[0].rows = std::move(*rows);
  chunk.rows.root_layout = &root.layout;
  chunk.bytes = chunk.rows.levels[0].rows.MemoryBytes();
  return std::optional<OpenChunk>(std::move(chunk));
}

// Reads all levels below the roots, siblings of one depth together in one round trip, and ends the
// transaction. `bounded`: a level with more rows than a chunk may have is not read to its end.
Status Builder::ReadLevels(const DocumentTree& tree, bool bounded, OpenChunk* chunk) {
  pg::Connection& connection = *connection_;
  const TreeStatements& statements = statements_[tree.number];
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
        Keys values;
        const uint32_t groups = CollectLinks(rows, layout.child_links[i],
                                             statements.levels[child].links, &values, &level);
        if (groups == 0) {
          level.group_begin = {0};
          continue;
        }
        const auto params = ArrayParams(values);
        std::string sql = statements.levels[child].sql;
        if (bounded) sql += kLevelLimit;
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
      chunk->too_large |= bounded && level.rows.size() > kMostRowsOfALevel;
      FindGroups(answer.groups, &level);
      CountAmbiguous(tree, tree.nodes[answer.node], level.groups_of_several);
    }
    chunk->too_large |= bounded && chunk->bytes > kMostChunkBytes;
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

void Builder::CountAmbiguous(const DocumentTree& tree, const Node& node, uint32_t groups) {
  if (groups == 0 || node.IsArray()) return;
  ambiguous_.Add(groups);
  if (!ambiguous_nodes_.insert(&node).second) return;
  log_.Warning(
      "assemble",
      fmt::format("index {}: \"{}\" is one_to_one, but {} has several rows for one parent; "
                  "the first by order_by or primary key is taken. Counted in "
                  "pgsync_build_ambiguous_total, and not logged again",
                  tree.index, node.label, schema::ToString(node.table)));
}

Status Builder::EmitChunk(const DocumentTree& tree, const OpenChunk& chunk,
                          const Emit& emit) const {
  model::BulkRequest request;
  const int roots = chunk.rows.levels[0].rows.size();
  for (int row = 0; row < roots; ++row) {
    if (auto s = writers_[tree.number].Append(chunk.rows, row, chunk.version, &request); !s) {
      return s;
    }
    if (request.body.size() < settings_.bulk_bytes && row + 1 < roots) continue;
    documents_.Add(request.items.size());
    if (auto s = emit({std::exchange(request, {}), chunk.read_at}); !s) return s;
  }
  return {};
}

Result<uint64_t> Builder::VersionNow(std::span<const uint32_t> xids) {
  base::Backoff backoff(milliseconds(1), milliseconds(100));
  const auto since = steady_clock::now();
  bool warned = false;
  while (true) {
    uint64_t version = 0;
    const Status read = WithConnection([&]() -> Status {
      auto row = connection_->Query(kSnapshot);
      if (!row) return row.error();
      auto snapshot = Snapshot::Parse(row->Cell(0, 0));
      if (!snapshot) return snapshot.error();
      if (ShowsAll(*snapshot, xids)) version = snapshot->Version();
      return {};
    });
    if (!read) return read.error();
    if (version != 0) return version;
    if (auto s = WaitForVisibility(&backoff, since, &warned); !s) return s.error();
  }
}

// A walsender can send a commit before other sessions see it, and with synchronous replication much
// before.
Status Builder::WaitForVisibility(base::Backoff* backoff, steady_clock::time_point since,
                                  bool* warned) {
  invisible_.Add();
  if (!*warned && steady_clock::now() - since > std::chrono::seconds(10)) {
    *warned = true;
    log_.Warning("assemble",
                 "a committed transaction is not visible after 10 s; a synchronous standby that "
                 "does not answer "
                 "(synchronous_standby_names) keeps it so. Its documents wait");
  }
  if (stop_.WaitFor(backoff->Next())) return Stopping();
  return {};
}

}  // namespace assemble
