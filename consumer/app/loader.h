// Loader: the load's thread. Cuts the root tables of documents that are not loaded yet into ranges
// and puts them into the queue's second lane, beside the stream (design D7). Goes on where a killed
// load stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "consumer/app/pipeline.h"
#include "consumer/assemble/load_plan.h"
#include "consumer/base/result.h"
#include "consumer/progress/rate_limit.h"

namespace app {

class Loader {
 public:
  // `generation` tells when the queue was opened anew and so has lost its ranges.
  Loader(PipelineContext context, std::function<uint64_t()> generation);

  // The thread's body. Returns when all loads are complete, on drain, or after it has called
  // context.fail.
  void Run();

 private:
  base::Status LoadDocument(const schema::DocumentTree& tree);
  base::Status PutPages(const schema::DocumentTree& tree, const assemble::LoadPlan& plan,
                        uint32_t cut, uint64_t generation);
  base::Status PutKeys(pg::Connection& connection, const schema::DocumentTree& tree,
                       const assemble::LoadPlan& plan, uint32_t cut, uint64_t generation);
  // False when the queue was opened anew or drain was requested meanwhile: nothing was added.
  base::Result<bool> Put(const model::LoadRange& range, uint64_t generation);
  // Whether one more chunk may be begun: not too many would have to be done again after a kill,
  // and the rate allows it, which then counts it.
  bool MayPut(uint32_t document);

  PipelineContext context_;
  std::function<uint64_t()> generation_;
  progress::RateLimit limit_;
  // Of the present try: chunks that were done before it, and those that it put into the queue.
  uint32_t begun_with_ = 0, put_ = 0;
};

}  // namespace app
