#include "consumer/queue/redis_consumer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "consumer/queue/redis_scripts.h"
#include "consumer/wire/batch_codec.h"

namespace queue {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Bounds how long one script keeps Redis from everybody else.
constexpr size_t kMostEntriesAtOnce = 512;
// Short enough that a worker notices soon when entries of the dead have to be looked for.
constexpr milliseconds kLongestBlock{1000};

}  // namespace

RedisConsumer::RedisConsumer(const RedisConfig& config, const RedisKeys* keys, Crew* crew,
                             const std::string& worker_name, const std::string& mark)
    : connection_(config),
      keys_(keys),
      crew_(crew),
      worker_name_(worker_name),
      mark_(mark),
      name_(crew->Join(worker_name)),
      opened_(crew->Opened()) {}

RedisConsumer::~RedisConsumer() { crew_->Leave(name_); }

base::Result<std::vector<Entry>> RedisConsumer::Take(size_t max_bytes, milliseconds wait) {
  if (crew_->Opened() != opened_) Rejoin();
  Entries entries = TryTake(max_bytes, wait);
  if (entries.ok() && !entries->empty() && !mark_.empty()) {
    if (base::Status same = CheckMark(); !same.ok()) entries = std::move(same).error();
  }
  if (!entries.ok()) Rejoin();
  return entries;
}

// The mark changes only in one step with the end of all entries of before. So if it is the same
// after they were taken, it was when they were added.
base::Status RedisConsumer::CheckMark() {
  auto reply = connection_.Command({"HGET", keys_->meta, "mark"});
  if (!reply.ok()) return std::move(reply).error();
  if (TextOf(reply->get()) == mark_) return {};
  return base::Refused(
      "the producer of the queue works from another schema file by now, or the tables changed");
}

base::Status RedisConsumer::ReportLoaded(const LoadReport& report) {
  model::Batch batch;
  batch.ranges.push_back(report.range);
  const std::string text = fmt::format("{} {}", report.documents, wire::PackBatch(batch));
  auto reply = connection_.Command({"RPUSH", keys_->load_reports, text});
  if (reply.ok()) return {};
  Rejoin();  // so that the entry, which will not be Done, is found by others
  return std::move(reply).error();
}

base::Status RedisConsumer::Done(const std::vector<Entry>& entries) {
  base::Status done = TryDone(entries);
  if (!done.ok()) Rejoin();
  return done;
}

void RedisConsumer::Rejoin() {
  held_.clear();  // they are found with the others
  opened_ = crew_->Opened();
  crew_->Leave(name_);
  name_ = crew_->Join(worker_name_);
}

RedisConsumer::Entries RedisConsumer::TryTake(size_t max_bytes, milliseconds wait) {
  if (!held_.empty()) return std::exchange(held_, {});
  const Clock::time_point deadline = Clock::now() + wait;
  // Less than the time after which a silent Redis counts as gone.
  const milliseconds longest =
      std::max(milliseconds(1), std::min(kLongestBlock, connection_.config().timeout / 2));
  for (;;) {
    Entries entries = ClaimOfTheDead(max_bytes);
    if (!entries.ok() || !entries->empty()) return entries;
    entries = TakeNew(max_bytes);
    if (!entries.ok() || !entries->empty()) return entries;
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left < milliseconds(1)) return entries;  // BLOCK 0 would mean for ever
    entries = WaitForNew(std::min(left, longest));
    if (!entries.ok() || !entries->empty()) return entries;
  }
}

RedisConsumer::Entries RedisConsumer::TakeNew(size_t max_bytes) {
  const std::string bytes = std::to_string(max_bytes);
  const std::string count = std::to_string(kMostEntriesAtOnce);
  auto reply = connection_.Run(kTakeScript, 2, {keys_->stream, keys_->load, name_, bytes, count});
  if (!reply.ok()) return std::move(reply).error();
  const Lane lane = TextOf(ItemOf(reply->get(), 0)) == "stream" ? Lane::kStream : Lane::kLoad;
  std::vector<Entry> entries;
  size_t size = 0;
  base::Status read = Append(lane, ItemOf(reply->get(), 1), &entries, &size);
  if (!read.ok()) return std::move(read).error();
  return entries;
}

RedisConsumer::Entries RedisConsumer::WaitForNew(milliseconds slice) {
  const std::string block = std::to_string(slice.count());
  auto reply = connection_.Command({"XREADGROUP", "GROUP", "workers", name_, "COUNT", "1", "BLOCK",
                                    block, "STREAMS", keys_->stream, keys_->load, ">", ">"});
  if (!reply.ok()) return std::move(reply).error();
  std::vector<Entry> stream, load;
  size_t size = 0;
  for (size_t i = 0; i < ItemsOf(reply->get()); ++i) {
    const redisReply* lane = ItemOf(reply->get(), i);
    const bool is_stream = TextOf(ItemOf(lane, 0)) == keys_->stream;
    base::Status read = Append(is_stream ? Lane::kStream : Lane::kLoad, ItemOf(lane, 1),
                               is_stream ? &stream : &load, &size);
    if (!read.ok()) return std::move(read).error();
  }
  if (stream.empty()) return load;
  held_ = std::move(load);
  return stream;
}

RedisConsumer::Entries RedisConsumer::ClaimOfTheDead(size_t max_bytes) {
  std::vector<Entry> claimed;
  Crew::Search search = crew_->BeginSearch();
  if (!search) return claimed;
  for (Lane lane : {Lane::kStream, Lane::kLoad}) {
    auto whole = ClaimFrom(lane, search, max_bytes, &claimed);
    if (!whole.ok()) return std::move(whole).error();
    // Not finished: the next Take of anybody goes on searching.
    if (!claimed.empty()) return claimed;
  }
  search.Finish();
  return claimed;
}

base::Result<bool> RedisConsumer::ClaimFrom(Lane lane, const Crew::Search& search, size_t max_bytes,
                                            std::vector<Entry>* claimed) {
  const std::string& key = keys_->Of(lane);
  size_t bytes = 0;
  std::string from = "-";
  for (;;) {
    auto pending = connection_.Command({"XPENDING", key, "workers", from, "+", "100"});
    if (!pending.ok()) return std::move(pending).error();
    const size_t items = ItemsOf(pending->get());
    for (size_t i = 0; i < items; ++i) {
      const redisReply* item = ItemOf(pending->get(), i);
      const std::string id(TextOf(ItemOf(item, 0)));
      const std::string consumer(TextOf(ItemOf(item, 1)));
      const milliseconds idle(NumberOf(ItemOf(item, 2)));
      from = "(" + id;
      if (!search.MayClaim(consumer, idle)) continue;
      // Not if somebody else was faster: claiming starts the idle time anew.
      const std::string least_idle = std::to_string(idle.count());
      auto entry = connection_.Command({"XCLAIM", key, "workers", name_, least_idle, id});
      if (!entry.ok()) return std::move(entry).error();
      base::Status read = Append(lane, entry->get(), claimed, &bytes);
      if (!read.ok()) return std::move(read).error();
      if (bytes >= max_bytes) return false;
    }
    if (items < 100) return true;
  }
}

base::Status RedisConsumer::Append(Lane lane, const redisReply* reply, std::vector<Entry>* entries,
                                   size_t* bytes) const {
  for (size_t i = 0; i < ItemsOf(reply); ++i) {
    const redisReply* item = ItemOf(reply, i);
    // Redis 6.2 answers a claim of an entry that was deleted meanwhile with nil.
    if (ItemsOf(item) != 2) continue;
    const redisReply* fields = ItemOf(item, 1);
    std::string_view packed;
    for (size_t field = 0; field + 1 < ItemsOf(fields); field += 2) {
      if (TextOf(ItemOf(fields, field)) == "b") packed = TextOf(ItemOf(fields, field + 1));
    }
    const std::string id(TextOf(ItemOf(item, 0)));
    auto batch = wire::UnpackBatch(packed);
    if (!batch.ok()) {
      return base::Refused(fmt::format(
          "entry {} of {} in Redis cannot be read ({}); it was written by another version or by "
          "somebody else. Stop all pgsync-consumers of this slot, delete the queue with "
          "redis-cli DEL '{}' '{}' '{}' '{}' '{}' and start again: nothing is lost, the WAL is "
          "read again from the slot",
          id, keys_->Of(lane), batch.error().message, keys_->meta, keys_->stream,
          keys_->stream_sizes, keys_->load, keys_->load_sizes));
    }
    *bytes += packed.size();
    entries->push_back({lane, id, *std::move(batch)});
  }
  return {};
}

base::Status RedisConsumer::TryDone(const std::vector<Entry>& entries) {
  for (Lane lane : {Lane::kStream, Lane::kLoad}) {
    std::vector<std::string_view> words;
    const auto send = [&]() -> base::Status {
      if (words.empty()) return {};
      std::vector<std::string_view> arguments{keys_->meta, keys_->Of(lane), keys_->SizesOf(lane),
                                              NameOf(lane)};
      arguments.insert(arguments.end(), words.begin(), words.end());
      words.clear();
      auto reply = connection_.Run(kDoneScript, 3, arguments);
      if (!reply.ok()) return std::move(reply).error();
      return {};
    };
    for (const Entry& entry : entries) {
      if (entry.lane != lane) continue;
      words.push_back(entry.id);
      if (words.size() < kMostEntriesAtOnce) continue;
      if (base::Status sent = send(); !sent.ok()) return sent;
    }
    if (base::Status sent = send(); !sent.ok()) return sent;
  }
  return {};
}

}  // namespace queue
