#include "consumer/app/pipeline.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/index_state.h"
#include "consumer/app/loader.h"
#include "consumer/app/status_line.h"
#include "consumer/app/stream_producer.h"
#include "consumer/app/thread_crew.h"
#include "consumer/app/worker.h"
#include "consumer/base/crash_point.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

using base::ErrorKind;
using base::Lsn;
using base::Result;
using base::Status;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick{50};
constexpr milliseconds kOpenPoll{5};
// Chunks of a load that are done and not stored yet: from here on they are stored at once.
constexpr uint32_t kMostUnstored = 8;
// Of the usual interval, while documents are loaded: states stored every second cost an engine 3 %.
constexpr int kSeldom = 5;

// Engines that are not told versions keep what came last. Only one worker, that has one bulk under
// way, writes last what was read last.
int WorkersFor(const std::vector<schema::DocumentTree>& trees, int wanted) {
  const bool versioned =
      std::all_of(trees.begin(), trees.end(), [](const auto& tree) { return tree.versioned; });
  return versioned ? wanted : 1;
}

// Carries the low water of the queue into the target, and from there to the slot.
class Recorder {
 public:
  Recorder(PipelineContext context, StreamProducer& stream, std::vector<model::SyncState> states)
      : context_(std::move(context)), stream_(stream), states_(std::move(states)), read_(states_) {
    recorded_ = states_.front().applied;
    for (const model::SyncState& state : states_) recorded_ = std::min(recorded_, state.applied);
    stream_.SetFlushed(recorded_);
  }

  Lsn recorded() const { return recorded_; }

  // Records what is new, at most once per interval unless `now_at_once`.
  Status Record(bool now_at_once) {
    if (stream_.Generation() == 0) return {};  // the queue is not open yet
    // The board first: a chunk that finishes after this is stored the next time.
    const uint64_t revision = context_.board.Revision();
    auto low = context_.producer.LowWater();
    if (!low) {
      if (low.error().kind == ErrorKind::kReconnect) stream_.Restart();
      return low.error();
    }
    const bool news = *low > recorded_ || revision != revision_;
    const auto now = steady_clock::now();
    const auto interval = context_.settings.developer.record_interval *
                          (context_.board.WantedComplete() ? 1 : kSeldom);
    if (!news || (!now_at_once && now - last_ < interval)) return {};
    for (size_t i = 0; i < states_.size(); ++i) {
      // An index that is ahead of the others keeps its position; it never goes back.
      states_[i].applied = std::max(states_[i].applied, *low);
      states_[i].load = context_.board.Progress(static_cast<uint32_t>(i));
      auto status = last_ == steady_clock::time_point()
                        ? WriteFirstState(context_.target, context_.trees[i], read_[i], &states_[i])
                        : context_.target.WriteState(context_.trees[i], states_[i]);
      if (!status) {
        return std::move(status).error().While("recording the position in index " +
                                               context_.trees[i].Place());
      }
      context_.board.SetStored(static_cast<uint32_t>(i), states_[i].load);
      PGSYNC_CRASH_POINT("state");
    }
    recorded_ = std::max(recorded_, *low);
    revision_ = revision;
    last_ = now;
    stream_.SetFlushed(recorded_);
    return {};
  }

 private:
  PipelineContext context_;
  StreamProducer& stream_;
  std::vector<model::SyncState> states_;
  const std::vector<model::SyncState> read_;  // as at the start
  Lsn recorded_;
  uint64_t revision_ = 0;
  steady_clock::time_point last_{};
};

// What workers of other processes have loaded. A queue that is gone says so elsewhere, too.
void TakeReports(queue::Producer& producer, LoadBoard* board) {
  auto reports = producer.TakeLoadReports();
  if (!reports) return;
  for (const queue::LoadReport& report : *reports) board->MarkDone(report.range, report.documents);
}

// `load` of other documents leaves generations as they are.
bool FillsNext(const PipelineSettings& settings, const LoadBoard& board) {
  return std::any_of(settings.next.begin(), settings.next.end(),
                     [&](uint32_t number) { return board.Wanted(number); });
}

// Which of the generations that nobody sees yet may be seen. A predecessor that was killed may have
// written to the one that is seen what it could not write to its successor; so that is so once all
// up to `begun`, the end of the WAL when this process began, was written by this one. From then on
// every batch writes to the successor first: its trees come before the retiring ones.
std::vector<uint32_t> ReadyGenerations(const PipelineSettings& settings, const LoadBoard& board,
                                       Lsn begun, Lsn recorded) {
  std::vector<uint32_t> ready;
  if (recorded < begun) return ready;
  for (const uint32_t number : settings.next) {
    const model::LoadProgress load = board.Progress(number);
    if (load.complete && load.settled <= recorded) ready.push_back(number);
  }
  return ready;
}

// "Up to now".
Result<Lsn> EndOfWal(const PipelineSettings& settings) {
  auto connection = pg::Connection::Open(settings.postgres, settings.database);
  if (!connection) return connection.error();
  return source::CurrentWalLsn(*connection);
}

}  // namespace

Status RunPipeline(const PipelineSettings& settings, const std::vector<schema::DocumentTree>& trees,
                   sink::Target& target, queue::Queue& queue, std::vector<model::SyncState> states,
                   base::StopSignal& drain, base::Logger& log, base::Metrics& metrics) {
  Lsn begun;
  if (settings.once || !settings.next.empty()) {
    auto end = EndOfWal(settings);
    if (!end) return end.error();
    begun = *end;
  }
  const auto begun_at = steady_clock::now();

  std::vector<model::LoadProgress> loads;
  for (const model::SyncState& state : states) loads.push_back(state.load);
  LoadBoard board(loads, settings.load_documents);
  BuildFence fence(settings.role == Role::kProducer ? kOtherProcesses : std::chrono::seconds(0));
  FirstError first_error(drain);
  const std::unique_ptr<queue::Producer> producer = queue.NewProducer();
  const PipelineContext context{settings,
                                trees,
                                target,
                                queue,
                                *producer,
                                board,
                                fence,
                                log,
                                metrics,
                                drain,
                                [&](base::Error e) { first_error.Set(std::move(e)); }};

  StreamProducer stream(context);
  Recorder recorder(context, stream, std::move(states));
  Loader loader(context, [&] { return stream.Generation(); });
  std::vector<std::unique_ptr<Worker>> workers;
  const int own_workers =
      settings.role == Role::kProducer ? 0 : WorkersFor(trees, settings.workers);
  for (int i = 0; i < own_workers; ++i) {
    workers.push_back(std::make_unique<Worker>(context, fmt::format("worker-{}", i)));
  }

  const auto exit_status = [&] {
    const auto error = first_error.Get();
    if (error) log.Error("pipeline", error->message);
    if (!error && settings.starts_again != nullptr && settings.starts_again->load()) return 1;
    if (!error && settings.ready != nullptr && !settings.ready->empty()) return 1;
    return !error ? 0 : error->kind == ErrorKind::kRefused ? 3 : 1;
  };
  const LeaveLimit limit(drain, [&] {
    log.Warning("pipeline", "leaving without an answer; what was not recorded is read again");
    std::_Exit(exit_status());
  });
  Crew stream_crew, crew;
  stream_crew.Start([&] { stream.Run(); });
  if (!board.WantedComplete()) crew.Start([&] { loader.Run(); });
  for (auto& worker : workers) {
    // Before the queue was opened nobody has looked whether what it holds from before is ours.
    crew.Start([&] {
      while (stream.Generation() == 0) {
        if (drain.WaitFor(kOpenPoll)) return;
      }
      worker->Run();
    });
  }

  StatusLine status_line(context);
  bool warned = false;
  while (!drain.WaitFor(Nap(settings, kTick))) {
    if (settings.role == Role::kProducer) TakeReports(*producer, &board);
    const bool ends = settings.once || settings.load_only;
    const bool at_once = (ends && board.WantedComplete()) || board.Unstored() >= kMostUnstored;
    if (Status recorded = recorder.Record(at_once); !recorded) {
      const ErrorKind kind = recorded.error().kind;
      if (kind != ErrorKind::kRetry && kind != ErrorKind::kReconnect) {
        first_error.Set(std::move(recorded).error());
        break;
      }
      if (!std::exchange(warned, true)) {
        log.Warning("pipeline", recorded.error().message + "; trying again");
      }
    } else {
      warned = false;
    }
    status_line.Update(stream.Received(), recorder.recorded());
    // Not before the slot is known to be ours: the position may be another daemon's work.
    const bool streaming = stream.Generation() > 0;
    // Builds of other processes' former lives are over by then, too.
    const bool alone =
        settings.role == Role::kAll || steady_clock::now() - begun_at > kOtherProcesses;
    if (streaming && FillsNext(settings, board)) {
      if (alone) *settings.ready = ReadyGenerations(settings, board, begun, recorder.recorded());
      if (!settings.ready->empty()) drain.Request();
      continue;
    }
    const bool settled = board.WantedSettled(recorder.recorded());
    if (ends && settled && streaming && recorder.recorded() >= begun) {
      drain.Request();
    }
  }

  // From here nobody takes new work. Workers finish what they have, then the last position is
  // recorded and acknowledged.
  const bool all_left = crew.WaitAll(kDrainPatience);
  if (!all_left) {
    log.Warning("pipeline",
                "documents in hand could not be written in time; they are built again after the "
                "next start");
  }
  if (Status recorded = recorder.Record(true); !recorded) {
    log.Warning("pipeline",
                recorded.error().message +
                    "; the last position is not recorded, changes since are read again");
  }
  stream.Finish();
  const bool stream_left = stream_crew.WaitAll(milliseconds(1000));
  log.Info("pipeline", fmt::format("stopped at {}; {}", base::ToString(recorder.recorded()),
                                   status_line.Totals()));

  if (!all_left || !stream_left) {
    // Somebody sits in a call to a server that does not answer. Nothing it may still do matters: it
    // was not acknowledged.
    std::_Exit(exit_status());
  }
  crew.Join();
  stream_crew.Join();
  const auto error = first_error.Get();
  return error ? Status(*error) : Status();
}

}  // namespace app
