// StreamProducer: the stream's thread. Reads the slot, turns records into batches and puts them
// into the queue. Batches close by themselves when the socket has nothing more to read, so a single
// change goes through at once and load makes them larger (design D9). While the queue is full it
// stops reading and only answers keepalives (design D10).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "consumer/app/batch_collector.h"
#include "consumer/app/committed_check.h"
#include "consumer/app/pipeline.h"
#include "consumer/app/plugin_counters.h"
#include "consumer/base/lsn.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"
#include "consumer/source/replication_stream.h"
#include "consumer/source/slot.h"

namespace app {

class StreamProducer {
 public:
  explicit StreamProducer(PipelineContext context);

  // The thread's body. Returns after `Finish`, or after it has called context.fail.
  void Run();

  // The position that is recorded in the target. Any thread.
  void SetFlushed(base::Lsn lsn) { flushed_.store(lsn.value); }
  // "The queue was lost: start again from the slot." Any thread.
  void Restart() { restart_.store(true); }
  // After drain: everything is recorded, say goodbye to the server. Any thread.
  void Finish() { finish_.Request(); }

  // Counts the times the queue was opened; the loader starts again when it changes.
  uint64_t Generation() const { return generation_.load(); }
  base::Lsn Received() const { return base::Lsn{received_.load()}; }

 private:
  base::Status Session();
  base::Status WithoutStreaming(const base::Status& failed);
  base::Status WaitUntilSlotIsFree();
  base::Status CheckServer(const source::SystemIdentity& server);
  base::Error Taken(int pid);
  base::Status Consume(source::ReplicationStream& stream, BatchCollector* collector);
  // False when drain came first.
  base::Result<bool> Take(const model::Record& record, source::ReplicationStream& stream,
                          BatchCollector* collector);
  base::Result<bool> Put(source::ReplicationStream& stream, BatchCollector* collector);
  void Acknowledge(source::ReplicationStream& stream);
  void ShowSpool(const spool::Usage& usage);

  PipelineContext context_;
  base::StopSignal finish_;
  std::atomic<uint64_t> flushed_{0};
  std::atomic<uint64_t> received_{0};
  std::atomic<uint64_t> generation_{0};
  std::atomic<bool> restart_{false};
  CommittedCheck committed_;
  int own_pid_ = 0;            // of the walsender of this process' last session
  bool every_update_ = false;  // this session asked for them
  bool settled_ = false;       // it ends because that is not needed any more
  bool reopen_ = false;        // the next session follows at once
  bool whole_only_ = false;    // the server could not send transactions in progress
  base::Counter& changes_;
  base::Counter& batches_;
  base::Counter& blocks_;
  base::Counter& committed_blocks_;
  base::Counter& streamed_;
  base::Gauge& spool_transactions_;
  base::Gauge& spool_memory_;
  base::Gauge& spool_files_;
};

// What the contents of a queue stand for. Batches name documents and entry points by number, and
// positions of before a restore or a promotion are not those of after it. TreesMark: its part that
// does not depend on the server.
std::string QueueMark(const std::vector<schema::DocumentTree>& trees, int timeline);
std::string TreesMark(const std::vector<schema::DocumentTree>& trees);

}  // namespace app
