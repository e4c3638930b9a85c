// Pipeline: joins the rooms and their threads for one slot. Data goes one way, stream -> queue ->
// workers -> target; the only thing that comes back is the position that may be acknowledged.
//
//   stream thread    walsender -> records -> touches -> batches -> queue         (stream_producer)
//   loader thread    root tables -> ranges -> queue, the load lane               (loader)
//   worker threads   queue -> documents of one snapshot -> target                (worker)
//   calling thread   low water of the queue -> state in the target -> slot; status lines; stop
//
// From the low water on everything is durable in the target; WAL is acknowledged only after the
// target itself has recorded that position (design D1, D6).
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "consumer/app/build_fence.h"
#include "consumer/app/developer.h"
#include "consumer/app/load_board.h"
#include "consumer/app/role.h"
#include "consumer/assemble/load_strategy.h"
#include "consumer/base/log.h"
#include "consumer/base/lsn.h"
#include "consumer/base/metrics.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"
#include "consumer/model/sync_state.h"
#include "consumer/pg/connection.h"
#include "consumer/queue/queue.h"
#include "consumer/schema/tree.h"
#include "consumer/sink/target.h"
#include "consumer/spool/spool.h"

namespace app {

class LiveLine;

// As long as a build of another process may still be written after it was read, and some more.
inline constexpr std::chrono::seconds kOtherProcesses{35};

struct PipelineSettings {
  Role role = Role::kAll;
  pg::Target postgres;
  std::string database;
  std::string slot;
  std::string system_identifier;
  int timeline = 0;
  std::string work_mem;
  int workers = 2;
  uint32_t rows_per_fetch = 0;     // of one level, at most; 0 = as memory allows
  uint32_t rows_per_chunk = 5000;  // of the load
  uint32_t keys_per_chunk = 5000;  // roots built in one snapshot
  size_t bulk_bytes = 5u << 20;
  spool::Limits spool;
  DeveloperSettings developer;
  bool once = false;
  // Ends when what is wanted is loaded and settled: everything that its documents may have missed
  // meanwhile was applied.
  bool load_only = false;
  std::vector<bool> load_documents;  // which of the trees are loaded if they are not; empty: all
  double load_rate = 0;              // documents per second of all loads together; 0: no limit
  LiveLine* live = nullptr;          // on a terminal: where the loads' progress is shown
  std::chrono::milliseconds log_interval{10000};
  // Trees that fill a generation which searches do not see yet. When one or more of them hold all
  // that the tables have, they are put into `ready`, and the pipeline ends in order.
  std::vector<uint32_t> next;
  std::vector<uint32_t>* ready = nullptr;
  // Set when the drain is there to begin again: then a process that has to be ended by force has
  // failed.
  const std::atomic<bool>* starts_again = nullptr;
  // Is set when the pipeline fails because another daemon streams the slot by now, or another
  // server answers than the one the states were judged by.
  std::atomic<bool>* taken = nullptr;
};

// Of a plan that is made now: with a limit of the rate no more than one second allows, so that it
// comes in small portions.
inline uint32_t RowsPerChunk(const PipelineSettings& settings) {
  if (settings.load_rate <= 0) return settings.rows_per_chunk;
  return static_cast<uint32_t>(
      std::clamp(settings.load_rate, 1.0, static_cast<double>(settings.rows_per_chunk)));
}

// How long a thread sleeps before it looks again. `once` is over soon, and somebody waits for that.
inline std::chrono::milliseconds Nap(const PipelineSettings& settings,
                                     std::chrono::milliseconds usual) {
  return settings.once ? std::min(usual, std::chrono::milliseconds(10)) : usual;
}

// How the documents of a load are to be read, by all workers.
inline assemble::StrategyLimits StrategyLimitsOf(const PipelineSettings& settings) {
  return {RowsPerChunk(settings), assemble::ScannedChunkBytes(settings.workers)};
}

// What every thread of the pipeline works with. All of it outlives the threads.
struct PipelineContext {
  const PipelineSettings& settings;
  const std::vector<schema::DocumentTree>& trees;
  sink::Target& target;
  queue::Queue& queue;
  queue::Producer& producer;
  LoadBoard& board;
  BuildFence& fence;
  base::Logger& log;
  base::Metrics& metrics;
  base::StopSignal& drain;                // "take no more work, finish what you have"
  std::function<void(base::Error)> fail;  // ends the pipeline with this error; the first one counts
};

// `run --role worker`: builds what the producer of another process puts into the queue, until
// `drain` is requested or something fails. `mark`: that of the producer. kRefused: it works from
// something else by now.
base::Status RunWorkers(const PipelineSettings& settings,
                        const std::vector<schema::DocumentTree>& trees, sink::Target& target,
                        queue::Queue& queue, const std::string& mark, base::StopSignal& drain,
                        base::Logger& log, base::Metrics& metrics);

// Runs until `drain` is requested, `once` is fulfilled or something fails. `states`: as read from
// the target, one per tree. On return everything that was finished is stored and acknowledged.
// kFatal and kRefused end the program with the message.
base::Status RunPipeline(const PipelineSettings& settings,
                         const std::vector<schema::DocumentTree>& trees, sink::Target& target,
                         queue::Queue& queue, std::vector<model::SyncState> states,
                         base::StopSignal& drain, base::Logger& log, base::Metrics& metrics);

}  // namespace app
