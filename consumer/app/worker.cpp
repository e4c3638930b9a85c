#include "consumer/app/worker.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "consumer/assemble/document_lookup.h"
#include "consumer/assemble/load_plan.h"
#include "consumer/assemble/table_statistics.h"
#include "consumer/assemble/view_refresh.h"
#include "consumer/base/backoff.h"
#include "consumer/base/crash_point.h"

namespace app {
namespace {

using base::ErrorKind;
using base::Status;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTakeWait{200};
// So many at once; then the worker takes nothing new, and the queue holds up the stream.
constexpr size_t kMostFanOuts = 8;
// How long ranges of the load are built one after the other before the worker looks at the queue.
constexpr std::chrono::seconds kLoadTime{2};
// Of which the log tells.
constexpr size_t kLargeFanOut = 100'000;
// Half of the engines' index.gc_deletes, for which they remember the versions of deleted documents
// (design D3).
constexpr std::chrono::seconds kStale{30};

assemble::BuilderSettings BuilderSettingsOf(const PipelineSettings& settings) {
  assemble::BuilderSettings made;
  made.reader.postgres = settings.postgres;
  made.reader.database = settings.database;
  made.reader.work_mem = settings.work_mem;
  if (settings.rows_per_fetch > 0) made.reader.most_rows = settings.rows_per_fetch;
  made.keys_per_chunk = settings.keys_per_chunk;
  made.bulk_bytes = settings.bulk_bytes;
  made.strategy = StrategyLimitsOf(settings);
  made.roots.directory = settings.spool.directory;
  made.climb_keys = settings.developer.climb_keys;
  return made;
}

bool Passing(const base::Error& error) {
  return error.kind == ErrorKind::kRetry || error.kind == ErrorKind::kReconnect;
}

}  // namespace

Worker::Worker(PipelineContext context, const std::string& name, const std::string& mark)
    : context_(std::move(context)),
      consumer_(context_.queue.NewConsumer(name, mark)),
      builder_(BuilderSettingsOf(context_.settings), context_.trees, context_.drain, context_.log,
               context_.metrics),
      writer_(context_.target.NewWriter()),
      batch_time_(context_.metrics.histogram(
          "pgsync_batch_seconds", "time from taking entries to their documents being durable")),
      fan_outs_total_(context_.metrics.counter(
          "pgsync_fan_outs_total", "batches that touched so many documents that they were sliced")),
      fan_out_left_(context_.metrics.gauge("pgsync_fan_out_documents",
                                           "documents that sliced batches have yet to build")) {}

void Worker::Run() {
  base::Backoff backoff(milliseconds(50), milliseconds(5000));
  while (!context_.drain.Requested()) {
    std::vector<queue::Entry> entries = std::exchange(set_aside_, {});
    if (entries.empty() && fan_outs_.size() < kMostFanOuts) {
      auto taken =
          consumer_->Take(context_.settings.developer.take_bytes,
                          fan_outs_.empty() ? Nap(context_.settings, kTakeWait) : milliseconds(0));
      if (!taken) {
        // Lost or unreachable: the producer sees the same and starts again from the slot.
        if (!Passing(taken.error())) return context_.fail(std::move(taken).error());
        context_.drain.WaitFor(backoff.Next());
        continue;
      }
      entries = std::move(*taken);
      backoff.Reset();
    }
    if (!entries.empty() && entries.front().lane == queue::Lane::kLoad) {
      std::move(entries.begin(), entries.end(), std::back_inserter(load_));
      if (!Try([&] { return BuildLoad(); })) return;
    } else if (!entries.empty()) {
      const auto taken = steady_clock::now();
      std::optional<FanOut> left;
      if (!Try([&] { return Process(&entries, &left); })) return;
      if (left) {
        left->entries = std::move(entries);
        left->taken = taken;
        fan_outs_.push_back(std::move(*left));
      } else {
        Finish(entries, taken);
      }
    }
    if (fan_outs_.empty()) continue;
    // One slice of each in turn.
    FanOut fan_out = std::move(fan_outs_.front());
    fan_outs_.pop_front();
    if (!Try([&] { return BuildSlice(&fan_out); })) return;
    if (fan_out.touched.Left() == 0) {
      Finish(fan_out.entries, fan_out.taken);
    } else {
      fan_outs_.push_back(std::move(fan_out));
    }
  }
}

bool Worker::Try(const std::function<Status()>& work) {
  base::Backoff backoff(milliseconds(50), milliseconds(5000));
  bool warned = false;
  while (true) {
    ticket_ = context_.fence.Enter();
    Status done = work();
    context_.fence.Leave(ticket_);
    if (done) return true;
    if (!Passing(done.error())) {
      context_.fail(std::move(done).error());
      return false;
    }
    if (context_.drain.Requested()) return false;
    if (!std::exchange(warned, true)) {
      context_.log.Warning("worker", done.error().message + "; trying again");
    }
    if (context_.drain.WaitFor(backoff.Next())) return false;
  }
}

void Worker::Finish(const std::vector<queue::Entry>& entries, steady_clock::time_point taken) {
  batch_time_.Observe(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - taken).count()));
  // When this fails the entries come again, and building them twice does no harm.
  if (auto status = consumer_->Done(entries); !status && !Passing(status.error())) {
    context_.fail(std::move(status).error());
  }
  PGSYNC_CRASH_POINT("xack");
}

Status Worker::BuildSlice(FanOut* fan_out) {
  const auto end = steady_clock::now() + context_.settings.developer.slice;
  const size_t before = fan_out->touched.Left();
  const Status built = builder_.Build(
      &fan_out->touched, fan_out->xids,
      [&](assemble::Built documents) { return Write(std::move(documents), fan_out->lsn); },
      [&] { return steady_clock::now() > end; });
  fan_out_left_.Add(-static_cast<int64_t>(before - fan_out->touched.Left()));
  return built;
}

// Builds the ranges in hand, and takes more for some time while nothing else waits: between two
// ranges neither server nor worker should be idle. Ranges shrink as their parts are done: when this
// is called again after an error, only the rest is built.
Status Worker::BuildLoad() {
  const auto until = steady_clock::now() + kLoadTime;
  uint64_t documents = 0;
  auto taken = steady_clock::now();
  const auto emit = [&](assemble::Built built) {
    documents += built.request.items.size();
    return Write(std::move(built), {});
  };
  const auto more = [&]() -> model::LoadRange* {
    if (!set_aside_.empty() || !fan_outs_.empty() || steady_clock::now() > until) return nullptr;
    auto next = consumer_->Take(context_.settings.developer.take_bytes, milliseconds(0));
    if (!next || next->empty()) return nullptr;
    const model::LoadRange& last = load_.back().batch.ranges.back();
    model::Batch& batch = next->front().batch;
    const bool follows = next->size() == 1 && batch.ranges.size() == 1 &&
                         batch.ranges[0].document == last.document && !batch.ranges[0].by_key &&
                         batch.ranges[0].relation == last.relation &&
                         batch.ranges[0].first_page < batch.ranges[0].end_page;
    if (!follows) {
      set_aside_ = std::move(*next);
      return nullptr;
    }
    load_.push_back(std::move(next->front()));
    return &load_.back().batch.ranges[0];
  };
  const auto finished = [&](const model::LoadRange& range) {
    const uint64_t loaded = std::exchange(documents, 0);
    bool told = true;
    if (context_.settings.role == Role::kWorker) {
      told = consumer_->ReportLoaded({range, loaded}).ok();
    } else {
      context_.board.MarkDone(range, loaded);
    }
    std::vector<model::LoadRange>& ranges = load_.front().batch.ranges;
    ranges.erase(ranges.begin());
    if (!ranges.empty()) return;
    // What the producer was not told of comes again with its entry.
    if (told) Finish({load_.front()}, taken);
    taken = steady_clock::now();
    load_.pop_front();
  };
  while (!load_.empty()) {
    model::LoadRange& range = load_.front().batch.ranges.front();
    if (auto built = builder_.BuildRanges(&range, {}, emit, more, finished); !built) return built;
  }
  return {};
}

Status Worker::Process(std::vector<queue::Entry>* entries, std::optional<FanOut>* left) {
  if (*left) {  // of a try before
    fan_out_left_.Add(-static_cast<int64_t>((*left)->touched.Left()));
    left->reset();
  }
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
  std::vector<assemble::KnownRoot> holders;
  if (auto status = FindHolders(&touches, xids, &holders); !status) return status;
  if (!touches.empty() || !holders.empty()) {
    auto touched = builder_.Resolve(std::move(touches), xids, std::move(holders));
    if (!touched) return touched.error();
    const size_t roots = touched->Left();
    FanOut work{{}, std::move(*touched), xids, lsn, {}};
    fan_out_left_.Add(static_cast<int64_t>(roots));
    if (auto status = BuildSlice(&work); !status) {
      fan_out_left_.Add(-static_cast<int64_t>(work.touched.Left()));
      return status;
    }
    if (work.touched.Left() > 0) {
      fan_outs_total_.Add();
      if (roots >= kLargeFanOut) {
        context_.log.Info("worker", fmt::format("changes up to {} touch {} documents",
                                                base::ToString(lsn), roots));
      }
      *left = std::move(work);
    }
  }
  std::sort(rebuilds.begin(), rebuilds.end(),
            std::greater<>());  // of two for one document, the one that sweeps comes first
  rebuilds.erase(std::unique(rebuilds.begin(), rebuilds.end(),
                             [](const auto& a, const auto& b) { return a.document == b.document; }),
                 rebuilds.end());
  for (const model::Rebuild& rebuild : rebuilds) {
    if (auto status = RebuildAll(rebuild, xids); !status) return status;
  }
  return {};
}

// Takes the touches that only the target can answer out of `touches`. A document that a build under
// way is about to write may hold a row, too, and is waited for; builds from now on see the change.
Status Worker::FindHolders(std::vector<model::Touch>* touches, std::span<const uint32_t> xids,
                           std::vector<assemble::KnownRoot>* holders) {
  std::map<uint32_t, std::vector<std::string>> names;  // by document
  std::erase_if(*touches, [&](const model::Touch& touch) {
    const schema::EntryPoint& entry = context_.trees[touch.document].entries[touch.entry];
    if (entry.via != schema::EntryPoint::Via::kLookup) return false;
    std::vector<std::string_view> key;
    for (const auto& value : touch.values) key.push_back(*value);
    names[touch.document].push_back(assemble::HeldName(entry, key));
    return true;
  });
  if (names.empty()) return {};
  if (auto visible = builder_.VersionNow(xids); !visible) return visible.error();
  if (auto status = WaitForEarlierBuilds(); !status) return status;
  for (auto& [document, held] : names) {
    std::sort(held.begin(), held.end());
    held.erase(std::unique(held.begin(), held.end()), held.end());
    auto found = context_.target.Holders(context_.trees[document], held);
    if (!found) return found.error();
    for (auto& key : *found) holders->push_back({document, std::move(key)});
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
  if (auto visible = builder_.VersionNow(xids); !visible) return visible.error();
  auto connection = pg::Connection::Open(context_.settings.postgres, context_.settings.database);
  if (!connection) return connection.error();
  const auto views = assemble::RefreshedViews(std::span(&tree, 1));
  if (auto refreshed = assemble::Refresh(*connection, views); !refreshed) return refreshed;
  // After the refresh: until then others build from what the view held before.
  auto version = builder_.VersionNow(xids);
  if (!version) return version.error();
  auto strategy = assemble::ChooseStrategy(*connection, tree, StrategyLimitsOf(context_.settings));
  if (!strategy) return strategy.error();
  auto plan = assemble::LoadPlan::Make(*connection, tree, strategy->rows_per_chunk);
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
  PGSYNC_CRASH_POINT("fetch");
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
