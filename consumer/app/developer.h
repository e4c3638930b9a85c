// DeveloperSettings: what only tests change, by the variable PGSYNC_DEVELOPER: how work is cut, and
// in which order it is done. What comes out in the end is the same with all of them.
//
//   PGSYNC_DEVELOPER="batch_bytes=300 take_bytes=200 slice_ms=0 climb_keys=9"
//   PGSYNC_DEVELOPER="record_ms=20 shuffle=7"
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "consumer/base/result.h"

namespace app {

struct DeveloperSettings {
  size_t batch_bytes = 256 * 1024;  // from which on a batch goes into the queue
  size_t take_bytes = 512 * 1024;   // that a worker takes at once, about
  // How long much work is built before the worker looks at the queue again.
  std::chrono::milliseconds slice{250};
  size_t climb_keys = 20'000;  // that are found together; more are found by a cursor
  // Recording a position costs the engines a cluster state update, so it is not done for every
  // batch.
  std::chrono::milliseconds record_interval{1000};
  // How long a retired generation stays for the searches that are still in it.
  std::chrono::milliseconds grace{10'000};
  uint32_t shuffle = 0;  // a seed: the queue's entries in any order, some twice; 0: as they come
};

// Pure. "" gives what is usual. kUsage: what was found, and what is allowed.
base::Result<DeveloperSettings> ParseDeveloper(const std::string& text);

}  // namespace app
