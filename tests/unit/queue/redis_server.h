// RedisServer: a private redis-server for one test: on a socket in its own temporary directory and
// on a free port, without persistence except where a test asks for a dump. Ends with the test, also
// when the test dies; fails the test clearly if it cannot start. Header only, because every test
// file is a program's only source of its kind.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "consumer/queue/queue.h"

namespace queue {

class RedisServer {
 public:
  // `more`: further words of its command line; "{port}" in them is another free port.
  explicit RedisServer(std::vector<std::string> more = {})
      : port_(FreePort()), other_port_(FreePort()), more_(std::move(more)) {
    for (std::string& word : more_) {
      if (word == "{port}") word = std::to_string(other_port_);
    }
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "/tmp/pgsync-redis-XXXXXX");
    directory_ = mkdtemp(name.data());
    Start();
  }
  ~RedisServer() {
    Kill();
    std::filesystem::remove_all(directory_);
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // Starts it with the dump that lies in its directory, if any, and waits until it accepts
  // connections.
  void Start() {
    std::vector<std::string> words{"redis-server",
                                   "--port",
                                   std::to_string(port_),
                                   "--bind",
                                   "127.0.0.1",
                                   "--unixsocket",
                                   Socket(),
                                   "--dir",
                                   directory_.string(),
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no"};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(ends[1], STDOUT_FILENO);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    close(ends[1]);
    output_ = ends[0];
    std::string printed;
    std::array<char, 4096> buffer{};
    // The line about the socket is the last one before it serves.
    while (printed.find("ready to accept connections at") == std::string::npos) {
      const ssize_t size = read(output_, buffer.data(), buffer.size());
      if (size <= 0) {
        Kill();
        FAIL() << "redis-server did not come up (scripts/deps installs it):\n" << printed;
      }
      printed.append(buffer.data(), static_cast<size_t>(size));
    }
  }

  // Ends it at once, as a crash does.
  void Kill() {
    if (output_ >= 0) close(std::exchange(output_, -1));
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  // Writes the dump that the next Start reads.
  void SaveDump() const { Command({"SAVE"}); }

  // Sends a command as an outsider would; fails the test on an error reply. Returns its text or
  // number.
  std::string Command(const std::vector<std::string>& words) const {
    std::unique_ptr<redisContext, decltype(&redisFree)> context(redisConnectUnix(Socket().c_str()),
                                                                redisFree);
    std::vector<const char*> starts;
    std::vector<size_t> sizes;
    for (const std::string& word : words) {
      starts.push_back(word.data());
      sizes.push_back(word.size());
    }
    std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply(
        static_cast<redisReply*>(redisCommandArgv(context.get(), static_cast<int>(words.size()),
                                                  starts.data(), sizes.data())),
        freeReplyObject);
    if (reply == nullptr || reply->type == REDIS_REPLY_ERROR) {
      ADD_FAILURE() << words.front() << ": " << (reply == nullptr ? context->errstr : reply->str);
      return {};
    }
    if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
    return reply->str == nullptr ? std::string() : std::string(reply->str, reply->len);
  }

  std::string Socket() const { return (directory_ / "s").string(); }
  RedisConfig Config() const {
    RedisConfig config;
    config.unix_socket = Socket();
    return config;
  }
  RedisConfig TcpConfig() const { return ConfigOf(port_); }
  // Of the "{port}".
  RedisConfig OtherConfig() const { return ConfigOf(other_port_); }

 private:
  static RedisConfig ConfigOf(int port) {
    RedisConfig config;
    config.host = "127.0.0.1";
    config.port = port;
    return config;
  }
  static int FreePort() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    int port = 0;
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
      port = ntohs(address.sin_port);
    }
    close(fd);
    return port;
  }

  std::filesystem::path directory_;
  int port_ = 0, other_port_ = 0;
  std::vector<std::string> more_;
  pid_t pid_ = -1;
  int output_ = -1;  // what it prints; open as long as it runs, it is never more than a pipe holds
};

}  // namespace queue
