// Worker: one thread between queue and target. Takes what is there, builds the documents it names,
// writes them, and only then tells the queue. An entry that was taken and not finished is
// somebody's again after a restart.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "consumer/app/pipeline.h"
#include "consumer/assemble/builder.h"
#include "consumer/base/result.h"

namespace app {

class Worker {
 public:
  Worker(PipelineContext context, const std::string& name);

  // The thread's body. Returns on drain or after it has called context.fail.
  void Run();

 private:
  base::Status Process(std::vector<queue::Entry>* entries);
  base::Status RebuildAll(const model::Rebuild& rebuild, std::span<const uint32_t> xids);
  base::Status RefreshViews(const std::vector<model::Touch>& touches,
                            std::span<const uint32_t> xids);
  base::Status WaitForEarlierBuilds();
  base::Status Write(assemble::Built built, base::Lsn lsn);

  PipelineContext context_;
  std::unique_ptr<queue::Consumer> consumer_;
  assemble::Builder builder_;
  std::unique_ptr<sink::Writer> writer_;
  uint64_t ticket_ = 0;  // of the build fence, while processing
  base::Histogram& batch_time_;
};

}  // namespace app
