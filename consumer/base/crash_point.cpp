#include "consumer/base/crash_point.h"

#ifdef PGSYNC_CRASH_POINTS

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace base {
namespace {

struct Wanted {
  std::string_view name;
  std::atomic<long> left{0};

  Wanted() {
    const char* text = std::getenv("PGSYNC_CRASH_POINT");
    if (text == nullptr) return;
    const std::string_view all(text);
    const size_t colon = all.find(':');
    name = all.substr(0, colon);
    left = colon == std::string_view::npos ? 1 : std::atol(text + colon + 1);
    if (left < 1) {
      std::fprintf(stderr, "PGSYNC_CRASH_POINT: NAME:N is wanted, N from 1 on\n");
      std::_Exit(2);
    }
  }
};

}  // namespace

void PassCrashPoint(const char* name) noexcept {
  static Wanted wanted;
  if (wanted.name != name || --wanted.left != 0) return;
  // Nothing is said or flushed before: that is what it is about.
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

}  // namespace base

#endif
