#include "consumer/assemble/load_strategy.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace assemble {
namespace {

using schema::DocumentTree;
using schema::Node;
using schema::TableName;

// In microseconds, of a server that has the table in its buffers: what a pass costs per page and
// row, and what the rest of a document costs per row of it. Measured with 1,000,000 reviews on
// 13,334 pages: 150 ms a pass; documents of 8 rows: 20 us.
constexpr double kPageUs = 4, kScannedRowUs = 0.1, kBuiltRowUs = 2.5;
// The passes may take this part of the time that the rest takes.
constexpr double kScanShare = 0.2;
// libpq keeps 16 bytes for every cell, beside its bytes.
constexpr double kCellBytes = 24;
// Tuples being sorted, beside their bytes.
constexpr double kSortRowBytes = 80;
constexpr uint32_t kMostSortKilobytes = 64 * 1024;
constexpr double kMostRoots = 1e6;
// Of rows that a parent has where nobody knows how many parents there are.
constexpr double kUsualRows = 5;
constexpr size_t kAllScannedBytes = 144u << 20;

const TableStatistics* Find(const Statistics& statistics, const TableName& table) {
  const auto found = statistics.find(table);
  if (found == statistics.end()) return nullptr;
  const char kind = found->second.kind;
  return kind == 'r' || kind == 'p' || kind == 'm' ? &found->second : nullptr;
}

// An index that begins with one of the columns: the rest is compared row by row.
const TableStatistics::Index* UsableIndex(const TableStatistics& table,
                                          const std::vector<std::string>& columns) {
  const TableStatistics::Index* best = nullptr;
  size_t best_length = 0;
  for (const TableStatistics::Index& index : table.indexes) {
    size_t length = 0;
    while (length < index.columns.size() &&
           std::find(columns.begin(), columns.end(), index.columns[length]) != columns.end()) {
      ++length;
    }
    if (length > best_length) best = &index;
    best_length = std::max(best_length, length);
  }
  return best;
}

double ScanUs(const TableStatistics& table) {
  return kPageUs * static_cast<double>(table.pages) +
         kScannedRowUs * static_cast<double>(table.rows);
}

double RowBytes(const TableStatistics* table, size_t columns) {
  const double cells = kCellBytes * static_cast<double>(columns);
  if (table == nullptr || table->rows == 0) return cells + 100;
  return cells + 8192.0 * static_cast<double>(table->pages) / static_cast<double>(table->rows);
}

// What has been added up over the levels.
struct Costs {
  double scan_us = 0;
  double rows_per_root = 1;  // of all levels, the root's own one included
  double bytes_per_root = 0;
  // Of the largest scanned level.
  double scanned_rows_per_root = 0, scanned_row_bytes = 0, sort_bytes_per_root = 0;
};

// One step along a link: by an index, or by a pass.
void Step(const Statistics& statistics, const TableName& table,
          const std::vector<std::string>& columns, LevelStrategy* level, Costs* costs) {
  const auto say = [&](const std::string& text) {
    level->reason += (level->reason.empty() ? "" : "; ") + text;
  };
  const TableStatistics* known = Find(statistics, table);
  if (known == nullptr) return say(schema::ToString(table) + " is read as its own query is");
  if (const auto* index = UsableIndex(*known, columns)) return say("index " + index->name);
  level->scanned = true;
  level->scanned_rows += known->rows;
  costs->scan_us += ScanUs(*known);
  say(fmt::format("no index on {} ({})", schema::ToString(table), fmt::join(columns, ", ")));
}

// `roots`: 0 = unknown.
void AddLevel(const Node& node, const Statistics& statistics, double roots, LoadStrategy* strategy,
              Costs* costs) {
  LevelStrategy& level = strategy->levels[node.id];
  if (node.junction) {
    Step(statistics, node.junction->table, node.junction->to_parent.lower, &level, costs);
    Step(statistics, node.table, node.junction->to_child.lower, &level, costs);
  } else {
    Step(statistics, node.table, node.link.lower, &level, costs);
  }
  // A level has as many rows as the table that links to the parents: all of it, over all roots, or,
  // where parents share rows, one for each parent at most.
  const double above =
      node.parent > 0 ? strategy->levels[static_cast<size_t>(node.parent)].rows_per_root : 1;
  const TableStatistics* linked =
      Find(statistics, node.junction ? node.junction->table : node.table);
  double rows = linked != nullptr && roots > 0 ? static_cast<double>(linked->rows) / roots
                                               : above * (node.IsArray() ? kUsualRows : 1);
  if (!node.IsArray()) rows = std::min(rows, above);
  if (node.limit > 0) rows = std::min(rows, above * node.limit);
  level.rows_per_root = rows;
  const TableStatistics* table = Find(statistics, node.table);
  const double row_bytes = RowBytes(table, node.columns.size() + 1);
  costs->rows_per_root += rows;
  costs->bytes_per_root += rows * row_bytes;
  if (level.scanned && rows > costs->scanned_rows_per_root) {
    costs->scanned_rows_per_root = rows;
    costs->scanned_row_bytes = row_bytes;
    costs->sort_bytes_per_root = rows * (kSortRowBytes + RowBytes(table, 0));
  }
}

}  // namespace

// One chunk is being read while one is written, by every worker.
size_t ScannedChunkBytes(int workers) {
  return kAllScannedBytes / (2 * static_cast<size_t>(std::max(1, workers)));
}

LoadStrategy ChooseStrategy(const DocumentTree& tree, const Statistics& statistics,
                            const StrategyLimits& limits) {
  LoadStrategy strategy;
  strategy.levels.resize(tree.nodes.size());
  strategy.rows_per_chunk = limits.rows_per_chunk;
  strategy.rows_at_first = limits.rows_per_chunk;
  const Node& root = tree.nodes[0];
  const TableStatistics* root_table = Find(statistics, root.table);
  const double roots = root_table == nullptr ? 0 : static_cast<double>(root_table->rows);
  Costs costs;
  costs.bytes_per_root = RowBytes(root_table, root.columns.size() + 2);
  for (size_t i = 1; i < tree.nodes.size(); ++i) {
    AddLevel(tree.nodes[i], statistics, roots, &strategy, &costs);
  }
  strategy.scans = std::any_of(strategy.levels.begin(), strategy.levels.end(),
                               [](const LevelStrategy& level) { return level.scanned; });
  if (!strategy.scans) return strategy;

  // So many that the passes are a small part, as far as they fit.
  const double wanted = costs.scan_us / (kScanShare * kBuiltRowUs * costs.rows_per_root);
  const auto chunk_bytes = static_cast<double>(limits.chunk_bytes);
  const double fitting = chunk_bytes / costs.bytes_per_root;
  const double chunk =
      std::max<double>(std::min({wanted, fitting, kMostRoots}), limits.rows_per_chunk);
  const double first = std::clamp<double>(fitting, 1, chunk);
  strategy.rows_per_chunk = static_cast<uint32_t>(std::ceil(chunk));
  strategy.rows_at_first = static_cast<uint32_t>(first);
  strategy.most_chunk_bytes = std::max(strategy.most_chunk_bytes, 2 * limits.chunk_bytes);
  strategy.most_level_rows = static_cast<uint32_t>(
      std::max<double>(strategy.most_level_rows,
                       std::min(3 * first * costs.scanned_rows_per_root,
                                2 * chunk_bytes / std::max(1.0, costs.scanned_row_bytes))));
  strategy.sort_kilobytes = static_cast<uint32_t>(
      std::clamp<double>(1.5 * first * costs.sort_bytes_per_root / 1024, 4096, kMostSortKilobytes));
  return strategy;
}

}  // namespace assemble
