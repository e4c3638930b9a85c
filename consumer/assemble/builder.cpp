#include "consumer/assemble/builder.h"

#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "consumer/assemble/read_transaction.h"
#include "consumer/assemble/table_statistics.h"

namespace assemble {
namespace {

using base::Result;
using base::Status;
using schema::DocumentTree;
using schema::Node;

constexpr int kTriesOfAChunk = 5;
constexpr uint32_t kFirstKeys = 500;  // nobody knows yet how large the documents are
constexpr uint32_t kSlicedKeys = 1000;
// Passes over a table take their time, however small the piece is.
constexpr std::chrono::milliseconds kLongScan{15000}, kShortScan{5000};

// Roots are rows, too; a piece of more of them than may be read would be read twice.
BuilderSettings Bounded(BuilderSettings settings) {
  const uint32_t most_rows = settings.reader.most_rows;
  settings.keys_per_chunk = std::min(settings.keys_per_chunk, most_rows);
  settings.climb_keys = std::min<size_t>(settings.climb_keys, most_rows);
  return settings;
}

}  // namespace

Builder::Builder(BuilderSettings settings, const std::vector<DocumentTree>& trees,
                 const base::StopSignal& stop, base::Logger& log, base::Metrics& metrics)
    : settings_(Bounded(std::move(settings))),
      trees_(trees),
      stop_(stop),
      log_(log),
      documents_(metrics.counter("pgsync_build_documents_total", "documents and deletions built")),
      ambiguous_(metrics.counter("pgsync_build_ambiguous_total",
                                 "one_to_one values with several rows, of which one was taken")),
      keys_pace_(std::min(settings_.keys_per_chunk, kFirstKeys), 1, settings_.keys_per_chunk),
      sliced_pace_(std::min(settings_.keys_per_chunk, kFirstKeys), 1,
                   std::min(settings_.keys_per_chunk, kSlicedKeys)) {
  for (int i = 0; i < std::max(1, settings_.connections); ++i) {
    readers_.push_back(std::make_unique<ChunkReader>(settings_.reader, stop, log, metrics));
  }
  strategies_.resize(trees_.size());
  for (const DocumentTree& tree : trees_) statements_.push_back(MakeStatements(tree));
  for (size_t i = 0; i < trees_.size(); ++i) writers_.emplace_back(trees_[i], statements_[i]);
}

Status Builder::Build(Touched* touched, std::span<const uint32_t> xids, const Emit& emit,
                      const std::function<bool()>& pause) {
  for (size_t i = 0; i < trees_.size(); ++i) {
    Touched::Part& part = touched->parts[i];
    if (part.done == part.roots.size()) continue;
    if (auto status = BuildRoots(trees_[i], &part, xids, emit, pause); !status) return status;
    if (part.done < part.roots.size() || (pause && pause())) return {};
  }
  return {};
}

Status Builder::BuildRoots(const DocumentTree& tree, Touched::Part* part,
                           std::span<const uint32_t> xids, const Emit& emit,
                           const std::function<bool()>& pause) {
  const auto cut = [&](size_t begin, size_t end) -> Result<Piece> {
    auto keys = part->roots.Keys(begin, end);
    if (!keys) return keys.error();
    return Piece{begin, end, ArrayParams(*keys)};
  };
  const auto done = [&](const Piece& piece) { part->done = piece.end; };
  auto strategy = StrategyOf(tree);
  if (!strategy) return strategy.error();
  const auto unreadable = [&](const Piece& piece, const std::string& why) -> Status {
    auto keys = part->roots.Keys(piece.begin, piece.begin + 1);
    if (!keys) return keys.error();
    std::vector<std::optional<std::string>> key;
    for (const auto& column : *keys) key.push_back(column.front());
    return EmitUnreadable(tree, key, xids, why, emit);
  };
  // A fan-out must not begin from its start because one of its pieces failed.
  const Pieces pieces{tree,
                      *(*strategy)->choice,
                      statements_[tree.number].root_by_key,
                      cut,
                      done,
                      pause ? sliced_pace_ : keys_pace_,
                      true,
                      kTriesOfAChunk,
                      pause,
                      {},
                      unreadable};
  return BuildPieces(pieces, part->done, part->roots.size(), xids, emit);
}

Result<Builder::Strategy*> Builder::StrategyOf(const DocumentTree& tree, uint32_t cut) {
  Strategy& strategy = strategies_[tree.number];
  if (strategy.choice && (cut == 0 || cut == strategy.cut)) return &strategy;
  const Status chosen = readers_.front()->With([&](pg::Connection& connection) -> Status {
    auto choice = ChooseStrategy(connection, tree, settings_.strategy);
    if (!choice) return std::move(choice).error().While("index " + tree.index);
    strategy = {std::move(*choice), cut, {}};
    return {};
  });
  if (!chosen) return chosen.error();
  return &strategy;
}

Status Builder::BuildRanges(model::LoadRange* range, std::span<const uint32_t> xids,
                            const Emit& emit, const std::function<model::LoadRange*()>& more,
                            const std::function<void(const model::LoadRange&)>& finished) {
  if (range->document >= trees_.size()) {
    return base::Fatal(fmt::format(
        "a load range names document {}, which the schema file does not have", range->document));
  }
  const DocumentTree& tree = trees_[range->document];
  if (!range->by_key) return BuildPages(tree, range, xids, emit, more, finished);
  std::vector<pg::Param> params;
  params.insert(params.end(), range->after_key.begin(), range->after_key.end());
  params.insert(params.end(), range->through_key.begin(), range->through_key.end());
  auto strategy = StrategyOf(tree, range->cut);
  if (!strategy) return strategy.error();
  const NodeStatement& statement =
      statements_[tree.number]
          .root_by_key_range[!range->after_key.empty()][!range->through_key.empty()];
  Status status = BuildChunk(tree, *(*strategy)->choice, statement, params, xids, emit);
  if (!status && status.error().kind == base::ErrorKind::kRejectDocument) {
    status = BuildRootsById(tree,
                            statements_[tree.number].ids_by_key_range[!range->after_key.empty()]
                                                                     [!range->through_key.empty()],
                            params, xids, emit);
  }
  if (!status) return status;
  finished(*range);
  return {};
}

Status Builder::BuildPages(const DocumentTree& tree, model::LoadRange* range,
                           std::span<const uint32_t> xids, const Emit& emit,
                           const std::function<model::LoadRange*()>& more,
                           const std::function<void(const model::LoadRange&)>& finished) {
  std::string heap;
  const Status named = readers_.front()->With([&](pg::Connection& connection) -> Status {
    auto name = HeapName(connection, range->relation);
    if (!name) return name.error();
    heap = std::move(*name);
    return {};
  });
  if (!named) return named;
  // A partition that was dropped or detached meanwhile has no rows.
  if (heap.empty() || range->first_page >= range->end_page) {
    finished(*range);
    return {};
  }
  const auto of_heap = [&](std::string sql) {
    return sql.replace(sql.find(kHeapMark), std::string(kHeapMark).size(), heap);
  };
  NodeStatement statement = statements_[tree.number].root_by_pages;
  statement.sql = of_heap(statement.sql);

  auto strategy = StrategyOf(tree, range->cut);
  if (!strategy) return strategy.error();
  const LoadStrategy& choice = *(*strategy)->choice;
  std::optional<Pace>& pace = (*strategy)->pages_pace;
  if (!pace) {
    const uint32_t pages = std::max(1u, range->end_page - range->first_page);
    if (choice.scans) {
      const double part = static_cast<double>(choice.rows_at_first) / choice.rows_per_chunk;
      pace.emplace(static_cast<uint32_t>(pages * part), 1, pages,
                   Pace::Limits{kLongScan, kShortScan, settings_.strategy.chunk_bytes});
    } else {
      pace.emplace(std::max(1u, pages / 16), 1, pages);
    }
  }
  // The pages of all ranges, counted through.
  struct Part {
    model::LoadRange* range;
    size_t begin, end;
    uint32_t first_page;
    uint32_t Page(size_t at) const { return first_page + static_cast<uint32_t>(at - begin); }
  };
  std::deque<Part> parts;  // those that are not done
  const auto add = [&](model::LoadRange* added, size_t at) {
    const size_t pages = added->end_page - std::min(added->first_page, added->end_page);
    parts.push_back({added, at, at + pages, added->first_page});
    return at + pages;
  };
  const auto cut = [&](size_t begin, size_t end) -> Result<Piece> {
    const auto part =
        std::find_if(parts.begin(), parts.end(), [&](const Part& p) { return begin < p.end; });
    end = std::min(end, part->end);
    return Piece{
        begin,
        end,
        {fmt::format("({},0)", part->Page(begin)), fmt::format("({},0)", part->Page(end))}};
  };
  const auto done = [&](const Piece& piece) {
    Part& part = parts.front();
    part.range->first_page = part.Page(piece.end);
    if (piece.end < part.end) return;
    finished(*part.range);
    parts.pop_front();
  };
  const auto extend = [&](size_t end) {
    model::LoadRange* next = more ? more() : nullptr;
    return next == nullptr ? end : add(next, end);
  };
  const auto unreadable = [&](const Piece& piece, const std::string&) {
    return BuildRootsById(tree, of_heap(statements_[tree.number].ids_by_pages), piece.params, xids,
                          emit);
  };
  const Pieces pieces{tree, choice, statement, cut, done, *pace, false, 0, {}, extend, unreadable};
  return BuildPieces(pieces, 0, add(range, 0), xids, emit);
}

Result<std::string> Builder::HeapName(pg::Connection& connection, uint32_t relation) {
  const auto known = heap_names_.find(relation);
  if (known != heap_names_.end()) return known->second;
  const pg::Param oid = std::to_string(relation);
  auto rows = connection.Query(
      "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c "
      "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid",
      std::span(&oid, 1));
  if (!rows) return rows.error();
  std::string name = rows->size() == 0 ? "" : std::string(rows->Cell(0, 0));
  heap_names_.emplace(relation, name);
  return name;
}

void Builder::CountAmbiguous(const DocumentTree& tree, const Node& node, uint32_t groups) {
  if (groups == 0 || node.IsArray()) return;
  ambiguous_.Add(groups);
  if (!ambiguous_nodes_.insert(&node).second) return;
  log_.Warning(
      "assemble",
      fmt::format("index {}: \"{}\" is one_to_one, but {} has several rows for one parent; "
                  "the first by order_by or primary key is taken. Counted in "
                  "pgsync_build_ambiguous_total, and not logged again",
                  tree.index, node.label, schema::ToString(node.table)));
}

Status Builder::EmitChunk(const DocumentTree& tree, const Chunk& chunk, const Emit& emit) {
  for (const Node& node : tree.nodes) {
    CountAmbiguous(tree, node, chunk.rows.levels[node.id].groups_of_several);
  }
  model::BulkRequest request;
  const int roots = chunk.rows.levels[0].rows.size();
  for (int row = 0; row < roots; ++row) {
    if (auto s = writers_[tree.number].Append(chunk.rows, row, chunk.version, &request); !s) {
      return s;
    }
    if (request.body.size() < settings_.bulk_bytes && row + 1 < roots) continue;
    documents_.Add(request.items.size());
    if (auto s = emit({std::exchange(request, {}), chunk.read_at}); !s) return s;
  }
  return {};
}

}  // namespace assemble
