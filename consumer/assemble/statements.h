// The SQL that builds documents and climbs to roots, as text made once per tree. Pure; `plan`
// prints the same texts.
//
// Every level is one statement. Keys and link values go in as arrays, one parameter per column, and
// are joined in SQL by the types' own `=`, with an ordinal: so equality is PostgreSQL's (citext,
// numeric, collations), and rows come back sorted by the parent they belong to. Where equality is
// that of the bytes (integers, uuid) `= ANY` does it without a join, in two thirds of the time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "consumer/assemble/load_strategy.h"
#include "consumer/schema/tree.h"

namespace assemble {

// Which columns of a result hold what. Ranges are [first, first + count).
struct Layout {
  int id = -1;              // root: id parts as text, NULL in all when there is no such row
  int wanted_id = -1;       // root by keys: the asked-for key's parts as text
  int routing = -1;         // root: text of the routing column, where there is one
  int wanted_routing = -1;  // root by keys: the same as it was asked for
  // Per child in order: first of its upper link columns; as text, unless it is joined by value.
  std::vector<int> child_links;
  int key = -1;              // with _meta: the key's columns, as text on roots, else as JSON
  int junction_key = -1;     // with _meta: the junction's key, as JSON
  int lookup = -1;           // text of the key that a kLookup entry point has
  int junction_lookup = -1;  // the same of the junction
  int columns = 0;           // first output column; a scalar node has but one
};

struct NodeStatement {
  std::string sql;
  Layout layout;
  size_t links = 0;  // levels: number of link columns, which is the number of parameters
  // Levels: what column 0 says of the parent a row belongs to, and what rows are sorted by. False:
  // an int8, the 1-based position in the parameter arrays. True: the value of the only link column,
  // in binary.
  bool by_value = false;
};

struct ClimbStatement {
  // True when the touched values are a document's address already; `sql` is empty then and `order`
  // says which value goes where.
  bool direct = false;
  // Position of each id column, and of what else makes up the address, among the entry's columns.
  std::vector<size_t> order;
  // Parameters: one array per entry column; result: id parts, and the routing where a column gives
  // it, as text, each root once.
  std::string sql;
};

struct TreeStatements {
  // Locks every table of the tree against being rewritten, in ACCESS SHARE mode as reading does. It
  // has to come before the transaction's snapshot: to an older snapshot a table that ALTER TABLE
  // has rewritten looks empty ("" = nothing to lock).
  std::string lock;
  // Parameters: one array per id column, and one for the routing where a column gives it.
  NodeStatement root_by_key;
  NodeStatement root_by_pages;  // for one heap: its quoted name replaces kHeapMark; parameters: tid
                                // from, tid below
  // Parameters: the key's columns of the lower bound, then those of the upper. One text per kind of
  // bounds.
  NodeStatement root_by_key_range[2][2];  // [has lower][has upper]
  // The same roots' id columns alone, as text, whatever `where` says: for what cannot be read.
  std::string ids_by_pages;
  std::string ids_by_key_range[2][2];
  std::vector<NodeStatement> levels;  // per node; [0] is unused
  // The same rows by one pass over the level's table, where no index serves (LoadStrategy). To be
  // planned without a look at its parameters.
  std::vector<std::string> scanned_levels;
  std::vector<ClimbStatement> climbs;  // per entry point
};

inline constexpr const char* kHeapMark = "\x01heap\x01";

TreeStatements MakeStatements(const schema::DocumentTree& tree);

// The upper bound of the next key range of `rows` rows. `after`: there is a lower bound
// (parameters: its columns).
std::string NextKeySql(const schema::DocumentTree& tree, bool after, uint32_t rows);

// A statement as `plan` shows it. `sql` is "" when nothing has to be asked.
struct ListedStatement {
  std::string heading;
  std::string sql;
  std::vector<std::string> parameter_types;  // SQL names, one per parameter
};

// All statements of a tree but the bounds of key ranges. With `strategy`: those of levels as it
// reads them.
std::vector<ListedStatement> ListStatements(const schema::DocumentTree& tree,
                                            const LoadStrategy* strategy = nullptr);

// The same as text.
std::string DescribePlan(const schema::DocumentTree& tree);

}  // namespace assemble
