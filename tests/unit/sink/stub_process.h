// tests/fakes/guarded_stub.py as a child process: an engine behind TLS, signatures, or one of
// several hosts.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace sink_test {

class StubProcess {
 public:
  explicit StubProcess(const nlohmann::json& options) {
    const std::string words = options.dump();
    int out[2];
    if (pipe(out) != 0) abort();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      if (freopen("/dev/null", "w", stderr) == nullptr) _exit(127);  // tracebacks of handshakes
      execlp("python3", "python3", PGSYNC_SOURCE_DIR "/tests/fakes/guarded_stub.py", words.c_str(),
             nullptr);
      _exit(127);
    }
    close(out[1]);
    const std::unique_ptr<FILE, int (*)(FILE*)> lines(fdopen(out[0], "r"), fclose);
    if (fscanf(lines.get(), "PORT %d", &port) != 1) ADD_FAILURE() << "the stub did not start";
    url = (options.contains("cert") ? "https" : "http") + ("://127.0.0.1:" + std::to_string(port));
  }
  StubProcess() : StubProcess(nlohmann::json::object()) {}
  StubProcess(const StubProcess&) = delete;
  ~StubProcess() { Kill(); }

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  int port = 0;
  std::string url;

 private:
  pid_t pid_ = -1;
};

}  // namespace sink_test
