// `run --role worker`: the workers alone. The queue brings the work, and takes the reports of what
// was loaded; the producer, in another process, knows the positions.
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/pipeline.h"
#include "consumer/app/thread_crew.h"
#include "consumer/app/worker.h"

namespace app {

base::Status RunWorkers(const PipelineSettings& settings,
                        const std::vector<schema::DocumentTree>& trees, sink::Target& target,
                        queue::Queue& queue, const std::string& mark, base::StopSignal& drain,
                        base::Logger& log, base::Metrics& metrics) {
  // Stands for the loads of the producer: workers report to the queue instead.
  LoadBoard board(std::vector<model::LoadProgress>(trees.size()));
  BuildFence fence(kOtherProcesses);
  FirstError first_error(drain);
  const std::unique_ptr<queue::Producer> unused = queue.NewProducer();
  const PipelineContext context{settings,
                                trees,
                                target,
                                queue,
                                *unused,
                                board,
                                fence,
                                log,
                                metrics,
                                drain,
                                [&](base::Error e) { first_error.Set(std::move(e)); }};
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < settings.workers; ++i) {
    workers.push_back(std::make_unique<Worker>(context, fmt::format("worker-{}", i), mark));
  }
  const auto leave = [&] {
    log.Warning("worker", "leaving without an answer; what was not finished is built by others");
    std::_Exit(first_error.Get() ? 1 : 0);
  };
  const LeaveLimit limit(drain, leave);
  Crew crew;
  for (auto& worker : workers) crew.Start([&] { worker->Run(); });
  while (!drain.WaitFor(settings.log_interval)) {
  }
  if (!crew.WaitAll(kDrainPatience)) leave();
  crew.Join();
  const auto error = first_error.Get();
  return error ? base::Status(*error) : base::Status();
}

}  // namespace app
