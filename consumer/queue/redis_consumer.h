// RedisConsumer: one worker's end of the queue in Redis. Its own connection, so that its blocking
// reads hold up nobody.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consumer/queue/queue.h"
#include "consumer/queue/redis_connection.h"
#include "consumer/queue/redis_crew.h"
#include "consumer/queue/redis_keys.h"

namespace queue {

class RedisConsumer : public Consumer {
 public:
  // `keys` and `crew` outlive it.
  RedisConsumer(const RedisConfig& config, const RedisKeys* keys, Crew* crew,
                const std::string& worker_name, const std::string& mark);
  ~RedisConsumer() override;

  base::Result<std::vector<Entry>> Take(size_t max_bytes, std::chrono::milliseconds wait) override;
  base::Status Done(const std::vector<Entry>& entries) override;
  base::Status ReportLoaded(const LoadReport& report) override;

 private:
  using Entries = base::Result<std::vector<Entry>>;

  // Are entries that were taken just now of the producer that this worker knows?
  base::Status CheckMark();
  Entries TryTake(size_t max_bytes, std::chrono::milliseconds wait);
  base::Status TryDone(const std::vector<Entry>& entries);
  // After a failure Redis may hold entries in our name that nobody works on: the reply with them
  // was lost, or they are done and it was not told. Under a new name we find them as those of the
  // dead.
  void Rejoin();
  Entries TakeNew(size_t max_bytes);
  // Waits for a first entry, at most `slice`.
  Entries WaitForNew(std::chrono::milliseconds slice);
  Entries ClaimOfTheDead(size_t max_bytes);
  // Returns whether the whole lane was looked at.
  base::Result<bool> ClaimFrom(Lane lane, const Crew::Search& search, size_t max_bytes,
                               std::vector<Entry>* claimed);
  // Appends what `reply`, a list of [id, [field, value…]], holds.
  base::Status Append(Lane lane, const redisReply* reply, std::vector<Entry>* entries,
                      size_t* bytes) const;

  RedisConnection connection_;
  const RedisKeys* const keys_;
  Crew* const crew_;
  const std::string worker_name_, mark_;
  std::string name_;
  uint64_t opened_ = 0;      // by then
  std::vector<Entry> held_;  // came along with entries of the other lane: next in turn
};

}  // namespace queue
