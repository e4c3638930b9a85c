// The builder's way through many documents: piece by piece, the next one being read while this one
// is written, pieces of a size that fits into memory and time.
#include <deque>
#include <future>
#include <utility>

#include "consumer/assemble/builder.h"
#include "consumer/assemble/read_transaction.h"
#include "consumer/base/utf8.h"

namespace assemble {

using base::Result;
using base::Status;
using schema::DocumentTree;
using std::chrono::steady_clock;

// A piece that is being read.
struct Builder::Reading {
  Piece piece;
  ChunkReader* reader;
  std::future<Result<Chunk>> chunk;  // its end waits for the reader
};

Status Builder::BuildPieces(const Pieces& pieces, size_t begin, size_t end,
                            std::span<const uint32_t> xids, const Emit& emit) {
  const auto cut = [&](size_t at) {
    return pieces.cut(at, std::min<size_t>(at + pieces.pace.Now(), end));
  };
  const auto read = [&](const Piece& piece, ChunkReader* reader) {
    const bool bounded = !pieces.single_fits || piece.end - piece.begin > 1;
    return reader->Read(pieces.tree, statements_[pieces.tree.number], pieces.strategy, pieces.root,
                        piece.params, xids,
                        bounded ? ChunkReader::Extent::kBounded : ChunkReader::Extent::kWhole);
  };
  // Chunks that scan are large: one is read while one is written.
  const size_t most_ahead = pieces.strategy.scans ? 1 : readers_.size();
  std::vector<ChunkReader*> free;
  for (const auto& reader : readers_) free.push_back(reader.get());
  std::deque<Reading> ahead;  // in order
  const auto read_ahead = [&](size_t from) -> Status {
    while (!free.empty() && ahead.size() < most_ahead) {
      if (from == end && pieces.extend) end = pieces.extend(end);
      if (from == end) break;
      auto piece = cut(from);
      if (!piece) return piece.error();
      Reading& reading = ahead.emplace_back(Reading{std::move(*piece), free.back(), {}});
      free.pop_back();
      reading.chunk =
          std::async(std::launch::async, read, std::cref(reading.piece), reading.reader);
      from = reading.piece.end;
    }
    return {};
  };
  const auto give_up_ahead = [&] {
    for (; !ahead.empty(); ahead.pop_front()) {
      ahead.front().chunk.wait();
      free.push_back(ahead.front().reader);
    }
  };

  const size_t first = begin;
  int failures = 0;
  bool paused = false;
  while (begin < end && !(paused && ahead.empty())) {
    if (stop_.Requested() && begin > first) return base::Retry("stopping");
    // The first piece, which mostly is the only one, is not worth a thread.
    if (ahead.empty()) {
      auto only = cut(begin);
      if (!only) return only.error();
      ahead.push_back({std::move(*only), free.back(), {}});
      free.pop_back();
    }
    Reading& front = ahead.front();
    const Result<Chunk> chunk =
        front.chunk.valid() ? front.chunk.get() : read(front.piece, front.reader);
    const Piece piece = std::move(front.piece);
    const ChunkReader& reader = *front.reader;
    free.push_back(front.reader);
    ahead.pop_front();

    Status status = chunk ? Status() : Status(chunk.error());
    const bool unreadable = !chunk && chunk.error().kind == base::ErrorKind::kRejectDocument;
    if (unreadable) {
      give_up_ahead();
      if (piece.end - piece.begin > 1) {
        while (pieces.pace.Now() >= piece.end - piece.begin) pieces.pace.Failed();
        continue;
      }
      status = pieces.unreadable(piece, chunk.error().message);
    } else if (chunk && chunk->too_large) {
      give_up_ahead();
      if (piece.end - piece.begin > 1) {
        pieces.pace.Failed();
        continue;
      }
      status = BuildRootsOf(pieces.tree, *chunk, xids, emit);
    } else if (chunk) {
      if (!paused) status = read_ahead(ahead.empty() ? piece.end : ahead.back().piece.end);
      if (status) status = EmitChunk(pieces.tree, *chunk, emit);
    }
    if (!status) {
      give_up_ahead();
      // Too slow, most likely. Only this piece is built again, in smaller ones.
      if (chunk || !LiftedTimeout(reader, piece.end - piece.begin, pieces.strategy))
        pieces.pace.Failed();
      if (status.error().kind != base::ErrorKind::kRetry || stop_.Requested() ||
          ++failures > pieces.tries_of_a_piece) {
        return status;
      }
      continue;
    }
    if (chunk) pieces.pace.Took(steady_clock::now() - chunk->read_at, chunk->bytes);
    pieces.done(piece);
    failures = 0;
    begin = piece.end;
    paused = paused || (pieces.pause && pieces.pause());
  }
  return {};
}

bool Builder::LiftedTimeout(const ChunkReader& failed, size_t size, const LoadStrategy& strategy) {
  if (!failed.TimedOut() || (size > 1 && !strategy.scans)) return false;
  if (!std::exchange(timeout_lifted_, true)) {
    log_.Warning("assemble",
                 "statement_timeout ends reading that smaller pieces do not make quicker; these "
                 "sessions do without it from now on. An index on the links that `plan` lists as "
                 "missing makes reading quicker");
  }
  for (const auto& reader : readers_) reader->LiftStatementTimeout();
  return true;
}

Status Builder::BuildChunk(const DocumentTree& tree, const LoadStrategy& strategy,
                           const NodeStatement& root, std::span<const pg::Param> params,
                           std::span<const uint32_t> xids, const Emit& emit) {
  ChunkReader& reader = *readers_.front();
  const TreeStatements& statements = statements_[tree.number];
  using Extent = ChunkReader::Extent;
  auto chunk = reader.Read(tree, statements, strategy, root, params, xids, Extent::kBounded);
  if (!chunk && reader.TimedOut()) {
    // The bounds of the range are fixed; its roots can be read in smaller pieces.
    chunk = reader.Read(tree, statements, strategy, root, params, xids, Extent::kRoots);
    if (chunk) chunk->too_large = true;
    if (!chunk) LiftedTimeout(reader, 1, strategy);
  }
  if (!chunk) return chunk.error();
  return chunk->too_large ? BuildRootsOf(tree, *chunk, xids, emit) : EmitChunk(tree, *chunk, emit);
}

Status Builder::EmitUnreadable(const DocumentTree& tree,
                               std::span<const std::optional<std::string>> key,
                               std::span<const uint32_t> xids, const std::string& why,
                               const Emit& emit) {
  const auto read_at = steady_clock::now();
  auto version = VersionNow(xids);
  if (!version) return version.error();
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < tree.id_columns.size(); ++i) parts.push_back(*key[i]);
  model::BulkRequest request;
  // A key that is no text (SQL_ASCII) has no JSON form, either.
  std::string id = base::ReplaceInvalidUtf8(JoinId(parts, tree.id_texts));
  request.unmade.push_back({tree.number, std::move(id), tree.versioned ? *version : 0, why});
  return emit({std::move(request), read_at});
}

Status Builder::BuildRootsById(const DocumentTree& tree, const std::string& sql,
                               std::span<const pg::Param> params, std::span<const uint32_t> xids,
                               const Emit& emit) {
  const size_t parts = statements_[tree.number].climbs[0].order.size();
  Touched::Part part{{parts, settings_.roots}, 0};
  const Status listed = readers_.front()->With([&](pg::Connection& connection) -> Status {
    if (auto begun = BeginForKeys(connection, ""); !begun) return begun;
    auto rows = connection.Query(sql, params);
    if (!rows) return std::move(rows).error().While("listing the ids of index " + tree.index);
    if (auto ended = connection.Query(kCommit); !ended) return std::move(ended).error();
    for (int row = 0; row < rows->size(); ++row) {
      std::vector<std::optional<std::string>> key(parts);
      for (int i = 0; i < rows->columns(); ++i) key[static_cast<size_t>(i)] = rows->Cell(row, i);
      if (auto added = part.roots.Add(key); !added) return added;
    }
    return {};
  });
  return listed ? BuildRoots(tree, &part, xids, emit, {}) : listed;
}

Status Builder::BuildRootsOf(const DocumentTree& tree, const Chunk& chunk,
                             std::span<const uint32_t> xids, const Emit& emit) {
  const pg::Rows& rows = chunk.rows.levels[0].rows;
  Touched::Part part{{statements_[tree.number].climbs[0].order.size(), settings_.roots}, 0};
  for (int row = 0; row < rows.size(); ++row) {
    std::vector<std::optional<std::string>> key(statements_[tree.number].climbs[0].order.size());
    // Behind the id is what else the address is made of; who asks need not know it.
    for (size_t i = 0; i < tree.id_columns.size(); ++i) {
      key[i] = rows.Cell(row, chunk.rows.root_layout->id + static_cast<int>(i));
    }
    if (auto added = part.roots.Add(key); !added) return added;
  }
  return BuildRoots(tree, &part, xids, emit, {});
}

}  // namespace assemble
