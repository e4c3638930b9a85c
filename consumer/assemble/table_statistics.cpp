#include "consumer/assemble/table_statistics.h"

#include <charconv>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace assemble {
namespace {

using base::Result;
using schema::DocumentTree;
using schema::Node;
using schema::TableName;

// Of each table, by its place in $1: its kind, and pages and rows of all heaps under it. A table
// that was never analyzed is taken for 100 rows a page, as by LoadPlan.
constexpr char kSizes[] = R"(
WITH RECURSIVE named AS (
  SELECT ord, to_regclass(name)::oid AS oid FROM unnest($1::text[]) WITH ORDINALITY AS n(name, ord)),
heap AS (
  SELECT ord, oid FROM named UNION ALL SELECT h.ord, i.inhrelid FROM pg_inherits i JOIN heap h ON i.inhparent = h.oid),
sized AS (
  SELECT h.ord, c.reltuples, c.relpages, CASE WHEN c.relkind IN ('r', 'm')
         THEN pg_relation_size(c.oid) / current_setting('block_size')::int8 ELSE 0 END AS pages
  FROM heap h JOIN pg_class c ON c.oid = h.oid)
SELECT n.ord, c.relkind, sum(s.pages)::int8,
       sum(CASE WHEN s.reltuples >= 0 AND s.relpages > 0 THEN s.reltuples / s.relpages * s.pages
                ELSE s.pages * 100 END)::int8
FROM named n JOIN pg_class c ON c.oid = n.oid JOIN sized s ON s.ord = n.ord GROUP BY n.ord, c.relkind)";

// One row per key column of each index that finds rows by equality.
constexpr char kIndexes[] = R"(
SELECT n.ord, i.relname, a.attname
FROM unnest($1::text[]) WITH ORDINALITY AS n(name, ord)
JOIN pg_index x ON x.indrelid = to_regclass(n.name)::oid JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_am m ON m.oid = i.relam CROSS JOIN generate_series(0, x.indnkeyatts - 1) AS g(at)
LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[g.at] AND a.attnum > 0
WHERE x.indisvalid AND x.indpred IS NULL AND m.amname IN ('btree', 'hash')
ORDER BY n.ord, i.relname, g.at)";

uint64_t Number(const pg::Rows& rows, int row, int column) {
  const std::string_view cell = rows.Cell(row, column);
  uint64_t value = 0;
  std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return value;
}

}  // namespace

Result<Statistics> ReadStatistics(pg::Connection& connection, const DocumentTree& tree) {
  std::set<TableName> named;
  for (const Node& node : tree.nodes) {
    named.insert(node.table);
    if (node.junction) named.insert(node.junction->table);
  }
  const std::vector<TableName> tables(named.begin(), named.end());
  std::vector<std::string> names;
  for (const TableName& table : tables) names.push_back(schema::Quoted(table));
  const pg::Param param = pg::ArrayLiteral(names);

  Statistics statistics;
  auto sizes = connection.Query(kSizes, std::span(&param, 1));
  if (!sizes) return std::move(sizes).error().While("reading the sizes of tables");
  for (int row = 0; row < sizes->size(); ++row) {
    TableStatistics& table = statistics[tables[Number(*sizes, row, 0) - 1]];
    table.kind = sizes->Cell(row, 1).empty() ? '?' : sizes->Cell(row, 1)[0];
    table.pages = Number(*sizes, row, 2);
    table.rows = Number(*sizes, row, 3);
  }
  auto indexes = connection.Query(kIndexes, std::span(&param, 1));
  if (!indexes) return std::move(indexes).error().While("reading the indexes of tables");
  for (int row = 0; row < indexes->size(); ++row) {
    auto& known = statistics[tables[Number(*indexes, row, 0) - 1]].indexes;
    const std::string name(indexes->Cell(row, 1));
    if (known.empty() || known.back().name != name) known.push_back({name, {}});
    known.back().columns.emplace_back(indexes->Cell(row, 2));
  }
  return statistics;
}

Result<LoadStrategy> ChooseStrategy(pg::Connection& connection, const DocumentTree& tree,
                                    const StrategyLimits& limits) {
  auto statistics = ReadStatistics(connection, tree);
  if (!statistics) return statistics.error();
  return ChooseStrategy(tree, *statistics, limits);
}

}  // namespace assemble
