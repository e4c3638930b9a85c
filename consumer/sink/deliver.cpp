// Deliver: the one place where writing is retried. It owns the waits, the dead letters and the
// counting; what an answer means was decided by the writer.
#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "consumer/base/crash_point.h"
#include "consumer/sink/target.h"

namespace sink {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct SinkMetrics {
  base::Counter& documents;
  base::Counter& rejected;
  base::Counter& retries;
  base::Histogram& seconds;
  base::Gauge& stalled;
};

SinkMetrics MetricsOf(base::Metrics& metrics) {
  return {metrics.counter("pgsync_sink_documents_total",
                          "documents and deletions that the target holds (or holds newer)"),
          metrics.counter("pgsync_sink_rejected_total", "documents that went to the dead letters"),
          metrics.counter("pgsync_sink_retries_total", "bulk requests sent again"),
          metrics.histogram("pgsync_sink_bulk_seconds", "time of one bulk request"),
          metrics.gauge("pgsync_sink_stalled", "1 while the target does not take documents")};
}

// One delivery: the request that is left, and how to wait between its tries.
class Delivery {
 public:
  Delivery(Writer& writer, Clock::time_point deadline, const base::StopSignal& stop,
           base::Logger& log, const SinkMetrics& metrics)
      : writer_(writer), deadline_(deadline), stop_(stop), log_(log), metrics_(metrics) {}

  // Waits before the next try; kRetry when there shall be none. `why` is the target's word for it.
  base::Status WaitBecause(const std::string& why) {
    // The gauge is shared by all workers, so an outage is one line, not one per worker and try.
    if (metrics_.stalled.Value() == 0) {
      metrics_.stalled.Set(1);
      log_.Warning("sink",
                   fmt::format("the target does not take documents, trying again: {}", why));
    }
    const auto most = writer_.retry_bounds.retries;
    if (most && writer_.retries_in_row >= *most) {
      return base::Fatal(
          fmt::format("the target did not take documents, also not after {} retr{} "
                      "(ELASTICSEARCH_MAX_RETRIES; unset, there is no end): {}",
                      *most, *most == 1 ? "y" : "ies", why));
    }
    ++writer_.retries_in_row;
    writer_.not_before = std::max(writer_.not_before, Clock::now() + writer_.backoff.Next());
    if (auto waited = WaitUntilAllowed(why); !waited) return waited;
    metrics_.retries.Add();
    return {};
  }

  // Waits for the end of a pause that the last try brought about.
  base::Status WaitUntilAllowed(const std::string& why) {
    const Clock::time_point end = std::min(writer_.not_before, deadline_);
    const auto wait = std::chrono::ceil<milliseconds>(end - Clock::now());
    if (wait.count() <= 0 && writer_.not_before <= deadline_) return {};
    if (stop_.WaitFor(std::max(wait, milliseconds(0)))) {
      return base::Retry(fmt::format("stopped before the documents were written: {}", why));
    }
    if (writer_.not_before > deadline_) {
      return base::Retry(fmt::format("the documents could not be written in time: {}", why));
    }
    return {};
  }

  void Passed() {
    writer_.backoff.Reset();
    writer_.retries_in_row = 0;
    if (metrics_.stalled.Value() != 0) {
      metrics_.stalled.Set(0);
      log_.Info("sink", "the target takes documents again");
    }
  }

  // An answer that comes after the deadline counts for nothing: the engine may have forgotten a
  // deletion by then.
  bool TooLate() const { return Clock::now() > deadline_; }

 private:
  Writer& writer_;
  const Clock::time_point deadline_;
  const base::StopSignal& stop_;
  base::Logger& log_;
  const SinkMetrics& metrics_;
};

// The dead letters of one request, by document of the schema.
using DeadLetters = std::vector<std::vector<Rejected>>;

base::Status Bury(Target& target, const std::vector<schema::DocumentTree>& trees,
                  const DeadLetters& letters, Delivery* delivery) {
  for (size_t document = 0; document < letters.size(); ++document) {
    if (letters[document].empty()) continue;
    for (;;) {
      auto written = target.WriteRejected(trees[document], letters[document]);
      if (written) break;
      if (written.error().kind != base::ErrorKind::kRetry) {
        return std::move(written).error().While(
            fmt::format("storing dead letters of \"{}\"", trees[document].index));
      }
      auto waited = delivery->WaitBecause(written.error().message);
      if (!waited) return waited;
    }
  }
  return {};
}

}  // namespace

base::Result<DeliveryCounts> Deliver(Target& target, Writer& writer,
                                     const std::vector<schema::DocumentTree>& trees,
                                     model::BulkRequest request, base::Lsn lsn,
                                     Clock::time_point deadline, const base::StopSignal& stop,
                                     base::Logger& log, base::Metrics& all_metrics) {
  const SinkMetrics metrics = MetricsOf(all_metrics);
  Delivery delivery(writer, deadline, stop, log, metrics);
  DeliveryCounts counts;
  DeadLetters letters(trees.size());
  writer.SetDeadline(deadline);
  for (model::Unmade& unmade : request.unmade) {
    if (unmade.document >= trees.size()) {
      return base::Fatal("a document that could not be made belongs to no document of the schema");
    }
    letters[unmade.document].push_back(
        {std::move(unmade.id), std::move(unmade.reason), "", unmade.version, lsn});
  }

  if (!request.items.empty()) {
    if (auto waited = delivery.WaitUntilAllowed("the target asked for a pause"); !waited) {
      return std::move(waited).error();
    }
  }
  while (!request.items.empty()) {
    const auto begun = Clock::now();
    auto outcome = writer.Write(request);
    PGSYNC_CRASH_POINT("bulk_answered");
    metrics.seconds.Observe(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun).count()));
    if (!outcome) {
      if (outcome.error().kind != base::ErrorKind::kRetry) return std::move(outcome).error();
      auto waited = delivery.WaitBecause(outcome.error().message);
      if (!waited) return std::move(waited).error();
      continue;
    }
    if (outcome->items.size() != request.items.size()) {
      return base::Fatal(fmt::format("the target gave {} outcomes for {} documents",
                                     outcome->items.size(), request.items.size()));
    }
    if (delivery.TooLate()) {
      return base::Retry(
          "the target answered after the documents had become too old; they are built anew");
    }

    model::BulkRequest left;
    std::string why;
    // A deletion under an old routing and the document itself may share a shard: a deletion that is
    // sent again on its own would take the fresh copy away.
    std::set<std::string_view> again;
    const auto goes_with_another = [&](const model::BulkItem& item) {
      return !again.empty() && again.contains(item.id);
    };
    for (size_t i = 0; i < request.items.size(); ++i) {
      const model::BulkItem& item = request.items[i];
      model::ItemOutcome& result = outcome->items[i];
      switch (result.status) {
        case model::ItemStatus::kDone:
          if (goes_with_another(item)) {
            left.Append(request, item);
          } else {
            ++counts.done;
          }
          break;
        case model::ItemStatus::kFresher:
          ++counts.fresher;
          break;
        case model::ItemStatus::kRetry:
          if (why.empty()) why = result.reason;
          again.insert(item.id);
          left.Append(request, item);
          break;
        case model::ItemStatus::kRejected:
          if (item.document >= trees.size()) {
            return base::Fatal("a bulk item belongs to no document of the schema");
          }
          letters[item.document].push_back({item.id, std::move(result.reason),
                                            std::string(request.Document(item)), item.version,
                                            lsn});
          break;
      }
    }
    request = std::move(left);
    if (request.items.empty()) {
      delivery.Passed();
      break;
    }
    auto waited = delivery.WaitBecause(why);
    if (!waited) return std::move(waited).error();
  }

  if (auto buried = Bury(target, trees, letters, &delivery); !buried)
    return std::move(buried).error();
  for (size_t document = 0; document < letters.size(); ++document) {
    if (letters[document].empty()) continue;
    counts.rejected += letters[document].size();
    // Only the kind of the error: its words quote values of the row.
    const std::string& reason = letters[document].front().reason;
    log.Warning(
        "sink",
        fmt::format(
            "{} document{} of \"{}\" rejected and stored as dead letters ({}), e.g. _id \"{}\"",
            letters[document].size(), letters[document].size() == 1 ? "" : "s",
            trees[document].index, reason.substr(0, reason.find(':')),
            letters[document].front().id));
  }
  metrics.documents.Add(counts.done + counts.fresher);
  metrics.rejected.Add(counts.rejected);
  return counts;
}

}  // namespace sink
