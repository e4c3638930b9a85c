#include "consumer/assemble/load_plan.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "consumer/assemble/statements.h"

namespace assemble {
namespace {

using base::Result;

// The heaps under a table: itself, or its partitions and inheritance children, with their size and
// density. Row counts are the planner's; a table that was never analyzed is taken for 100 rows a
// page.
constexpr char kHeaps[] = R"(
WITH RECURSIVE heap(oid) AS (
  SELECT to_regclass($1)::oid UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN heap h ON i.inhparent = h.oid)
SELECT c.oid, c.relkind, pg_relation_filenode(c.oid),
       pg_relation_size(c.oid) / current_setting('block_size')::int8,
       CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN ceil(c.reltuples / c.relpages)::int8 ELSE 100 END
FROM heap JOIN pg_class c ON c.oid = heap.oid ORDER BY c.oid)";

template <typename Number>
bool Take(std::string_view* text, Number* value) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *value);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool TakeText(std::string_view* text, std::string_view wanted) {
  if (!text->starts_with(wanted)) return false;
  text->remove_prefix(wanted.size());
  return true;
}

template <typename Number>
Number CellNumber(const pg::Rows& rows, int row, int column) {
  std::string_view cell = rows.Cell(row, column);
  Number value = 0;
  Take(&cell, &value);
  return value;
}

uint32_t ChunksOf(const HeapPart& heap, uint32_t step) { return (heap.pages + step - 1) / step; }

struct Heaps {
  std::vector<HeapPart> parts;
  // False: a view, a foreign table, or one among the partitions; or a materialized view, whose
  // pages every refresh writes anew.
  bool all_heaps = true;
  uint64_t rows_per_page = 1;
};

Result<Heaps> ReadHeaps(pg::Connection& connection, const schema::DocumentTree& tree) {
  const pg::Param name = schema::Quoted(tree.nodes[0].table);
  auto rows = connection.Query(kHeaps, std::span(&name, 1));
  if (!rows) {
    return std::move(rows).error().While("planning the load of " +
                                         schema::ToString(tree.nodes[0].table));
  }
  Heaps heaps;
  for (int row = 0; row < rows->size(); ++row) {
    const char kind = rows->Cell(row, 1).empty() ? '?' : rows->Cell(row, 1)[0];
    if (kind == 'p') continue;  // holds no rows itself
    if (kind != 'r') heaps.all_heaps = false;
    heaps.parts.push_back({CellNumber<uint32_t>(*rows, row, 0), CellNumber<uint32_t>(*rows, row, 2),
                           CellNumber<uint32_t>(*rows, row, 3)});
    heaps.rows_per_page = std::max(heaps.rows_per_page, CellNumber<uint64_t>(*rows, row, 4));
  }
  return heaps;
}

}  // namespace

Result<LoadPlan> LoadPlan::Make(pg::Connection& connection, const schema::DocumentTree& tree,
                                uint32_t rows_per_chunk) {
  auto heaps = ReadHeaps(connection, tree);
  if (!heaps) return heaps.error();
  LoadPlan plan;
  plan.by_key_ = !heaps->all_heaps;
  if (plan.by_key_) {
    plan.step_ = rows_per_chunk;
  } else {
    plan.step_ =
        static_cast<uint32_t>(std::max<uint64_t>(1, rows_per_chunk / heaps->rows_per_page));
    plan.heaps_ = std::move(heaps->parts);
  }
  return plan;
}

// plan := "pages/" step (" " relation "/" file_node "/" pages)*  |  "key/" step
std::string LoadPlan::ToText() const {
  if (by_key_) return fmt::format("key/{}", step_);
  std::string text = fmt::format("pages/{}", step_);
  for (const HeapPart& heap : heaps_) {
    text += fmt::format(" {}/{}/{}", heap.relation, heap.file_node, heap.pages);
  }
  return text;
}

Result<std::optional<LoadPlan>> LoadPlan::Restore(pg::Connection& connection,
                                                  const schema::DocumentTree& tree,
                                                  const std::string& text) {
  const std::optional<LoadPlan> none;
  LoadPlan plan;
  std::string_view rest = text;
  plan.by_key_ = TakeText(&rest, "key/");
  if (!plan.by_key_ && !TakeText(&rest, "pages/")) return none;
  if (!Take(&rest, &plan.step_) || plan.step_ == 0) return none;
  while (TakeText(&rest, " ")) {
    HeapPart heap;
    if (!Take(&rest, &heap.relation) || !TakeText(&rest, "/") || !Take(&rest, &heap.file_node) ||
        !TakeText(&rest, "/") || !Take(&rest, &heap.pages)) {
      return none;
    }
    plan.heaps_.push_back(heap);
  }
  if (!rest.empty()) return none;

  auto heaps = ReadHeaps(connection, tree);
  if (!heaps) return heaps.error();
  if (plan.by_key_) return heaps->all_heaps ? none : std::optional(std::move(plan));
  const bool as_planned =
      std::all_of(plan.heaps_.begin(), plan.heaps_.end(), [&](const HeapPart& heap) {
        return std::any_of(heaps->parts.begin(), heaps->parts.end(), [&](const HeapPart& now) {
          return now.relation == heap.relation && now.file_node == heap.file_node;
        });
      });
  // Partitions that were attached since bring rows that no change announces.
  if (!as_planned || heaps->parts.size() != plan.heaps_.size()) return none;
  return std::optional(std::move(plan));
}

uint32_t LoadPlan::Chunks() const {
  uint32_t chunks = 0;
  for (const HeapPart& heap : heaps_) chunks += ChunksOf(heap, step_);
  return chunks;
}

model::LoadRange LoadPlan::Range(uint32_t document, uint32_t chunk) const {
  model::LoadRange range;
  range.document = document;
  range.chunk = chunk;
  for (const HeapPart& heap : heaps_) {
    const uint32_t chunks = ChunksOf(heap, step_);
    if (chunk < chunks) {
      range.relation = heap.relation;
      range.first_page = chunk * step_;
      range.end_page = std::min(range.first_page + step_, heap.pages);
      break;
    }
    chunk -= chunks;
  }
  return range;
}

Result<bool> LoadPlan::Holds(pg::Connection& connection, const schema::DocumentTree& tree) const {
  if (by_key_) return true;
  auto still = Restore(connection, tree, ToText());
  if (!still) return std::move(still).error();
  return still->has_value();
}

Result<model::LoadRange> LoadPlan::NextKeyRange(pg::Connection& connection,
                                                const schema::DocumentTree& tree, uint32_t chunk,
                                                const std::vector<std::string>& after) const {
  auto range = NextRange(connection, tree, step_, after);
  if (range) range->chunk = chunk;
  return range;
}

Result<model::LoadRange> NextRange(pg::Connection& connection, const schema::DocumentTree& tree,
                                   uint32_t rows, const std::vector<std::string>& after) {
  const std::vector<pg::Param> params(after.begin(), after.end());
  auto found = connection.Query(NextKeySql(tree, !after.empty(), rows), params);
  if (!found) {
    return std::move(found).error().While("reading the keys of " +
                                          schema::ToString(tree.nodes[0].table));
  }
  model::LoadRange range;
  range.document = tree.number;
  range.by_key = true;
  range.after_key = after;
  if (found->size() > 0) {
    for (int c = 0; c < found->columns(); ++c) range.through_key.emplace_back(found->Cell(0, c));
  }
  return range;
}

}  // namespace assemble
