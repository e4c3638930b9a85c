// Builder: touches and ranges -> documents. Resolves touches to root keys, reads the rows of all
// levels in one snapshot per chunk and hands finished bulk requests to the caller. No transaction
// lives longer than one chunk, and none is open while the caller writes.
//
// One Builder belongs to one worker thread and owns one connection, which it opens when needed and
// drops after any error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
  };

  template <typename Work>
  base::Status WithConnection(const Work& work);
  base::Result<std::vector<RootKeys>> ResolveRoots(std::vector<model::Touch> touches,
                                                   std::span<const uint32_t> xids);
  base::Status BuildKeys(const schema::DocumentTree& tree, const RootKeys& keys,
                         std::span<const uint32_t> xids, const Emit& emit);
  base::Status BuildChunk(const schema::DocumentTree& tree, const NodeStatement& root,
                          std::span<const pg::Param> params, std::span<const uint32_t> xids,
                          const Emit& emit);
  base::Result<std::optional<OpenChunk>> ReadRoots(const schema::DocumentTree& tree,
                                                   const NodeStatement& root,
                                                   std::span<const pg::Param> params,
                                                   std::span<const uint32_t> xids);
  base::Status ReadLevels(const schema::DocumentTree& tree, OpenChunk* chunk);
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
  base::Histogram& build_time_;
  std::optional<pg::Connection> connection_;
  std::unordered_map<uint32_t, std::string> heap_names_;
  Pace keys_pace_;
  std::optional<Pace> pages_pace_;  // known with the first range
};

}  // namespace assemble
