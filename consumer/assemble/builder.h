// Builder: touches and ranges -> documents. Resolves touches to root keys, has the rows of all
// levels read in one snapshot per chunk and hands finished bulk requests to the caller. While
// documents of one chunk are written, helper threads read the next ones over connections of their
// own, so that server and worker do not wait for each other, and a server with several processors
// uses them.
//
// One Builder belongs to one worker thread and owns its connections. A helper uses one only between
// the start of a read and its being awaited.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "consumer/assemble/chunk_reader.h"
#include "consumer/assemble/document_writer.h"
#include "consumer/assemble/load_strategy.h"
#include "consumer/assemble/pace.h"
#include "consumer/assemble/root_list.h"
#include "consumer/assemble/statements.h"
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
  ReaderSettings reader;
  int connections = 2;             // chunks that are read at the same time
  uint32_t keys_per_chunk = 5000;  // at most: roots read in one snapshot
  size_t bulk_bytes = 5u << 20;    // a request is handed over when its body has reached this
  StrategyLimits strategy;
  RootListLimits roots;  // per document of the schema file and Touched
  // Up to this many roots of one entry point are read together, and up to this many of one document
  // are compared with each other, to build each once.
  size_t climb_keys = 20'000;
};

// A finished request. `read_at` is when its snapshot was taken: after half of the engine's memory
// of deletions it is too old to be written (design D3).
struct Built {
  model::BulkRequest request;
  std::chrono::steady_clock::time_point read_at;
};

// The documents that hang on some touches, and how many of them are built.
struct Touched {
  struct Part {
    RootList roots;
    size_t done = 0;
  };
  std::vector<Part> parts;  // per document of the schema file

  size_t Left() const;
};

// A document by its root's id parts and routing, as text.
struct KnownRoot {
  uint32_t document = 0;
  std::vector<std::optional<std::string>> key;
};

class Builder {
 public:
  using Emit = std::function<base::Status(Built)>;

  // All references outlive the builder.
  Builder(BuilderSettings settings, const std::vector<schema::DocumentTree>& trees,
          const base::StopSignal& stop, base::Logger& log, base::Metrics& metrics);

  // Finds every document that hangs on `touches`, from a snapshot that shows all of `xids`. An
  // error: call again with the same arguments.
  // REQUIRES: none of them enters by EntryPoint::Via::kLookup; what these lead to is `known`.
  base::Result<Touched> Resolve(std::vector<model::Touch> touches, std::span<const uint32_t> xids,
                                std::vector<KnownRoot> known = {});

  // Builds what is left of `touched`, from snapshots that show all of `xids`. A document of which
  // the server cannot give all rows comes as `unmade`. An error of `emit` ends it. With `pause` it
  // returns early once that says true, with the rest left. kRetry, kReconnect: call again with the
  // same arguments; what was done stays done.
  base::Status Build(Touched* touched, std::span<const uint32_t> xids, const Emit& emit,
                     const std::function<bool()>& pause = {});

  // Builds the documents of one part of a root table. Pages that are done are taken off the front
  // of `range`, so that after an error only the rest is built again.
  base::Status BuildRange(model::LoadRange* range, std::span<const uint32_t> xids,
                          const Emit& emit) {
    return BuildRanges(range, xids, emit, {}, [](const model::LoadRange&) {});
  }
  // The same for ranges of one document, one after the other, without a pause between them: before
  // the last one is wholly read, `more` is asked for the next (nullptr: none). It must be of the
  // same heap. `finished` is told of each that is done, in order, after its last emit.
  base::Status BuildRanges(model::LoadRange* range, std::span<const uint32_t> xids,
                           const Emit& emit, const std::function<model::LoadRange*()>& more,
                           const std::function<void(const model::LoadRange&)>& finished);

  // The version of a snapshot that shows all of `xids`, for a sweep.
  base::Result<uint64_t> VersionNow(std::span<const uint32_t> xids) {
    return readers_.front()->VersionNow(xids);
  }

  // A connection, for the planning of ranges by the owner of this builder.
  base::Result<pg::Connection*> Connected() { return readers_.front()->Connected(); }

 private:
  class Finding;
  // Touches [begin, end) of one entry point.
  struct Run {
    size_t begin, end;
  };
  // A part of something that is read in parts of a size that adapts: keys or pages.
  struct Piece {
    size_t begin = 0, end = 0;
    std::vector<pg::Param> params;  // of the root's statement
  };
  struct Reading;
  struct Pieces {
    const schema::DocumentTree& tree;
    const LoadStrategy& strategy;
    const NodeStatement& root;
    std::function<base::Result<Piece>(size_t begin, size_t end)> cut;
    std::function<void(const Piece&)> done;
    Pace& pace;
    bool single_fits;  // a piece of size 1 is one document, and has to be read whatever it holds
    int tries_of_a_piece;                // before its failure is the caller's
    const std::function<bool()>& pause;  // asked after each piece; true: enough for now
    // Asked when everything up to `end` is being read: where the end is now.
    std::function<size_t(size_t end)> extend = {};
    // A piece of size 1 has a row that the server cannot give; `why` is for the dead letter.
    std::function<base::Status(const Piece& piece, const std::string& why)> unreadable = {};
  };

  // How a document is read, of which load: the tables of another one may have grown.
  struct Strategy {
    std::optional<LoadStrategy> choice;
    uint32_t cut = 0;
    std::optional<Pace> pages_pace;  // known with the first range
  };

  static std::vector<pg::Param> ParamsOf(const std::vector<model::Touch>& touches, Run run);
  base::Status Climb(pg::Connection& connection, const std::vector<model::Touch>& touches,
                     const std::vector<Run>& climbs, std::span<const uint32_t> xids,
                     Finding* finding, std::vector<Run>* large, bool* shown);
  base::Status ClimbByCursor(pg::Connection& connection, const std::vector<model::Touch>& touches,
                             Run run, std::span<const uint32_t> xids, Finding* finding,
                             bool* shown);
  base::Status BuildRoots(const schema::DocumentTree& tree, Touched::Part* part,
                          std::span<const uint32_t> xids, const Emit& emit,
                          const std::function<bool()>& pause);
  base::Status BuildPieces(const Pieces& pieces, size_t begin, size_t end,
                           std::span<const uint32_t> xids, const Emit& emit);
  base::Status BuildChunk(const schema::DocumentTree& tree, const LoadStrategy& strategy,
                          const NodeStatement& root, std::span<const pg::Param> params,
                          std::span<const uint32_t> xids, const Emit& emit);
  base::Status BuildChunk(const schema::DocumentTree& tree, const NodeStatement& root,
                          std::span<const pg::Param> params, std::span<const uint32_t> xids,
                          const Emit& emit);
  // Of a document of which the server cannot give all rows.
  base::Status EmitUnreadable(const schema::DocumentTree& tree,
                              std::span<const std::optional<std::string>> key,
                              std::span<const uint32_t> xids, const std::string& why,
                              const Emit& emit);
  // Builds the documents whose ids `sql` gives by these, as far as it can.
  base::Status BuildRootsById(const schema::DocumentTree& tree, const std::string& sql,
                              std::span<const pg::Param> params, std::span<const uint32_t> xids,
                              const Emit& emit);
  // The same rows, but in pieces by their keys.
  base::Status BuildRootsOf(const schema::DocumentTree& tree, const Chunk& chunk,
                            std::span<const uint32_t> xids, const Emit& emit);
  void CountAmbiguous(const schema::DocumentTree& tree, const schema::Node& node, uint32_t groups);
  base::Status EmitChunk(const schema::DocumentTree& tree, const Chunk& chunk, const Emit& emit);
  base::Result<Strategy*> StrategyOf(const schema::DocumentTree& tree, uint32_t cut = 0);
  // After the failure of a piece of that size: whether a statement was cancelled that a smaller one
  // would not make quicker.
  // Then none times out any more.
  bool LiftedTimeout(const ChunkReader& failed, size_t size, const LoadStrategy& strategy);
  base::Result<std::string> HeapName(pg::Connection& connection, uint32_t relation);
  base::Status BuildPages(const schema::DocumentTree& tree, model::LoadRange* range,
                          std::span<const uint32_t> xids, const Emit& emit,
                          const std::function<model::LoadRange*()>& more,
                          const std::function<void(const model::LoadRange&)>& finished);

  BuilderSettings settings_;
  const std::vector<schema::DocumentTree>& trees_;
  std::vector<TreeStatements> statements_;
  std::vector<DocumentWriter> writers_;
  const base::StopSignal& stop_;
  base::Logger& log_;
  base::Counter& documents_;
  base::Counter& ambiguous_;
  std::set<const schema::Node*> ambiguous_nodes_;      // of which the log knows
  std::vector<std::unique_ptr<ChunkReader>> readers_;  // at least one
  std::unordered_map<uint32_t, std::string> heap_names_;
  Pace keys_pace_;
  Pace sliced_pace_;  // of what can be paused: the caller waits for the pieces under way
  std::vector<Strategy> strategies_;  // per document
  bool timeout_lifted_ = false;
};

}  // namespace assemble
