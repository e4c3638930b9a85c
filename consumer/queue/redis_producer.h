// RedisProducer: the producing end of the queue in Redis. Keeps what it knows of the queue (who
// owns it, how much was added) and has every script compare it with what is there, so that no loss
// goes unnoticed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/queue/queue.h"
#include "consumer/queue/redis_connection.h"
#include "consumer/queue/redis_crew.h"
#include "consumer/queue/redis_keys.h"

namespace queue {

class RedisProducer : public Producer {
 public:
  // `keys` and `crew` outlive it.
  RedisProducer(const RedisConfig& config, const RedisKeys* keys, Crew* crew, Limits limits);

  base::Result<base::Lsn> Open(base::Lsn confirmed, const std::string& mark, bool shared) override;
  base::Result<bool> TryAdd(Lane lane, const model::Batch& batch) override;
  void Advance(base::Lsn lsn) override;
  base::Result<base::Lsn> LowWater() override;
  base::Result<Depth> DepthOf(Lane lane) override;
  base::Status ClearLoad() override;
  base::Result<std::vector<LoadReport>> TakeLoadReports() override;

 private:
  // Runs one of the scripts that compare first. Its "lost" closes the queue.
  base::Result<RedisReply> RunChecked(std::string_view script,
                                      const std::vector<std::string_view>& more);
  base::Result<Depth> ReadDepth(Lane lane);
  std::string NextId(Lane lane, const model::Batch& batch);
  size_t LimitOf(Lane lane) const {
    return lane == Lane::kStream ? limits_.stream_bytes : limits_.load_bytes;
  }

  const RedisKeys* const keys_;
  Crew* const crew_;
  const Limits limits_;

  // Not under the mutex: the stream's thread must not wait for a slow Redis here.
  std::atomic<uint64_t> read_through_{0};

  std::mutex mutex_;  // all below
  RedisConnection connection_;
  bool open_ = false;
  std::string owner_;
  uint64_t adds_ = 0;  // by this owner, as Redis counted last
  uint64_t epoch_ = 0;
  uint64_t last_commit_ = 0, last_number_ = 0;  // of the last id of the stream lane
  uint64_t last_load_number_ = 0;
  base::Lsn complete_, low_water_;
  std::array<bool, 2> was_full_{};  // by lane
};

}  // namespace queue
