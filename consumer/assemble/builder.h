// Builder: touches and ranges -> documents. Resolves touches to root keys, reads the rows of all
// levels in one snapshot per chunk and hands finished bulk requests to the caller. While documents
// of one chunk are written, a helper thread reads the next one, so that server and worker do not
// wait for each other. No transaction lives longer than the reading of one chunk.
//
// One Builder belongs to one worker thread and owns one connection, which it opens when needed and
// drops after any error. The helper uses it only between the start of a read and its being awaited.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "consumer/assemble/document_writer.h"
#include "consumer/assemble/pace.h"
#include "consumer/assemble/snapshot.h"
#include "consumer/assemble/statements.h"
#include "consumer/base/backoff.h"
#include "consumer/base/log.h"
#include "consumer/base/metrics.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"
#include "consumer/model/batch.h"
#include "consumer/model/bulk.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"

namespace assemble {

struct BuilderSettings {
  pg::Target postgres;
  std::string database;
  std::string work_mem;            // "" = the server's
  uint32_t keys_per_chunk = 5000;  // at most: roots read in one snapshot
  size_t bulk_bytes = 5u << 20;    // a request is handed over when its body has reached this
};

// A finished request. `read_at` is when its snapshot was taken: after half of the engine's memory
// of deletions it is too old to be written (design D3).
struct Built {
  model::BulkRequest request;
  std::chrono::steady_clock::time_point read_at;
};

class Builder {
 public:
  using Emit = std::function<base::Status(Built)>;

  // All references outlive the builder.
  Builder(BuilderSettings settings, const std::vector<schema::DocumentTree>& trees,
          const base::StopSignal& stop, base::Logger& log, base::Metrics& metrics);

  // Builds every document that hangs on `touches`, each once, from snapshots that show all of
  // `xids`. An error of `emit` ends it. kRetry, kReconnect: call again with the same arguments.
  base::Status BuildTouched(std::vector<model::Touch> touches, std::span<const uint32_t> xids,
                            const Emit& emit);

  // Builds the documents of one part of a root table. Pages that are done are taken off the front
  // of `range`, so that after an error only the rest is built again.
  base::Status BuildRange(model::LoadRange* range, std::span<const uint32_t> xids,
                          const Emit& emit);

  // The version of a snapshot that shows all of `xids`, for a sweep.
  base::Result<uint64_t> VersionNow(std::span<const uint32_t> xids);

  // The connection, for the planning of ranges by the owner of this builder.
  base::Result<pg::Connection*> Connected();

 private:
  using Keys = std::vector<std::vector<std::string>>;  // one array per link column
  // One array per id column, and one more for the routing where a column gives it; only that may
  // hold NULL.
  using RootKeys = std::vector<std::vector<std::optional<std::string>>>;

  struct OpenChunk {
    ChunkRows rows;
    uint64_t version = 0;
    std::chrono::steady_clock::time_point read_at;
    size_t bytes = 0;  // of the rows
    // The levels were given up, because they hold more than one piece may: take a smaller one.
    bool too_large = false;
  };
  // A part of something that is read in parts of a size that adapts: keys or pages.
  struct Piece {
    size_t begin = 0, end = 0;
    std::vector<pg::Param> params;  // of the root's statement
  };
  struct Pieces {
    const schema::DocumentTree& tree;
    const NodeStatement& root;
    std::function<Piece(size_t begin, size_t end)> cut;
    std::function<void(const Piece&)> done;
    Pace& pace;
    bool single_fits;  // a piece of size 1 is one document, and has to be read whatever it holds
    int tries_of_a_piece;  // before its failure is the caller's
  };

  template <typename Work>
  base::Status WithConnection(const Work& work);
  base::Result<std::vector<RootKeys>> ResolveRoots(std::vector<model::Touch> touches,
                                                   std::span<const uint32_t> xids);
  base::Status BuildKeys(const schema::DocumentTree& tree, const RootKeys& keys,
                         std::span<const uint32_t> xids, const Emit& emit);
  base::Status BuildPieces(const Pieces& pieces, size_t begin, size_t end,
                           std::span<const uint32_t> xids, const Emit& emit);
  base::Status BuildChunk(const schema::DocumentTree& tree, const NodeStatement& root,
                          std::span<const pg::Param> params, std::span<const uint32_t> xids,
                          const Emit& emit);
  // The same rows, but in pieces by their keys.
  base::Status BuildRootsOf(const schema::DocumentTree& tree, const OpenChunk& chunk,
                            std::span<const uint32_t> xids, const Emit& emit);
  base::Result<OpenChunk> ReadChunk(const schema::DocumentTree& tree, const NodeStatement& root,
                                    std::span<const pg::Param> params,
                                    std::span<const uint32_t> xids, bool bounded);
  base::Result<std::optional<OpenChunk>> ReadRoots(const schema::DocumentTree& tree,
                                                   const NodeStatement& root,
                                                   std::span<const pg::Param> params,
                                                   std::span<const uint32_t> xids);
  base::Status ReadLevels(const schema::DocumentTree& tree, bool bounded, OpenChunk* chunk);
  void CountAmbiguous(const schema::DocumentTree& tree, const schema::Node& node, uint32_t groups);
  base::Status EmitChunk(const schema::DocumentTree& tree, const OpenChunk& chunk,
                         const Emit& emit) const;
  base::Status WaitForVisibility(base::Backoff* backoff,
                                 std::chrono::steady_clock::time_point since, bool* warned);
  base::Result<std::string> HeapName(uint32_t relation);
  base::Status BuildPages(const schema::DocumentTree& tree, model::LoadRange* range,
                          std::span<const uint32_t> xids, const Emit& emit);

  BuilderSettings settings_;
  const std::vector<schema::DocumentTree>& trees_;
  std::vector<TreeStatements> statements_;
  std::vector<DocumentWriter> writers_;
  const base::StopSignal& stop_;
  base::Logger& log_;
  base::Counter& documents_;
  base::Counter& invisible_;
  base::Counter& ambiguous_;
  std::set<const schema::Node*> ambiguous_nodes_;  // of which the log knows
  base::Histogram& build_time_;
  std::optional<pg::Connection> connection_;
  std::unordered_map<uint32_t, std::string> heap_names_;
  Pace keys_pace_;
  std::optional<Pace> pages_pace_;  // known with the first range
};

}  // namespace assemble
