// TLS over a connected socket to Redis. OpenSSL only sees two buffers in memory: all bytes go
// through our own send and recv, so the socket's timeouts hold and nothing raises SIGPIPE.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "consumer/base/result.h"
#include "consumer/queue/queue.h"

struct ssl_st;

namespace queue {

struct FreeSsl {
  void operator()(ssl_st* ssl) const noexcept;
};

// Owned by the connection that owns the socket, and ends before it. One thread.
class RedisTls {
 public:
  // Shakes hands. kRefused: certificates, theirs or ours, and what to do about it; kRetry: the
  // connection failed, and the message is only why.
  static base::Result<std::unique_ptr<RedisTls>> Open(int fd, const RedisConfig& config);

  // Sends all of it. Failures as of Open.
  base::Status Write(std::string_view bytes);
  // Waits for bytes and returns how many it put into `buffer`, at least one. Failures as of Open.
  base::Result<size_t> Read(char* buffer, size_t size);

 private:
  RedisTls(int fd, const RedisConfig& config) : fd_(fd), config_(config) {}

  base::Status Prepare();
  base::Status ShakeHands();
  // What OpenSSL wants to send goes out; then, what has come in goes to OpenSSL.
  base::Status Flush();
  base::Status Fill();
  base::Error Failure(int returned) const;
  base::Error Unheard(base::Error error) const;

  const int fd_;
  const RedisConfig& config_;
  std::unique_ptr<ssl_st, FreeSsl> ssl_;
  bool heard_ = false;  // anything, since the handshake
};

// As above, for sockets without TLS.
base::Status SendAll(int fd, std::string_view bytes);
base::Result<size_t> Receive(int fd, char* buffer, size_t size);

}  // namespace queue
