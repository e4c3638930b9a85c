// StatusLine: what a pipeline tells of itself while it runs: metrics, one log line every few
// seconds, and on a terminal a line that moves while documents are loaded. The pipeline's calling
// thread owns it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "consumer/app/pipeline.h"
#include "consumer/base/lsn.h"
#include "consumer/base/metrics.h"
#include "consumer/progress/load_estimate.h"

namespace app {

class StatusLine {
 public:
  explicit StatusLine(PipelineContext context);
  ~StatusLine();

  // To be called often; looks at the time itself.
  void Update(base::Lsn received, base::Lsn recorded);

  // Of this process, so of all its pipelines.
  std::string Totals() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Load {
    uint32_t document;
    base::Gauge& documents;
    base::Gauge& expected;
    base::Gauge& seconds_left;
    progress::RecentRate rate;
    bool complete = false;
  };
  // True while something is loaded. Fills the texts of what is under way.
  bool UpdateLoads(Clock::time_point now, uint64_t lag);

  PipelineContext context_;
  base::Counter& documents_;
  base::Counter& changes_;
  base::Gauge& lag_;
  base::Gauge& queued_;
  std::vector<Load> loads_;
  std::string load_text_;  // for the log: "; load of books: …"
  bool loading_ = false;
  Clock::time_point last_, last_loads_{};
  uint64_t last_documents_ = 0, last_changes_ = 0;
};

}  // namespace app
