// Worker: one thread between queue and target. Takes what is there, builds the documents it names,
// writes them, and only then tells the queue. An entry that was taken and not finished is
// somebody's again after a restart.
//
// Entries that lead to very many documents become a fan-out: it is built in slices, and between
// them the worker takes what else there is, so that a small change waits for one slice and not for
// a million documents.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "consumer/app/pipeline.h"
#include "consumer/assemble/builder.h"
#include "consumer/base/result.h"

namespace app {

class Worker {
 public:
  // `mark`: of the producer, where it is another process.
  Worker(PipelineContext context, const std::string& name, const std::string& mark = {});

  // The thread's body. Returns on drain or after it has called context.fail.
  void Run();

 private:
  // Entries of which more is left to build than fits into one slice.
  struct FanOut {
    std::vector<queue::Entry> entries;
    assemble::Touched touched;
    std::vector<uint32_t> xids;
    base::Lsn lsn;
    std::chrono::steady_clock::time_point taken;
  };

  // Until it succeeds. False: drain came first, or an error was reported.
  bool Try(const std::function<base::Status()>& work);
  void Finish(const std::vector<queue::Entry>& entries,
              std::chrono::steady_clock::time_point taken);
  // What is left to build in slices afterwards is put into `left`.
  base::Status Process(std::vector<queue::Entry>* entries, std::optional<FanOut>* left);
  base::Status BuildSlice(FanOut* fan_out);
  base::Status BuildLoad();
  base::Status RebuildAll(const model::Rebuild& rebuild, std::span<const uint32_t> xids);
  base::Status FindHolders(std::vector<model::Touch>* touches, std::span<const uint32_t> xids,
                           std::vector<assemble::KnownRoot>* holders);
  base::Status RefreshViews(const std::vector<model::Touch>& touches,
                            std::span<const uint32_t> xids);
  base::Status WaitForEarlierBuilds();
  base::Status Write(assemble::Built built, base::Lsn lsn);

  PipelineContext context_;
  std::unique_ptr<queue::Consumer> consumer_;
  assemble::Builder builder_;
  std::unique_ptr<sink::Writer> writer_;
  uint64_t ticket_ = 0;  // of the build fence, while processing
  std::deque<FanOut> fan_outs_;
  std::deque<queue::Entry> load_;        // ranges in hand, the first one being built
  std::vector<queue::Entry> set_aside_;  // taken while looking for more of them
  base::Histogram& batch_time_;
  base::Counter& fan_outs_total_;
  base::Gauge& fan_out_left_;
};

}  // namespace app
