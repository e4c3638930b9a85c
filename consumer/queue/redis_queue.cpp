// The queue in Redis Streams: puts its two ends together. How it lies in Redis and why a loss is
// always noticed is told in redis_scripts.h.
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "consumer/queue/queue.h"
#include "consumer/queue/redis_connection.h"
#include "consumer/queue/redis_consumer.h"
#include "consumer/queue/redis_crew.h"
#include "consumer/queue/redis_keys.h"
#include "consumer/queue/redis_producer.h"

namespace queue {
namespace {

constexpr std::string_view kSentinelMode = "redis_mode:sentinel";
// XAUTOCLAIM's generation of stream commands: XPENDING with exclusive ranges.
constexpr unsigned kOldestMajor = 6, kOldestMinor = 2;

base::Status CheckVersion(std::string_view info, const RedisConfig& config) {
  constexpr std::string_view kField = "redis_version:";
  const size_t start = info.find(kField);
  unsigned major = 0, minor = 0;
  if (start == std::string_view::npos ||
      std::sscanf(info.data() + start + kField.size(), "%u.%u", &major, &minor) != 2) {
    return base::Refused(fmt::format("Redis at {} does not tell its version", ToDisplay(config)));
  }
  if (major > kOldestMajor || (major == kOldestMajor && minor >= kOldestMinor)) return {};
  return base::Refused(fmt::format(
      "Redis at {} is version {}.{}, but the queue needs {}.{} or later; upgrade it, or use "
      "--queue memory:",
      ToDisplay(config), major, minor, kOldestMajor, kOldestMinor));
}

class RedisQueue : public Queue {
 public:
  RedisQueue(RedisConfig config, const std::string& system_identifier, const std::string& slot,
             Limits limits)
      : config_(std::move(config)), keys_(system_identifier, slot), limits_(limits) {}

  std::unique_ptr<Producer> NewProducer() override {
    return std::make_unique<RedisProducer>(config_, &keys_, &crew_, limits_);
  }

  std::unique_ptr<Consumer> NewConsumer(const std::string& worker_name,
                                        const std::string& mark) override {
    return std::make_unique<RedisConsumer>(config_, &keys_, &crew_, worker_name, mark);
  }

  base::Result<std::string> Attach() override {
    RedisConnection connection(config_);
    auto reply = connection.Command({"HMGET", keys_.meta, "mark", "shared"});
    if (!reply.ok()) return std::move(reply).error();
    const std::string_view mark = TextOf(ItemOf(reply->get(), 0));
    if (mark.empty()) return base::Retry("no producer has opened the queue yet");
    if (TextOf(ItemOf(reply->get(), 1)) == "1") return std::string(mark);
    return base::Refused(
        "the process that streams the slot has workers of its own and works alone; start it with "
        "--role producer");
  }

  base::Status Probe() override {
    RedisConnection connection(config_);
    if (base::Status connected = connection.Connect(); !connected.ok()) {
      if (IsSentinel()) return Sentinel();
      return Unusable(std::move(connected).error());
    }
    auto info = connection.Command({"INFO", "server"});
    if (!info.ok()) return Unusable(std::move(info).error());
    if (TextOf(info->get()).find(kSentinelMode) != std::string_view::npos) return Sentinel();
    if (base::Status version = CheckVersion(TextOf(info->get()), config_); !version.ok()) {
      return version;
    }
    auto script = connection.Run("return {'ok'}", 0, {});
    if (!script.ok()) return std::move(script).error();
    return {};
  }

  base::Status Drop() override {
    RedisConnection connection(config_);
    auto reply = connection.Command({"DEL", keys_.meta, keys_.stream, keys_.stream_sizes,
                                     keys_.load, keys_.load_sizes, keys_.load_reports});
    if (!reply.ok()) return std::move(reply).error();
    return {};
  }

 private:
  // For the operator, who has to be told what could be wrong.
  base::Error Unusable(base::Error error) const {
    if (error.kind != base::ErrorKind::kRetry) return error;
    return base::Refused(error.message +
                         fmt::format("; start Redis, or correct --queue or "
                                     "REDIS_URL, REDIS_HOST and REDIS_PORT{}, or "
                                     "use --queue memory:",
                                     config_.tls ? "" : " (rediss:// if it speaks TLS)"));
  }

  // A Sentinel knows neither databases nor, mostly, the password of what it watches.
  bool IsSentinel() const {
    RedisConfig bare = config_;
    bare.user.clear();
    bare.password.clear();
    bare.database = 0;
    RedisConnection connection(bare);
    auto info = connection.Command({"INFO", "server"});
    return info.ok() && TextOf(info->get()).find(kSentinelMode) != std::string_view::npos;
  }

  base::Error Sentinel() const {
    return base::Refused(fmt::format(
        "Redis at {} is a Sentinel, which holds no data; point --queue or REDIS_URL at the "
        "primary that it watches (redis-cli -p {} SENTINEL get-master-addr-by-name NAME tells "
        "its address), best by a name or proxy that follows failovers",
        ToDisplay(config_), config_.port));
  }

  const RedisConfig config_;
  const RedisKeys keys_;
  const Limits limits_;
  Crew crew_;
};

}  // namespace

std::unique_ptr<Queue> MakeRedisQueue(RedisConfig config, const std::string& system_identifier,
                                      const std::string& slot, Limits limits) {
  return std::make_unique<RedisQueue>(std::move(config), system_identifier, slot, limits);
}

}  // namespace queue
