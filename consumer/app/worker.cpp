#include "consumer/app/worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "consumer/assemble/load_plan.h"
#include "consumer/assemble/view_refresh.h"
#include "consumer/base/backoff.h"

namespace app {
namespace {

using base::ErrorKind;
using base::Status;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTakeWait{200};
// Half of the engines' index.gc_deletes, for which they remember the versions of deleted documents
// (design D3).
constexpr std::chrono::seconds kStale{30};

assemble::BuilderSettings BuilderSettingsOf(const PipelineSettings& settings) {
  assemble::BuilderSettings made;
  made.postgres = settings.postgres;
  made.database = settings.database;
  made.work_mem = settings.work_mem;
  made.keys_per_chunk = settings.keys_per_chunk;
  made.bulk_bytes = settings.bulk_bytes;
  return made;
}

bool Passing(const base::Error& error) {
  return error.kind == ErrorKind::kRetry || error.kind == ErrorKind::kReconnect;
}

}  // namespace

Worker::Worker(PipelineContext context, const std::string& name)
    : context_(std::move(context)),
      consumer_(context_.queue.NewConsumer(name)),
      builder_(BuilderSettingsOf(context_.settings), context_.trees, context_.drain, context_.log,
               context_.metrics),
      writer_(context_.target.NewWriter()),
      batch_time_(context_.metrics.histogram(
          "pgsync_batch_seconds", "time from taking entries to their documents being durable")) {}

void Worker::Run() {
  base::Backoff backoff(milliseconds(50), milliseconds(5000));
  while (!context_.drain.Requested()) {
    auto entries = consumer_->Take(context_.settings.developer.take_bytes, kTakeWait);
    if (!entries) {
      // Lost or unreachable: the producer sees the same and starts again from the slot.
      if (!Passing(entries.error())) return context_.fail(std::move(entries).error());
      context_.drain.WaitFor(backoff.Next());
      continue;
    }
    if (entries->empty()) continue;

    const auto taken = steady_clock::now();
    bool warned = false;
    while (true) {
      ticket_ = context_.fence.Enter();
      Status done = Process(&*entries);
      context_.fence.Leave(ticket_);
      if (done) break;
      if (!Passing(done.error())) return context_.fail(std::move(done).error());
      if (context_.drain.Requested()) return;
      if (!std::exchange(warned, true)) {
        context_.log.Warning("worker", done.error().message + "; trying again");
      }
      if (context_.drain.WaitFor(backoff.Next())) return;
    }
    backoff.Reset();
    batch_time_.Observe(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - taken)
            .count()));
    // When this fails the entries come again, and building them twice does no harm.
    if (auto status = consumer_->Done(*entries); !status && !Passing(status.error())) {
      return context_.fail(std::move(status).error());
    }
  }
}

// Ranges in `entries` shrink as their parts are done: when this is called again after an error,
// only the rest is built.
Status Worker::Process(std::vector<queue::Entry>* entries) {
  std::vector<model::Touch> touches;
  std::vector<model::Rebuild> rebuilds;
  std::vector<uint32_t> xids;
  base::Lsn lsn;
  for (const queue::Entry& entry : *entries) {
    const model::Batch& batch = entry.batch;
    touches.insert(touches.end(), batch.touches.begin(), batch.touches.end());
    rebuilds.insert(rebuilds.end(), batch.rebuilds.begin(), batch.rebuilds.end());
    xids.insert(xids.end(), batch.xids.begin(), batch.xids.end());
    lsn = std::max(lsn, batch.last_commit);
  }

  if (auto status = RefreshViews(touches, xids); !status) return status;
  if (!touches.empty()) {
    const auto emit = [&](assemble::Built built) { return Write(std::move(built), lsn); };
    if (auto status = builder_.BuildTouched(std::move(touches), xids, emit); !status) return status;
  }
  std::sort(rebuilds.begin(), rebuilds.end(),
            std::greater<>());  // of two for one document, the one that sweeps comes first
  rebuilds.erase(std::unique(rebuilds.begin(), rebuilds.end(),
                             [](const auto& a, const auto& b) { return a.document == b.document; }),
                 rebuilds.end());
  for (const model::Rebuild& rebuild : rebuilds) {
    if (auto status = RebuildAll(rebuild, xids); !status) return status;
  }
  for (queue::Entry& entry : *entries) {
    for (model::LoadRange& range : entry.batch.ranges) {
      uint64_t documents = 0;
      const auto emit = [&](assemble::Built built) {
        documents += built.request.items.size();
        return Write(std::move(built), {});
      };
      if (auto status = builder_.BuildRange(&range, {}, emit); !status) return status;
      context_.board.MarkDone(range, documents);
    }
  }
  return {};
}

Status Worker::RefreshViews(const std::vector<model::Touch>& touches,
                            std::span<const uint32_t> xids) {
  const auto views = assemble::ViewsTouched(context_.trees, touches);
  if (views.empty()) return {};
  // A refresh takes a snapshot of its own: not before all changes are visible.
  if (auto visible = builder_.VersionNow(xids); !visible) return visible.error();
  auto connection = builder_.Connected();
  if (!connection) return connection.error();
  return assemble::Refresh(**connection, views);
}

// After TRUNCATE: every present row is built anew, and what then still has an older version is not
// in the tables.
Status Worker::RebuildAll(const model::Rebuild& rebuild, std::span<const uint32_t> xids) {
  const schema::DocumentTree& tree = context_.trees[rebuild.document];
  auto version = builder_.VersionNow(xids);
  if (!version) return version.error();

  auto connection = pg::Connection::Open(context_.settings.postgres, context_.settings.database);
  if (!connection) return connection.error();
  const auto views = assemble::RefreshedViews(std::span(&tree, 1));
  if (auto refreshed = assemble::Refresh(*connection, views); !refreshed) return refreshed;
  auto plan = assemble::LoadPlan::Make(*connection, tree, context_.settings.rows_per_chunk);
  if (!plan) return plan.error();
  context_.log.Info("worker",
                    fmt::format("index {}: a table was truncated, building {} documents anew",
                                tree.index, rebuild.sweep ? "remaining" : "all"));
  const auto emit = [&](assemble::Built built) { return Write(std::move(built), {}); };
  std::vector<std::string> after;
  for (uint32_t chunk = 0; plan->ByKey() || chunk < plan->Chunks(); ++chunk) {
    if (context_.drain.Requested()) return base::Retry("stopping");
    model::LoadRange range;
    if (plan->ByKey()) {
      auto next = plan->NextKeyRange(*connection, tree, chunk, after);
      if (!next) return next.error();
      range = std::move(*next);
      after = range.through_key;
    } else {
      range = plan->Range(tree.number, chunk);
    }
    if (auto status = builder_.BuildRange(&range, xids, emit); !status) return status;
    if (plan->ByKey() && after.empty()) break;
  }
  auto holds = plan->Holds(*connection, tree);
  if (!holds) return holds.error();
  // What moved to pages that were read already was not built, and a sweep would delete it.
  if (!*holds) {
    return base::Retry(fmt::format("{} was rewritten while its documents were built",
                                   schema::ToString(tree.nodes[0].table)));
  }
  if (!rebuild.sweep) return {};
  if (!tree.versioned) {
    return base::Refused(
        fmt::format("index {}: its root table was truncated, and with \"version\": false nobody "
                    "can tell documents of before from "
                    "those of after. Run `pgsync-consumer teardown SCHEMA`, then `pgsync-consumer "
                    "bootstrap --apply SCHEMA`, and start "
                    "again: it is loaded anew",
                    tree.index));
  }
  if (auto status = WaitForEarlierBuilds(); !status) return status;
  auto swept = context_.target.Sweep(tree, *version);
  if (!swept) return swept.error();
  context_.log.Info(
      "worker", fmt::format("index {}: {} documents deleted after TRUNCATE", tree.index, *swept));
  return {};
}

Status Worker::Write(assemble::Built built, base::Lsn lsn) {
  std::vector<model::BulkItem> any_routing;  // all of one document, as a request is
  for (const model::BulkItem& item : built.request.items) {
    if (item.any_routing) any_routing.push_back(item);
  }
  auto delivered =
      sink::Deliver(context_.target, *writer_, context_.trees, std::move(built.request), lsn,
                    built.read_at + kStale, context_.drain, context_.log, context_.metrics);
  if (!delivered) return delivered.error();
  if (any_routing.empty()) return {};
  if (auto status = WaitForEarlierBuilds(); !status) return status;
  return context_.target.RemoveOtherCopies(context_.trees[any_routing.front().document],
                                           any_routing);
}

// What is deleted by search, a build from before that is still under way could write again.
Status Worker::WaitForEarlierBuilds() {
  context_.fence.Leave(ticket_);
  const bool alone = context_.fence.WaitForEarlier(context_.drain);
  ticket_ = context_.fence.Enter();
  return alone ? Status() : Status(base::Retry("stopping"));
}

}  // namespace app
