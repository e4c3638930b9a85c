// Queue: batches between one producer side and many workers, bounded in bytes, with two lanes: the
// stream's changes, and the load's ranges, which workers take only when the first lane is empty.
// Two implementations with one contract and one test suite: memory_queue and redis_queue (Redis
// Streams). A queue is never the source of truth: it may be lost at any moment, then calls return
// kReconnect and the producer starts again from the slot.
//
// Delivery is at least once. A taken entry is someone's until Done; entries of a worker that died
// are delivered again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "consumer/base/lsn.h"
#include "consumer/base/result.h"
#include "consumer/model/batch.h"

namespace queue {

enum class Lane { kStream, kLoad };

struct Entry {
  Lane lane = Lane::kStream;
  std::string id;  // opaque; for Redis the stream entry's id
  model::Batch batch;
};

struct Depth {
  size_t entries = 0;
  size_t bytes = 0;
};

// A range of the load that was built and written.
struct LoadReport {
  model::LoadRange range;
  uint64_t documents = 0;
};

// The producing side. One per process; its calls may come from two threads (stream, load), it locks
// inside.
class Producer {
 public:
  virtual ~Producer() = default;

  // Takes over or creates the queue for a slot whose confirmed position is `confirmed`. Returns
  // where to start reading WAL: `confirmed`, or further on if the queue still holds everything
  // between. `mark` tells what the numbers and positions in it stand for: a queue with another one
  // is emptied. `shared`: workers of other processes are welcome (Queue::Attach).
  virtual base::Result<base::Lsn> Open(base::Lsn confirmed, const std::string& mark = {},
                                       bool shared = false) = 0;

  // Adds a batch; false when the lane is full (nothing was added: wait and call again). kReconnect:
  // the queue was lost or reset behind our back; Open again, from the slot.
  virtual base::Result<bool> TryAdd(Lane lane, const model::Batch& batch) = 0;

  // "All WAL up to `lsn` has been read and, where it mattered, added."
  virtual void Advance(base::Lsn lsn) = 0;

  // The position such that everything before it is done: `floor` of the oldest unfinished stream
  // entry, else the last Advance. Never goes back between two Opens.
  virtual base::Result<base::Lsn> LowWater() = 0;

  virtual base::Result<Depth> DepthOf(Lane lane) = 0;

  // Empties the load lane (a load that starts again plans anew), and forgets reports of it.
  virtual base::Status ClearLoad() = 0;

  // What workers of other processes have reported since the last call.
  virtual base::Result<std::vector<LoadReport>> TakeLoadReports() {
    return std::vector<LoadReport>();
  }
};

// The consuming side. One per worker thread, not shared.
class Consumer {
 public:
  virtual ~Consumer() = default;

  // Returns entries of one lane, at least one and at most about `max_bytes`, waiting for the first
  // up to `wait`; none after that. From the load lane always one: a range is much work in few
  // bytes. kReconnect / kRetry as for Producer.
  virtual base::Result<std::vector<Entry>> Take(size_t max_bytes,
                                                std::chrono::milliseconds wait) = 0;

  // The entries' documents are durable in the target. Unknown ids are ignored (the queue was reset
  // meanwhile).
  virtual base::Status Done(const std::vector<Entry>& entries) = 0;

  // For the producer of another process, before the entry with the range is Done.
  virtual base::Status ReportLoaded(const LoadReport&) {
    return base::Fatal("this queue does not leave the process");
  }
};

// Makes both ends. Outlives them. Thread safe, except for its end.
class Queue {
 public:
  virtual ~Queue() = default;
  virtual std::unique_ptr<Producer> NewProducer() = 0;
  // `mark`: that of the producer, as Attach gave it; entries under another one are not handed out
  // (kRefused). "": the producer is in this process, and nobody looks.
  virtual std::unique_ptr<Consumer> NewConsumer(const std::string& worker_name,
                                                const std::string& mark = {}) = 0;
  // For a process that has workers only: the mark of the producer that opened the queue last.
  // kRetry: none has yet. kRefused: it works alone.
  virtual base::Result<std::string> Attach() {
    return base::Refused("the queue does not leave the process of its producer");
  }
  // Connects once to see whether the queue can be used at all. kRefused with the remedy if not.
  virtual base::Status Probe() = 0;
  // Deletes everything of this pipeline: for teardown.
  virtual base::Status Drop() = 0;
};

struct Limits {
  size_t stream_bytes = 64u << 20;  // packed batches waiting or taken, per lane
  size_t load_bytes = 4u << 20;
};

std::unique_ptr<Queue> MakeMemoryQueue(Limits limits);

// For tests: the entries of `inner` in any order, some of them twice. A seed fixes what each worker
// draws.
std::unique_ptr<Queue> MakeShuffledQueue(std::unique_ptr<Queue> inner, uint32_t seed);

struct RedisConfig {
  std::string host = "localhost";
  int port = 6379;
  std::string unix_socket;  // instead of host and port
  int database = 0;
  std::string user;
  std::string password;  // never logged
  bool tls = false;
  std::string ca_file;  // of TLS; "" = the system's authorities
  std::string client_certificate, client_key;
  bool verify_certificate = true;
  bool any_host = false;  // the certificate may carry another name
  std::chrono::milliseconds timeout{5000};
};

// Parses redis://[user[:password]@]host[:port][/db], rediss://…, unix:///path, with options as
// redis-py has them (redis_url.cpp). kUsage with what is wrong.
base::Result<RedisConfig> ParseRedisUrl(const std::string& url);
// The same without password, for logs.
std::string ToDisplay(const RedisConfig& config);

// Keys are pgsync:{<system identifier>:<slot>}:…; the braces keep them on one cluster node.
std::unique_ptr<Queue> MakeRedisQueue(RedisConfig config, const std::string& system_identifier,
                                      const std::string& slot, Limits limits);

}  // namespace queue
