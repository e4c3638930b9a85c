#include "consumer/queue/redis_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

namespace queue {
namespace {

constexpr size_t kReadBytes = 16u << 10;

struct FreeFormatted {
  void operator()(char* text) const noexcept { redisFreeCommand(text); }
};
using FormattedCommand = std::unique_ptr<char, FreeFormatted>;

timeval ToTimeval(std::chrono::milliseconds wait) {
  timeval value;
  value.tv_sec = static_cast<time_t>(wait.count() / 1000);
  value.tv_usec = static_cast<suseconds_t>(wait.count() % 1000 * 1000);
  return value;
}

// Redis before 7 wraps what a command inside a script answered: "ERR Error running script (…):
// @user_script:3: -OOM …".
std::string_view Unwrap(std::string_view text) {
  if (!text.starts_with("ERR Error running script")) return text;
  const size_t inner = text.rfind(": -");
  return inner == std::string_view::npos ? text : text.substr(inner + 3);
}

bool StartsWithOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.starts_with(word); });
}

// The codes are the first word of Redis's error replies.
base::Error ErrorFromReply(std::string_view text, const RedisConfig& config) {
  text = Unwrap(text);
  const std::string where = "Redis at " + ToDisplay(config);
  // It will pass: memory is freed by workers, a dump gets loaded, a replica gets promoted, a disk
  // gets space.
  if (StartsWithOneOf(text,
                      {"OOM", "LOADING", "READONLY", "MISCONF", "BUSY", "TRYAGAIN", "CLUSTERDOWN",
                       "MASTERDOWN", "NOREPLICAS", "ERR max number of clients"})) {
    return base::Retry(fmt::format("{} cannot take this now: {}", where, text));
  }
  if (StartsWithOneOf(text, {"NOGROUP", "UNBLOCKED"})) {
    return base::Reconnect("the queue in Redis was lost or reset; starting again from the slot");
  }
  if (text.starts_with("NOPERM")) {
    return base::Refused(fmt::format(
        "{} does not permit what the queue needs ({}); as its administrator: ACL SETUSER {} +@all "
        "'~pgsync:*'",
        where, text, config.user.empty() ? "default" : config.user));
  }
  if (StartsWithOneOf(text, {"NOAUTH", "WRONGPASS", "ERR invalid password", "ERR AUTH",
                             "ERR Client sent AUTH"})) {
    return base::Refused(
        fmt::format("{} refuses the login as user \"{}\" {} (Redis says: {}); correct --queue "
                    "redis://user:password@host/db, or REDIS_AUTH",
                    where, config.user.empty() ? "default" : config.user,
                    config.password.empty() ? "without a password" : "with the given password",
                    text.substr(0, text.find(' '))));
  }
  if (StartsWithOneOf(text, {"MOVED", "ASK", "CROSSSLOT"})) {
    return base::Refused(
        fmt::format("{} is a node of a Redis Cluster that does not hold the queue's keys ({}); "
                    "point --queue at "
                    "the node that does, or at a Redis without cluster mode",
                    where, text));
  }
  if (text.starts_with("WRONGTYPE")) {
    return base::Refused(fmt::format(
        "{} holds something else under the names of the queue's keys; see KEYS 'pgsync:*' and "
        "delete what is not ours, or choose another database number in --queue",
        where));
  }
  if (StartsWithOneOf(text, {"ERR DB index", "ERR invalid DB", "ERR SELECT"})) {
    return base::Refused(fmt::format("{} has no database {} ({}); correct the number in --queue",
                                     where, config.database, text));
  }
  return base::Fatal(fmt::format("{} answered: {}", where, text));
}

}  // namespace

void FreeRedisContext::operator()(redisContext* context) const noexcept { redisFree(context); }
void FreeRedisReply::operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }

RedisConnection::RedisConnection(RedisConfig config) : config_(std::move(config)) {}
RedisConnection::~RedisConnection() = default;

base::Status RedisConnection::Connect() {
  if (context_ != nullptr) return {};
  const timeval timeout = ToTimeval(config_.timeout);
  context_.reset(config_.unix_socket.empty()
                     ? redisConnectWithTimeout(config_.host.c_str(), config_.port, timeout)
                     : redisConnectUnixWithTimeout(config_.unix_socket.c_str(), timeout));
  if (context_ == nullptr) return base::Retry("Redis: out of memory for a connection");
  if (context_->err != 0) return Lost("connecting to", context_->errstr);
  redisSetTimeout(context_.get(), timeout);
  if (config_.unix_socket.empty()) redisEnableKeepAlive(context_.get());
  loaded_.clear();
  if (config_.tls) {
    auto tls = RedisTls::Open(context_->fd, config_);
    if (!tls.ok()) return Failed("shaking hands by TLS with", tls.error());
    tls_ = std::move(*tls);
  }
  base::Status greeted = Greet();
  if (!greeted.ok()) Close();
  return greeted;
}

base::Status RedisConnection::Greet() {
  if (!config_.password.empty() || !config_.user.empty()) {
    std::vector<std::string_view> words{"AUTH"};
    if (!config_.user.empty()) words.push_back(config_.user);
    words.push_back(config_.password);
    if (auto reply = Exchange(words); !reply.ok()) return std::move(reply).error();
  }
  if (config_.database != 0) {
    const std::string number = std::to_string(config_.database);
    if (auto reply = Exchange({"SELECT", number}); !reply.ok()) return std::move(reply).error();
  }
  return {};
}

base::Result<RedisReply> RedisConnection::Command(const std::vector<std::string_view>& words) {
  if (base::Status connected = Connect(); !connected.ok()) return std::move(connected).error();
  return Exchange(words);
}

base::Result<RedisReply> RedisConnection::Run(std::string_view script, size_t keys,
                                              const std::vector<std::string_view>& arguments) {
  // Twice, because Redis may forget scripts (SCRIPT FLUSH) while the connection stays.
  for (int attempt = 0;; ++attempt) {
    if (base::Status connected = Connect(); !connected.ok()) return std::move(connected).error();
    std::string& sha = loaded_[script.data()];
    if (sha.empty()) {
      auto loaded = Exchange({"SCRIPT", "LOAD", script});
      if (!loaded.ok()) return std::move(loaded).error();
      sha = TextOf(loaded->get());
    }
    const std::string key_count = std::to_string(keys);
    std::vector<std::string_view> words{"EVALSHA", sha, key_count};
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto reply = Send(words);
    if (!reply.ok()) return reply;
    if (attempt > 0 || !TextOf(reply->get()).starts_with("NOSCRIPT")) {
      return Check(std::move(*reply));
    }
    loaded_.erase(script.data());
  }
}

base::Result<RedisReply> RedisConnection::Exchange(const std::vector<std::string_view>& words) {
  auto reply = Send(words);
  if (!reply.ok()) return reply;
  return Check(std::move(*reply));
}

base::Result<RedisReply> RedisConnection::Send(const std::vector<std::string_view>& words) {
  std::vector<const char*> starts;
  std::vector<size_t> sizes;
  for (std::string_view word : words) {
    // hiredis copies from the pointer even for no bytes.
    starts.push_back(word.data() == nullptr ? "" : word.data());
    sizes.push_back(word.size());
  }
  char* text = nullptr;
  const int size =
      redisFormatCommandArgv(&text, static_cast<int>(words.size()), starts.data(), sizes.data());
  if (size < 0) return base::Fatal("Redis: a command could not be put together");
  const FormattedCommand command(text);
  // hiredis only takes the replies apart. Its write() would end the process by SIGPIPE when Redis
  // is gone, and this version of it has no TLS.
  base::Status sent = Write({text, static_cast<size_t>(size)});
  if (!sent.ok()) return Failed("talking to", sent.error());
  for (std::array<char, kReadBytes> buffer;;) {
    void* reply = nullptr;
    if (redisReaderGetReply(context_->reader, &reply) != REDIS_OK) {
      return Lost("talking to", context_->reader->errstr);
    }
    if (reply != nullptr) return RedisReply(static_cast<redisReply*>(reply));
    auto got = Read(buffer.data(), buffer.size());
    if (!got.ok()) return Failed("talking to", got.error());
    if (redisReaderFeed(context_->reader, buffer.data(), *got) != REDIS_OK) {
      return Lost("talking to", context_->reader->errstr);
    }
  }
}

base::Status RedisConnection::Write(std::string_view bytes) {
  return tls_ != nullptr ? tls_->Write(bytes) : SendAll(context_->fd, bytes);
}

base::Result<size_t> RedisConnection::Read(char* buffer, size_t size) {
  return tls_ != nullptr ? tls_->Read(buffer, size) : Receive(context_->fd, buffer, size);
}

base::Result<RedisReply> RedisConnection::Check(RedisReply reply) {
  if (reply->type != REDIS_REPLY_ERROR) return reply;
  // A replica stays one as long as this connection lives; the next connection may reach the new
  // primary.
  if (Unwrap(TextOf(reply.get())).starts_with("READONLY")) Close();
  return ErrorFromReply(TextOf(reply.get()), config_);
}

base::Error RedisConnection::Lost(std::string_view doing, std::string why) {
  return Failed(doing, base::Retry(std::move(why)));
}

base::Error RedisConnection::Failed(std::string_view doing, base::Error error) {
  if (error.message == std::strerror(EAGAIN)) {  // how a socket tells that its timeout is over
    error.message = fmt::format("no answer within {} ms", config_.timeout.count());
  }
  Close();
  error.message = fmt::format("{} Redis at {}: {}", doing, ToDisplay(config_), error.message);
  return error;
}

void RedisConnection::Close() {
  tls_.reset();
  context_.reset();
}

std::string_view TextOf(const redisReply* reply) {
  if (reply == nullptr || reply->str == nullptr) return {};
  if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS &&
      reply->type != REDIS_REPLY_ERROR) {
    return {};
  }
  return {reply->str, reply->len};
}

unsigned long long NumberOf(const redisReply* reply) {
  if (reply == nullptr) return 0;
  if (reply->type == REDIS_REPLY_INTEGER) {
    return reply->integer < 0 ? 0 : static_cast<unsigned long long>(reply->integer);
  }
  const std::string_view text = TextOf(reply);
  unsigned long long number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

size_t ItemsOf(const redisReply* reply) {
  return reply != nullptr && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

const redisReply* ItemOf(const redisReply* reply, size_t i) {
  return i < ItemsOf(reply) ? reply->element[i] : nullptr;
}

}  // namespace queue
