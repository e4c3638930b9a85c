// Introspect: the text of a schema file, made from the foreign keys around some tables. Pure: what
// the database holds is given; `command_introspect` reads it.
//
// One document per table asked for. Below a table hang, down to `depth` levels:
//   - the row that a foreign key of the table refers to            one_to_one, object
//   - the rows that refer to the table by a foreign key of theirs  one_to_many, object
//     (one_to_one if these columns are unique there)
//   - the rows at the far end of a junction table                  one_to_many through it
// Never back along the way that led to the table. A junction is a table that holds two foreign keys
// and whose rows say nothing more: their columns together are unique, nothing refers to it, and it
// has no further column but a key of its own. Any other table between two tables is a node, so no
// column gets lost.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/schema/catalog.h"

namespace app {

// Every table, view and foreign table of the database, and, of a partition, the partitioned table
// at its top; of any other its own name.
using TableNames = std::map<schema::TableName, schema::TableName>;

// Returns the table that `written` means: table or schema.table, exact names, either in double
// quotes if there is a dot or a quote in it. Without a schema: in public, else in the only schema
// that has it. kUsage with near misses.
base::Result<schema::TableName> FindTable(std::string_view written, const TableNames& names);

struct IntrospectRequest {
  std::string database;
  std::vector<schema::TableName> roots;
  int depth = 2;
};

struct Introspected {
  std::string text;                // of the schema file
  std::vector<std::string> notes;  // what was left out and why, each once
};

// `catalog` holds in full every table within two foreign keys per level of the roots. kUsage if no
// document is left, or the tree has more nodes than anybody wants to read.
base::Result<Introspected> Introspect(const IntrospectRequest& request,
                                      const schema::Catalog& catalog, const TableNames& names);

}  // namespace app
