// ChunkReader: one connection that reads documents' rows, all levels of one chunk of roots in one
// snapshot that shows given transactions. It connects when needed and drops the connection after
// any error. No transaction lives longer than the reading of one chunk.
//
// One thread at a time. Errors: kRetry and kReconnect are worth another try; kRefused says what has
// to be repaired; kRejectDocument: one of the rows is such that the server cannot give it.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "consumer/assemble/document_writer.h"
#include "consumer/assemble/load_strategy.h"
#include "consumer/assemble/statements.h"
#include "consumer/base/backoff.h"
#include "consumer/base/log.h"
#include "consumer/base/metrics.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"

namespace assemble {

struct ReaderSettings {
  pg::Target postgres;
  std::string database;
  std::string work_mem;  // "" = the server's
  // Of one level, unless a single document has more; beside what the strategy allows.
  uint32_t most_rows = std::numeric_limits<uint32_t>::max();
};

// The rows of some roots and of all levels below them.
struct Chunk {
  ChunkRows rows;
  uint64_t version = 0;
  std::chrono::steady_clock::time_point read_at;
  size_t bytes = 0;  // of the rows
  // The levels were given up, because they hold more than one piece may: take a smaller one.
  bool too_large = false;
};

class ChunkReader {
 public:
  // All references outlive the reader.
  ChunkReader(const ReaderSettings& settings, const base::StopSignal& stop, base::Logger& log,
              base::Metrics& metrics);

  // How much of a chunk is read.
  enum class Extent {
    kWhole,    // whatever it holds
    kBounded,  // not more rows than a chunk may have
    kRoots,    // no level below the roots
  };

  // The roots that `root` selects with `params`, and what hangs on them. Waits until a snapshot
  // shows all of `xids`.
  base::Result<Chunk> Read(const schema::DocumentTree& tree, const TreeStatements& statements,
                           const LoadStrategy& strategy, const NodeStatement& root,
                           std::span<const pg::Param> params, std::span<const uint32_t> xids,
                           Extent extent);

  // Whether the last failure was that a statement was cancelled, as after statement_timeout.
  bool TimedOut() const { return timed_out_; }
  // From now on no statement times out: what a smaller chunk does not make quicker.
  void LiftStatementTimeout();

  // The version of a snapshot that shows all of `xids`.
  base::Result<uint64_t> VersionNow(std::span<const uint32_t> xids);

  base::Result<pg::Connection*> Connected();

  // Runs `work(connection)` and drops the connection after an error: whatever state the session was
  // left in, it is not ours to guess.
  template <typename Work>
  base::Status With(const Work& work) {
    failed_with_.clear();
    auto connection = Connected();
    if (!connection) return connection.error();
    base::Status status = work(**connection);
    return status ? status : Dropped(std::move(status));
  }

  // To be called while a snapshot does not show what it should, each time before the next try.
  // kRetry when it is time to stop.
  class Visibility {
   public:
    explicit Visibility(ChunkReader& reader) : reader_(reader) {}
    base::Status Wait();

   private:
    ChunkReader& reader_;
    base::Backoff backoff_{std::chrono::milliseconds(1), std::chrono::milliseconds(100)};
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
    bool warned_ = false;
  };

 private:
  base::Status SetUp(pg::Connection& connection);
  base::Status Dropped(base::Status failed);
  base::Result<std::optional<Chunk>> ReadRoots(
      pg::Connection& connection, const TreeStatements& statements, const LoadStrategy& strategy,
      const NodeStatement& root, std::span<const pg::Param> params, std::span<const uint32_t> xids);
  base::Status ReadLevels(pg::Connection& connection, const schema::DocumentTree& tree,
                          const TreeStatements& statements, const LoadStrategy& strategy,
                          bool bounded, Chunk* chunk);

  const ReaderSettings settings_;
  const base::StopSignal& stop_;
  base::Logger& log_;
  base::Counter& invisible_;
  base::Histogram& read_time_;
  std::optional<pg::Connection> connection_;
  uint64_t work_mem_bytes_ = 0;  // of the session
  bool timed_out_ = false;
  bool no_timeout_ = false;
  std::string failed_with_;  // SQLSTATE of what the last connection was dropped for
};

}  // namespace assemble
