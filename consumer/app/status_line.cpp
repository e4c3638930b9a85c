#include "consumer/app/status_line.h"

#include <utility>

#include <fmt/format.h>

#include "consumer/app/byte_text.h"
#include "consumer/app/live_line.h"

namespace app {
namespace {

constexpr std::chrono::milliseconds kLookAtLoads{200};
constexpr int kBarWidth = 20;

}  // namespace

StatusLine::StatusLine(PipelineContext context)
    : context_(std::move(context)),
      documents_(context_.metrics.counter("pgsync_build_documents_total",
                                          "documents and deletions built")),
      changes_(context_.metrics.counter("pgsync_stream_changes_total", "row changes received")),
      lag_(context_.metrics.gauge("pgsync_unrecorded_bytes",
                                  "WAL received and not yet recorded in the target")),
      queued_(context_.metrics.gauge("pgsync_queue_bytes", "bytes waiting in the queue")),
      last_(Clock::now()) {
  for (const schema::DocumentTree& tree : context_.trees) {
    if (!context_.board.Wanted(tree.number)) continue;
    const auto gauge = [&](const char* name, const char* help) -> base::Gauge& {
      return context_.metrics.gauge(base::Labelled(name, {{"index", tree.index}}), help);
    };
    loads_.push_back(
        {tree.number,
         gauge("pgsync_load_documents", "documents that the load has written"),
         gauge("pgsync_load_expected_documents",
               "documents that the load will write in all, about; 0: not known"),
         gauge("pgsync_load_seconds_left", "until the load is complete, about; -1: not known"),
         {}});
  }
}

StatusLine::~StatusLine() {
  if (context_.settings.live != nullptr) {
    context_.settings.live->Show(context_.settings.database, "");
  }
}

bool StatusLine::UpdateLoads(Clock::time_point now, uint64_t lag) {
  bool loading = false;
  std::string shown;
  load_text_.clear();
  for (Load& load : loads_) {
    if (load.complete) continue;
    const model::LoadProgress progress = context_.board.Progress(load.document);
    const progress::LoadEstimate estimate = progress::EstimateOf(progress);
    load.rate.Add(progress.documents, now);
    const double rate = load.rate.PerSecond();
    const auto left = progress::TimeLeft(estimate, rate);
    load.documents.Set(static_cast<int64_t>(estimate.documents));
    load.expected.Set(static_cast<int64_t>(estimate.total));
    load.seconds_left.Set(left ? left->count() : progress.complete ? 0 : -1);
    load.complete = progress.complete;
    if (load.complete) continue;
    loading = true;
    const std::string& index = context_.trees[load.document].Place();
    load_text_ += fmt::format("; load of {}: {}", index, progress::ToText(estimate, rate));
    // One after the other is loaded: of the later ones there is nothing to show.
    if (!shown.empty()) continue;
    shown = fmt::format("{} {}{}, stream {} behind", index,
                        estimate.share ? BarText(*estimate.share, kBarWidth) + " " : "",
                        progress::ToText(estimate, rate), ByteText(lag));
  }
  if (context_.settings.live != nullptr) {
    context_.settings.live->Show(context_.settings.database, std::move(shown));
  }
  return loading;
}

void StatusLine::Update(base::Lsn received, base::Lsn recorded) {
  const auto now = Clock::now();
  const uint64_t lag = received > recorded ? received.value - recorded.value : 0;
  lag_.Set(static_cast<int64_t>(lag));
  if (now - last_loads_ >= kLookAtLoads) {
    loading_ = UpdateLoads(now, lag);
    last_loads_ = now;
  }
  // A load is waited for: it is told of twice as often.
  const auto interval = context_.settings.log_interval / (loading_ ? 2 : 1);
  if (now - last_ < interval) return;
  if (auto depth = context_.producer.DepthOf(queue::Lane::kStream)) {
    queued_.Set(static_cast<int64_t>(depth->bytes));
  }
  const double seconds = std::chrono::duration<double>(now - last_).count();
  const uint64_t documents = documents_.Value(), changes = changes_.Value();
  // An idle daemon is silent, and so is one that shows the same already.
  const bool news = documents != last_documents_ || changes != last_changes_;
  if (news && !(loading_ && context_.settings.live != nullptr)) {
    context_.log.Info(
        "status",
        fmt::format(
            "applied {}, {} bytes behind, queue {} bytes, {:.0f} changes/s, {:.0f} documents/s{}",
            base::ToString(recorded), lag, queued_.Value(),
            static_cast<double>(changes - last_changes_) / seconds,
            static_cast<double>(documents - last_documents_) / seconds, load_text_));
  }
  last_ = now;
  last_documents_ = documents;
  last_changes_ = changes;
}

std::string StatusLine::Totals() const {
  return fmt::format("{} changes received and {} documents built since the start", changes_.Value(),
                     documents_.Value());
}

}  // namespace app
