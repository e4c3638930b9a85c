// The builder's way through many documents: piece by piece, the next one being read while this one
// is written, pieces of a size that fits into memory and time.
#include <utility>

#include "consumer/assemble/builder.h"
#include "consumer/assemble/read_transaction.h"

namespace assemble {

using base::Result;
using base::Status;
using schema::DocumentTree;
using std::chrono::steady_clock;

Status Builder::BuildPieces(const Pieces& pieces, size_t begin, size_t end,
                            std::span<const uint32_t> xids, const Emit& emit) {
  const auto cut = [&](size_t at) {
    return pieces.cut(at, std::min<size_t>(at + pieces.pace.Now(), end));
  };
  const auto read = [&](const Piece& piece) {
    const bool bounded = !pieces.single_fits || piece.end - piece.begin > 1;
    return ReadChunk(pieces.tree, pieces.root, piece.params, xids, bounded);
  };
  Piece piece, next;
  std::future<Result<OpenChunk>> ahead;  // reads `next`; its destructor waits for that
  const size_t first = begin;
  int failures = 0;
  while (begin < end) {
    if (stop_.Requested() && begin > first) return base::Retry("stopping");
    const bool was_ahead = ahead.valid();
    if (!was_ahead) next = cut(begin);
    Result<OpenChunk> chunk = was_ahead ? ahead.get() : read(next);
    piece = std::move(next);  // not before: the helper reads its parameters
    Status status = chunk ? Status() : Status(chunk.error());
    if (chunk && chunk->too_large) {
      if (piece.end - piece.begin > 1) {
        pieces.pace.Failed();
        continue;
      }
      status = BuildRootsOf(pieces.tree, *chunk, xids, emit);
    } else if (chunk) {
      if (piece.end < end) {
        next = cut(piece.end);
        ahead = std::async(std::launch::async, read, std::cref(next));
      }
      status = EmitChunk(pieces.tree, *chunk, emit);
    }
    if (!status) {
      if (ahead.valid()) ahead.wait();
      ahead = {};
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
  }
  return {};
}

Status Builder::BuildChunk(const DocumentTree& tree, const NodeStatement& root,
                           std::span<const pg::Param> params, std::span<const uint32_t> xids,
                           const Emit& emit) {
  auto chunk = ReadChunk(tree, root, params, xids, true);
  if (!chunk) return chunk.error();
  return chunk->too_large ? BuildRootsOf(tree, *chunk, xids, emit) : EmitChunk(tree, *chunk, emit);
}

Status Builder::BuildRootsOf(const DocumentTree& tree, const OpenChunk& chunk,
                             std::span<const uint32_t> xids, const Emit& emit) {
  const pg::Rows& rows = chunk.rows.levels[0].rows;
  RootKeys keys(statements_[tree.number].climbs[0].order.size());
  for (int row = 0; row < rows.size(); ++row) {
    for (size_t i = 0; i < keys.size(); ++i) {
      // Behind the id is what else the address is made of; who asks need not know it.
      const bool known = i < tree.id_columns.size();
      const int column = chunk.rows.root_layout->id + static_cast<int>(i);
      keys[i].push_back(known ? std::optional(std::string(rows.Cell(row, column))) : std::nullopt);
    }
  }
  return BuildKeys(tree, keys, xids, emit);
}

}  // namespace assemble
