#include "consumer/app/loader.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "consumer/assemble/table_statistics.h"
#include "consumer/assemble/view_refresh.h"
#include "consumer/base/backoff.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

using base::ErrorKind;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

constexpr milliseconds kPoll{20};

// Chunks that are put and not stored as done: what a kill makes us do again. Some wait to be
// stored, and every worker has one that it writes and two that it reads, and looks for the next.
constexpr uint32_t kUnstoredChunks = 16;
constexpr uint32_t kChunksOfWorker = 4;
// Of workers in other processes the producer knows nothing.
constexpr uint32_t kForeignWorkers = 64;

uint32_t MostInFlight(const PipelineSettings& settings) {
  const uint32_t workers =
      settings.role == Role::kProducer ? kForeignWorkers : static_cast<uint32_t>(settings.workers);
  return kUnstoredChunks + kChunksOfWorker * workers;
}

// The planner's estimate of the root's rows; 0: it has none.
Result<uint64_t> ExpectedDocuments(pg::Connection& connection, const schema::DocumentTree& tree) {
  const pg::Param name = schema::Quoted(tree.nodes[0].table);
  auto rows = connection.Query(
      "WITH RECURSIVE heap(oid) AS (SELECT to_regclass($1)::oid UNION ALL"
      "  SELECT i.inhrelid FROM pg_inherits i JOIN heap h ON i.inhparent = h.oid)"
      "SELECT coalesce(sum(c.reltuples) FILTER (WHERE c.reltuples > 0 AND c.relkind <> 'p'), 0)"
      "::int8 FROM heap JOIN pg_class c ON c.oid = heap.oid",
      std::span(&name, 1));
  if (!rows) return std::move(rows).error().While("estimating the size of a table");
  return static_cast<uint64_t>(std::atoll(std::string(rows->Cell(0, 0)).c_str()));
}

}  // namespace

Loader::Loader(PipelineContext context, std::function<uint64_t()> generation)
    : context_(std::move(context)),
      generation_(std::move(generation)),
      limit_(context_.settings.load_rate, std::chrono::steady_clock::now()) {}

void Loader::Run() {
  base::Backoff backoff(milliseconds(100), milliseconds(10000));
  for (const schema::DocumentTree& tree : context_.trees) {
    if (!context_.board.Wanted(tree.number)) continue;
    while (!context_.drain.Requested() && !context_.board.Progress(tree.number).complete) {
      Status loaded = LoadDocument(tree);
      if (loaded) continue;
      if (loaded.error().kind != ErrorKind::kReconnect &&
          loaded.error().kind != ErrorKind::kRetry) {
        context_.fail(std::move(loaded).error());
        return;
      }
      context_.log.Warning("load", loaded.error().message + "; trying again");
      context_.drain.WaitFor(backoff.Next());
    }
  }
}

// One try: puts all unfinished ranges and waits for them. Returns early, to be called again, when
// the queue was lost.
Status Loader::LoadDocument(const schema::DocumentTree& tree) {
  const uint64_t generation = generation_();
  if (generation == 0) {  // the queue is not open yet
    context_.drain.WaitFor(kPoll);
    return {};
  }
  auto connection = pg::Connection::Open(context_.settings.postgres, context_.settings.database);
  if (!connection) return connection.error();

  // What is asked of this session cannot be asked in smaller pieces, whatever a role may be
  // allowed.
  if (auto lifted = connection->Query("SET statement_timeout = 0"); !lifted) return lifted.error();

  const auto views = assemble::RefreshedViews(std::span(&tree, 1));
  if (auto refreshed = assemble::Refresh(*connection, views); !refreshed) return refreshed;

  const std::string stored = context_.board.Progress(tree.number).plan;
  std::optional<assemble::LoadPlan> plan;
  if (!stored.empty()) {
    auto restored = assemble::LoadPlan::Restore(*connection, tree, stored);
    if (!restored) return restored.error();
    plan = std::move(*restored);
    if (!plan) {
      context_.log.Warning(
          "load", fmt::format("index {}: {} was rewritten since the load began; it begins again",
                              tree.Place(), schema::ToString(tree.nodes[0].table)));
    }
  }
  if (!plan) {
    auto strategy =
        assemble::ChooseStrategy(*connection, tree, StrategyLimitsOf(context_.settings));
    if (!strategy) return strategy.error();
    auto made = assemble::LoadPlan::Make(*connection, tree, strategy->rows_per_chunk);
    if (!made) return made.error();
    plan = std::move(*made);
  }
  const uint32_t cut =
      context_.board.SetPlan(tree.number, plan->ToText(), plan->Chunks(), plan->ByKey());
  auto expected = ExpectedDocuments(*connection, tree);
  if (!expected) return expected.error();
  context_.board.SetExpected(tree.number, *expected);
  const auto progress = context_.board.Progress(tree.number);
  begun_with_ = context_.board.DoneChunks(tree.number);
  put_ = 0;
  context_.log.Info(
      "load",
      fmt::format(
          "index {}: loading {}{}", tree.Place(), schema::ToString(tree.nodes[0].table),
          progress.done_below > 0 ? fmt::format(", from chunk {} on", progress.done_below) : ""));
  if (auto status = context_.producer.ClearLoad(); !status) return status;
  const Status put = plan->ByKey() ? PutKeys(*connection, tree, *plan, cut, generation)
                                   : PutPages(tree, *plan, cut, generation);
  if (!put) return put;

  while (!context_.board.WaitAllDone(tree.number, milliseconds(100))) {
    if (context_.drain.Requested() || generation_() != generation) return {};
  }
  auto holds = plan->Holds(*connection, tree);
  if (!holds) return holds.error();
  if (!*holds) return {};  // the next try finds the same, says so and begins again
  if (const uint64_t below = progress.sweep_below; below > 0) {
    if (!context_.fence.WaitForEarlier(context_.drain)) return {};
    auto swept = context_.target.Sweep(tree, below);
    if (!swept) return swept.error();
    context_.log.Info("load",
                      fmt::format("index {}: {} documents deleted that the tables no longer have",
                                  tree.Place(), *swept));
  }
  if (auto ended = context_.target.EndLoad(tree); !ended) return ended;
  auto end = source::CurrentWalLsn(*connection);
  if (!end) return end.error();
  context_.board.SetComplete(tree.number, *end);
  context_.log.Info("load", fmt::format("index {}: loaded, {} documents", tree.Place(),
                                        context_.board.Progress(tree.number).documents));
  return {};
}

Status Loader::PutPages(const schema::DocumentTree& tree, const assemble::LoadPlan& plan,
                        uint32_t cut, uint64_t generation) {
  for (uint32_t chunk = context_.board.NextUnfinished(tree.number, 0); chunk < plan.Chunks();
       chunk = context_.board.NextUnfinished(tree.number, chunk + 1)) {
    model::LoadRange range = plan.Range(tree.number, chunk);
    range.cut = cut;
    auto added = Put(range, generation);
    if (!added) return added.error();
    if (!*added) return {};
  }
  return {};
}

Status Loader::PutKeys(pg::Connection& connection, const schema::DocumentTree& tree,
                       const assemble::LoadPlan& plan, uint32_t cut, uint64_t generation) {
  const model::LoadProgress progress = context_.board.Progress(tree.number);
  std::vector<std::string> after = KeyFromJson(progress.last_key_json);
  uint32_t chunk = progress.done_below;
  // Nobody knows how many chunks there will be; until the last one is cut the load is never "all
  // done".
  context_.board.SetChunks(tree.number, UINT32_MAX);
  while (true) {
    auto range = plan.NextKeyRange(connection, tree, chunk, after);
    if (!range) return range.error();
    range->cut = cut;
    const bool last = range->through_key.empty();
    auto added = Put(*range, generation);
    if (!added) return added.error();
    if (!*added) return {};
    ++chunk;
    if (last) break;
    after = range->through_key;
  }
  context_.board.SetChunks(tree.number, chunk);
  return {};
}

bool Loader::MayPut(uint32_t document) {
  const uint32_t stored = context_.board.StoredChunks(document);
  const uint32_t in_flight = begun_with_ + put_ - std::min(stored, begun_with_ + put_);
  if (in_flight >= MostInFlight(context_.settings)) return false;
  const model::LoadProgress progress = context_.board.Progress(document);
  const uint32_t done = context_.board.DoneChunks(document);
  // What the chunks had so far; before the first one is done, what the plan aims at.
  const double documents = done > 0 ? static_cast<double>(progress.documents) / done
                                    : static_cast<double>(RowsPerChunk(context_.settings));
  return limit_.TryTake(documents, std::chrono::steady_clock::now());
}

Result<bool> Loader::Put(const model::LoadRange& range, uint64_t generation) {
  model::Batch batch;
  batch.ranges.push_back(range);
  bool may_put = false;
  while (!context_.drain.Requested() && generation_() == generation) {
    if (!may_put && !(may_put = MayPut(range.document))) {
      context_.drain.WaitFor(kPoll);
      continue;
    }
    auto added = context_.producer.TryAdd(queue::Lane::kLoad, batch);
    if (added && *added) {
      ++put_;
      return true;
    }
    // kReconnect: the stream's thread opens the queue again, and that changes the generation.
    if (!added && added.error().kind != ErrorKind::kRetry &&
        added.error().kind != ErrorKind::kReconnect) {
      return added.error();
    }
    context_.drain.WaitFor(kPoll);
  }
  return false;
}

}  // namespace app
