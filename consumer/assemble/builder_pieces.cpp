// The builder's way through many documents: piece by piece, the next one being read while this one
// is written, pieces of a size that fits into memory and time.
#include <deque>
#include <future>
#include <utility>

#include "consumer/assemble/builder.h"
#include "consumer/assemble/read_transaction.h"

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
    return reader->Read(pieces.tree, statements_[pieces.tree.number], pieces.root, piece.params,
                        xids, bounded);
  };
  std::vector<ChunkReader*> free;
  for (const auto& reader : readers_) free.push_back(reader.get());
  std::deque<Reading> ahead;  // in order
  const auto read_ahead = [&](size_t from) -> Status {
    while (!free.empty()) {
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
    free.push_back(front.reader);
    ahead.pop_front();

    Status status = chunk ? Status() : Status(chunk.error());
    if (chunk && chunk->too_large) {
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
      pieces.pace.Failed();
      if (status.error().kind != base::ErrorKind::kRetry || stop_.Requested() ||
          ++failures > pieces.tries_of_a_piece) {
        return status;
      }
      continue;
    }
    pieces.pace.Took(steady_clock::now() - chunk->read_at, chunk->bytes);
    pieces.done(piece);
    failures = 0;
    begin = piece.end;
    paused = paused || (pieces.pause && pieces.pause());
  }
  return {};
}

Status Builder::BuildChunk(const DocumentTree& tree, const NodeStatement& root,
                           std::span<const pg::Param> params, std::span<const uint32_t> xids,
                           const Emit& emit) {
  auto chunk = readers_.front()->Read(tree, statements_[tree.number], root, params, xids, true);
  if (!chunk) return chunk.error();
  return chunk->too_large ? BuildRootsOf(tree, *chunk, xids, emit) : EmitChunk(tree, *chunk, emit);
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
