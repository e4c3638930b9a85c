// Rows of all levels of one chunk of roots -> bulk text. The rows are joined here, in memory, and
// JSON is written straight into the bulk body: there is no tree of values in between. Pure apart
// from reading the rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consumer/assemble/statements.h"
#include "consumer/base/result.h"
#include "consumer/model/bulk.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"
#include "consumer/transform/transform.h"

namespace assemble {

// The rows of one node. Rows of group g are [group_begin[g], group_begin[g + 1]); a group is one
// distinct combination of link values of the parents, and each parent row knows its group (-1: a
// NULL link, so no rows).
struct LevelRows {
  pg::Rows rows;
  std::vector<uint32_t> group_begin{0};
  std::vector<int32_t> group_of_parent;
  // Groups with more than one row: of a one_to_one without a junction they lose all but the first
  // (B8).
  uint32_t groups_of_several = 0;

  // Rows [first, second) hang on that row of the parent.
  std::pair<uint32_t, uint32_t> RowsOf(int parent_row) const {
    const int32_t group = group_of_parent[static_cast<size_t>(parent_row)];
    if (group < 0) return {0, 0};
    return {group_begin[static_cast<size_t>(group)], group_begin[static_cast<size_t>(group) + 1]};
  }
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
  // root is absent, and both when its address (id and routing) is another one than asked for. A
  // document that cannot be made goes to the request's `unmade`. `version` is the snapshot's.
  base::Status Append(const ChunkRows& chunk, int row, uint64_t version,
                      model::BulkRequest* request) const;

 private:
  // Where a document lies. An empty routing: by the id, and the action says nothing of it.
  struct Address {
    std::string id, routing;
    bool operator==(const Address&) const = default;
  };

  Address AddressAt(const pg::Rows& roots, int row, int id, int routing) const;
  base::Status WriteDocument(const ChunkRows& chunk, int row, Address address, uint64_t version,
                             model::BulkRequest* request) const;
  base::Status WriteObject(const ChunkRows& chunk, const schema::Node& node, int row,
                           std::string* out) const;
  base::Status WriteChild(const ChunkRows& chunk, const schema::Node& child, int parent_row,
                          std::string* out) const;
  base::Status WriteElement(const ChunkRows& chunk, const schema::Node& node, int row,
                            std::string* out) const;
  void StartItem(model::BulkItem::Kind kind, Address address, uint64_t version,
                 model::BulkRequest* request) const;

  const schema::DocumentTree& tree_;
  const TreeStatements& statements_;
  transform::Transformer transformer_;
  // The routing comes from the finished document, and no deletion knows the one before.
  const bool any_routing_;
  std::vector<std::vector<std::string>>
      column_keys_;  // per node: "\"key\":" with the comma before all but the first
  std::vector<std::string> label_keys_;  // per node: the same for its label in the parent
};

// The parts joined by "|"; in composite ids "\" and "|" inside a part are escaped
// (docs/schema-reference.md section 5). With texts, one more than parts, each part stands between
// its two, as it is (X7).
std::string JoinId(const std::vector<std::string_view>& parts,
                   const std::vector<std::string>& texts = {});

}  // namespace assemble
