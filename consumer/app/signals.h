// Signals: SIGTERM and SIGINT turned into "finish and leave". The signals are blocked in the whole
// process and one thread waits for them (sigwait), so no code of ours ever runs inside a signal
// handler.
//
// The first signal asks for a drain; a SIGINT after it ends the process at once with 130 (a
// repeated SIGTERM changes nothing), which is safe: a restart continues from the last acknowledged
// position. SIGPIPE is ignored.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

#include "consumer/base/log.h"
#include "consumer/base/stop.h"

namespace app {

class Signals {
 public:
  // REQUIRES: no other thread runs yet, because the mask is inherited by the threads that follow.
  // `stop` and `log` outlive it. `leave` is called with the exit status then; default _exit.
  Signals(base::StopSignal& stop, base::Logger& log, std::function<void(int)> leave = {});
  ~Signals();

  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void Wait();

  base::StopSignal& stop_;
  base::Logger& log_;
  std::function<void(int)> leave_;
  std::atomic<bool> ending_{false};
  sigset_t waited_for_;
  std::thread thread_;
};

}  // namespace app
