#include "consumer/queue/redis_producer.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "consumer/queue/redis_scripts.h"
#include "consumer/wire/batch_codec.h"

namespace queue {
namespace {

// Room for a million entries of one transaction and one Open; a number that outgrows it only runs
// into the epoch's bits, and ids still grow.
constexpr int kNumberBits = 20;

constexpr char kReportsAtOnce[] = "1000";

base::Error LostQueue() {
  return base::Reconnect("the queue in Redis was lost or reset; starting again from the slot");
}

std::string RandomOwner() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}", random(), random(), random());
}

// Ids must never be used twice, not even after Redis lost everything: a worker may still finish an
// entry of before, and its Done must not hit another entry. So epochs start from the clock, and of
// one producer they grow even within its millisecond.
uint64_t EpochFromClock() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

uint64_t ParseNumber(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

RedisProducer::RedisProducer(const RedisConfig& config, const RedisKeys* keys, Crew* crew,
                             Limits limits)
    : keys_(keys), crew_(crew), limits_(limits), connection_(config) {}

base::Result<base::Lsn> RedisProducer::Open(base::Lsn confirmed, const std::string& mark,
                                            bool shared) {
  std::lock_guard lock(mutex_);
  open_ = false;
  owner_ = RandomOwner();
  const std::string epoch = std::to_string(std::max(EpochFromClock(), epoch_ + 1));
  auto reply = connection_.Run(kOpenScript, 5,
                               {keys_->meta, keys_->stream, keys_->stream_sizes, keys_->load,
                                keys_->load_sizes, owner_, epoch, mark, shared ? "1" : ""});
  if (!reply.ok()) return std::move(reply).error();
  const redisReply* items = reply->get();
  if (ItemsOf(items) != 5 || TextOf(ItemOf(items, 0)) != "open") {
    return base::Fatal("opening the queue in Redis: unexpected reply");
  }
  const bool kept = TextOf(ItemOf(items, 2)) == "1";
  const std::string_view last = TextOf(ItemOf(items, 4));
  epoch_ = NumberOf(ItemOf(items, 1));
  adds_ = 0;
  complete_.value = NumberOf(ItemOf(items, 3));
  last_commit_ = ParseNumber(last.substr(0, last.find('-')));
  last_number_ = ParseNumber(last.substr(last.find('-') + 1));
  last_load_number_ = 0;
  was_full_ = {};
  // What was complete is either still in the queue or done: no need to read it again. Transactions
  // that were only partly added are read and added once more, which is harmless.
  const base::Lsn resume = kept ? std::max(confirmed, complete_) : confirmed;
  low_water_ = confirmed;
  read_through_.store(resume.value);
  open_ = true;
  crew_->OthersAreDead();
  return resume;
}

base::Result<bool> RedisProducer::TryAdd(Lane lane, const model::Batch& batch) {
  std::lock_guard lock(mutex_);
  bool& was_full = was_full_[static_cast<size_t>(lane)];
  if (was_full) {  // ask before packing and sending what will be refused again
    auto depth = ReadDepth(lane);
    if (!depth.ok()) return std::move(depth).error();
    if (depth->entries > 0 && depth->bytes + wire::PackedSizeBound(batch) > LimitOf(lane)) {
      return false;
    }
  }
  const std::string packed = wire::PackBatch(batch);
  const std::string limit = std::to_string(LimitOf(lane));
  const std::string id = NextId(lane, batch);
  const std::string floor = std::to_string(batch.floor.value);
  const base::Lsn complete = std::max(complete_, batch.complete_through);
  const std::string complete_text = std::to_string(complete.value);
  auto reply = RunChecked(kAddScript, {NameOf(lane), limit, id, floor, complete_text, packed});
  if (!reply.ok()) return std::move(reply).error();
  was_full = TextOf(ItemOf(reply->get(), 0)) == "full";
  if (was_full) return false;
  adds_ = NumberOf(ItemOf(reply->get(), 1));
  if (lane == Lane::kStream) complete_ = complete;
  return true;
}

// Every try takes a new id: the one before may have been used although its reply got lost.
std::string RedisProducer::NextId(Lane lane, const model::Batch& batch) {
  if (lane == Lane::kLoad) return fmt::format("{}-{}", epoch_, ++last_load_number_);
  const uint64_t first_of_epoch = epoch_ << kNumberBits;
  if (batch.last_commit.value > last_commit_) {
    last_commit_ = batch.last_commit.value;
    last_number_ = first_of_epoch;
  } else {
    last_number_ = std::max(first_of_epoch, last_number_ + 1);
  }
  return fmt::format("{}-{}", last_commit_, last_number_);
}

void RedisProducer::Advance(base::Lsn lsn) {
  uint64_t before = read_through_.load();
  while (before < lsn.value && !read_through_.compare_exchange_weak(before, lsn.value)) {
  }
}

base::Result<base::Lsn> RedisProducer::LowWater() {
  std::lock_guard lock(mutex_);
  // Before Redis is asked: what is read and added between the two would otherwise be counted as
  // done. And under the mutex: an Open in between would make it a position of a queue that is gone.
  const base::Lsn read_through{read_through_.load()};
  auto reply = RunChecked(kLowWaterScript, {});
  if (!reply.ok()) return std::move(reply).error();
  const std::string_view floor = TextOf(ItemOf(reply->get(), 1));
  const base::Lsn now = floor.empty() ? read_through : base::Lsn{ParseNumber(floor)};
  low_water_ = std::max(low_water_, now);
  return low_water_;
}

base::Result<Depth> RedisProducer::DepthOf(Lane lane) {
  std::lock_guard lock(mutex_);
  return ReadDepth(lane);
}

base::Result<Depth> RedisProducer::ReadDepth(Lane lane) {
  if (!open_) {  // somebody else's queue, looked at from outside
    const std::string entries = std::string(NameOf(lane)) + "_entries";
    const std::string bytes = std::string(NameOf(lane)) + "_bytes";
    auto counts = connection_.Command({"HMGET", keys_->meta, entries, bytes});
    if (!counts.ok()) return std::move(counts).error();
    const auto count = [&](size_t i) -> size_t {
      size_t value = 0;
      const std::string_view text = TextOf(ItemOf(counts->get(), i));
      std::from_chars(text.data(), text.data() + text.size(), value);
      return value;
    };
    return Depth{count(0), count(1)};
  }
  auto reply = RunChecked(kDepthScript, {NameOf(lane)});
  if (!reply.ok()) return std::move(reply).error();
  return Depth{NumberOf(ItemOf(reply->get(), 1)), NumberOf(ItemOf(reply->get(), 2))};
}

base::Result<std::vector<LoadReport>> RedisProducer::TakeLoadReports() {
  std::lock_guard lock(mutex_);
  std::vector<LoadReport> reports;
  if (!open_) return reports;
  auto reply = connection_.Command({"LPOP", keys_->load_reports, kReportsAtOnce});
  if (!reply.ok()) return std::move(reply).error();
  for (size_t i = 0; i < ItemsOf(reply->get()); ++i) {
    const std::string_view text = TextOf(ItemOf(reply->get(), i));
    const size_t space = text.find(' ');
    auto batch = wire::UnpackBatch(space == text.npos ? text : text.substr(space + 1));
    // Written by a worker of another version: the range is loaded again when the load begins anew.
    if (!batch.ok() || batch->ranges.empty()) continue;
    reports.push_back({std::move(batch->ranges.front()), ParseNumber(text.substr(0, space))});
  }
  return reports;
}

base::Status RedisProducer::ClearLoad() {
  std::lock_guard lock(mutex_);
  auto forgotten = connection_.Command({"DEL", keys_->load_reports});
  if (!forgotten.ok()) return std::move(forgotten).error();
  auto reply = RunChecked(kClearLoadScript, {});
  if (!reply.ok()) return std::move(reply).error();
  return {};
}

base::Result<RedisReply> RedisProducer::RunChecked(std::string_view script,
                                                   const std::vector<std::string_view>& more) {
  if (!open_) return LostQueue();
  const std::string adds = std::to_string(adds_);
  std::vector<std::string_view> arguments{keys_->meta, keys_->stream,     keys_->stream_sizes,
                                          keys_->load, keys_->load_sizes, owner_,
                                          adds};
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto reply = connection_.Run(script, 5, arguments);
  if (!reply.ok()) return reply;
  if (TextOf(ItemOf(reply->get(), 0)) == "lost") {
    open_ = false;
    return LostQueue();
  }
  if (ItemsOf(reply->get()) == 0) return base::Fatal("the queue in Redis: unexpected reply");
  return reply;
}

}  // namespace queue
