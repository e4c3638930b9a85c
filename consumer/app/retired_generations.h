// RetiredGenerations: a thread that drops generations which the alias no longer leads to, some time
// after it was led away: searches that began before are still in them.
#pragma once

#include <chrono>
#include <thread>
#include <vector>

#include "consumer/app/generations.h"
#include "consumer/base/log.h"
#include "consumer/base/stop.h"
#include "consumer/sink/target.h"

namespace app {

class RetiredGenerations {
 public:
  // `target` and `log` outlive this. `finish`: the end of this waits until all is dropped; else
  // what is not due by then is left to the next start.
  RetiredGenerations(sink::Target& target, std::vector<RetiredGeneration> retired,
                     std::chrono::milliseconds grace, bool finish, base::Logger& log);
  ~RetiredGenerations();
  RetiredGenerations(const RetiredGenerations&) = delete;
  RetiredGenerations& operator=(const RetiredGenerations&) = delete;

 private:
  void Run();

  sink::Target& target_;
  const std::vector<RetiredGeneration> retired_;
  const std::chrono::milliseconds grace_;
  const bool finish_;
  base::Logger& log_;
  base::StopSignal done_;
  std::thread thread_;
};

}  // namespace app
