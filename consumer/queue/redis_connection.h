// One blocking connection to Redis: the home of hiredis. Connects by itself on first use and after
// a loss; a command that met a lost connection is kRetry, because nobody knows whether Redis ran
// it: the caller decides what repeating it means. What Redis answers as an error becomes the kind
// of error that says what to do about it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/queue/queue.h"
#include "consumer/queue/redis_tls.h"

struct redisContext;
struct redisReply;

namespace queue {

struct FreeRedisContext {
  void operator()(redisContext* context) const noexcept;
};
struct FreeRedisReply {
  void operator()(redisReply* reply) const noexcept;
};
using RedisContext = std::unique_ptr<redisContext, FreeRedisContext>;
using RedisReply = std::unique_ptr<redisReply, FreeRedisReply>;

// One owner, one thread (or one lock).
class RedisConnection {
 public:
  explicit RedisConnection(RedisConfig config);
  ~RedisConnection();

  // Connects if there is no connection: kRetry if it cannot be made, kRefused if Redis does not let
  // us in.
  base::Status Connect();

  // Sends one command and waits for its reply. Error replies are errors here; see
  // redis_connection.cpp for their kinds.
  base::Result<RedisReply> Command(const std::vector<std::string_view>& words);

  // Runs a Lua script, which Redis is sent only once per connection. The first `keys` of
  // `arguments` are its KEYS.
  base::Result<RedisReply> Run(std::string_view script, size_t keys,
                               const std::vector<std::string_view>& arguments);

  const RedisConfig& config() const { return config_; }

 private:
  base::Result<RedisReply> Exchange(const std::vector<std::string_view>& words);
  base::Result<RedisReply> Send(const std::vector<std::string_view>& words);
  base::Result<RedisReply> Check(RedisReply reply);
  base::Status Greet();
  base::Status Write(std::string_view bytes);
  base::Result<size_t> Read(char* buffer, size_t size);
  // Both give the connection up.
  base::Error Lost(std::string_view doing, std::string why);
  base::Error Failed(std::string_view doing, base::Error error);
  void Close();

  const RedisConfig config_;
  RedisContext context_;
  std::unique_ptr<RedisTls> tls_;  // over the context's socket
  // Script text (a literal of redis_scripts.h, told apart by its address) -> SHA1 as Redis named
  // it.
  std::unordered_map<const char*, std::string> loaded_;
};

// The reply's parts, for readers that must not trust its shape. "" / 0 / null where the reply has
// another type.
std::string_view TextOf(const redisReply* reply);
unsigned long long NumberOf(const redisReply* reply);  // an integer, or text of decimal digits
const redisReply* ItemOf(const redisReply* reply, size_t i);
size_t ItemsOf(const redisReply* reply);

}  // namespace queue
