// Rows of all levels of one chunk of roots -> bulk text. The rows are joined here, in memory, and
// JSON is written straight into the bulk body: there is no tree of values in between. Pure apart
// from reading the rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/assemble/statements.h"
#include "consumer/base/result.h"
#include "consumer/model/bulk.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"

namespace assemble {

// The rows of one node. Rows of group g are [group_begin[g], group_begin[g + 1]); a group is one
// distinct combination of link values of the parents, and each parent row knows its group (-1: a
// NULL link, so no rows).
struct LevelRows {
  pg::Rows rows;
  std::vector<uint32_t> group_begin{0};
  std::vector<int32_t> group_of_parent;
};

struct ChunkRows {
  std::vector<LevelRows> levels;  // per node; [0] holds the roots, without groups
  const Layout* root_layout = nullptr;
};

// The distinct link values of `parent_rows` for the child at position `child` of the parent's
// children, one array per column, ready to be parameters; fills level->group_of_parent. Returns the
// number of groups.
uint32_t CollectLinks(const pg::Rows& parent_rows, int first_column, size_t columns,
                      std::vector<std::vector<std::string>>* values, LevelRows* level);

// Finds the groups in rows that are sorted by ordinal. REQUIRES: level->rows has ordinals in column
// 0, ascending, 1 to groups.
void FindGroups(uint32_t groups, LevelRows* level);

class DocumentWriter {
 public:
  // Both outlive the writer.
  DocumentWriter(const schema::DocumentTree& tree, const TreeStatements& statements);

  // Appends root row `row` of the chunk to the request: an index action, or a deletion where the
  // root is absent (and both when the key is spelled otherwise in the table than asked for).
  // `version` is the snapshot's.
  base::Status Append(const ChunkRows& chunk, int row, uint64_t version,
                      model::BulkRequest* request) const;

 private:
  base::Status WriteObject(const ChunkRows& chunk, const schema::Node& node, int row,
                           std::string* out) const;
  base::Status WriteChild(const ChunkRows& chunk, const schema::Node& child, int parent_row,
                          std::string* out) const;
  base::Status WriteElement(const ChunkRows& chunk, const schema::Node& node, int row,
                            std::string* out) const;
  void StartItem(model::BulkItem::Kind kind, std::string id, uint64_t version,
                 model::BulkRequest* request) const;

  const schema::DocumentTree& tree_;
  const TreeStatements& statements_;
  std::vector<std::vector<std::string>>
      column_keys_;  // per node: "\"key\":" with the comma before all but the first
  std::vector<std::string> label_keys_;  // per node: the same for its label in the parent
};

// The parts joined by "|"; in composite ids "\" and "|" inside a part are escaped
// (docs/schema-reference.md section 5).
std::string JoinId(const std::vector<std::string_view>& parts);

}  // namespace assemble
