#include "consumer/app/signals.h"

#include <utility>

#include <pthread.h>
#include <unistd.h>

namespace app {
namespace {

// Sent to our own thread by the destructor, to end its wait; nobody else has a use for it here.
constexpr int kEndOfWait = SIGUSR1;

}  // namespace

Signals::Signals(base::StopSignal& stop, base::Logger& log, std::function<void(int)> leave)
    : stop_(stop), log_(log), leave_(leave ? std::move(leave) : [](int status) { _exit(status); }) {
  sigemptyset(&waited_for_);
  for (const int number : {SIGTERM, SIGINT, kEndOfWait}) sigaddset(&waited_for_, number);
  pthread_sigmask(SIG_BLOCK, &waited_for_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { Wait(); });
}

Signals::~Signals() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), kEndOfWait);
  thread_.join();
}

void Signals::Wait() {
  bool draining = false;
  while (true) {
    int number = 0;
    if (sigwait(&waited_for_, &number) != 0) continue;
    if (number == kEndOfWait) {
      if (ending_) return;
      continue;
    }
    const char* name = number == SIGINT ? "SIGINT" : "SIGTERM";
    if (draining) {
      // SIGTERM may be repeated by a service manager that only wants to be sure.
      if (number == SIGTERM) continue;
      leave_(128 + number);
      continue;
    }
    draining = true;
    log_.Info("app",
              std::string(name) + ": finishing what is under way; SIGINT (Ctrl-C) stops at once");
    stop_.Request();
  }
}

}  // namespace app
