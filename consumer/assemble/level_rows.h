// The rows of one level of a chunk, and which of them hang on which row of the level above. Pure
// apart from reading the rows.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "consumer/assemble/statements.h"
#include "consumer/pg/connection.h"

namespace assemble {

// A link value of a type whose order is that of its bytes: an integer or a uuid. PostgreSQL's order
// of the values is the order of these.
struct LinkValue {
  uint64_t high = 0, low = 0;
  auto operator<=>(const LinkValue&) const = default;
};

// The rows of one node. Rows of group g are [group_begin[g], group_begin[g + 1]); a group is one
// distinct combination of link values of the parents, and each parent row knows its group (-1: a
// NULL link, so no rows).
struct LevelRows {
  pg::Rows rows;
  std::vector<uint32_t> group_begin{0};
  std::vector<int32_t> group_of_parent;
  // Of each group, ascending, where the level's statement is `by_value`.
  std::vector<LinkValue> group_values;
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

// Finds the distinct link values of `parent_rows`, in columns from `first_column` on, for the level
// that `statement` reads: one array per column, ready to be parameters; fills what `level` knows of
// groups and parents. Returns the number of groups.
uint32_t CollectLinks(const pg::Rows& parent_rows, int first_column, const NodeStatement& statement,
                      std::vector<std::vector<std::string>>* values, LevelRows* level);

// Finds the groups in level->rows. REQUIRES: CollectLinks filled `level`, and the rows are the
// answer to `statement` for its values.
void FindGroups(const NodeStatement& statement, uint32_t groups, LevelRows* level);

}  // namespace assemble
