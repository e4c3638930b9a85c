// Table shapes: what the system catalogs say of the tables behind one index that the stream of row
// changes does not: DDL can change documents, bring rows and take them away without writing a row.
// The shapes that an index was built from are stored beside it; where the present ones differ,
// CompareShapes says what that means. JSON text, per table: its identity (oid, name, schema),
// replica identity, partitions, a view's definition, and the columns that documents use.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"

namespace app {

// All of one moment, with all columns. A table that does not exist is left out.
using TableShapes = std::map<schema::TableName, std::string>;
base::Result<TableShapes> ReadShapes(pg::Connection& connection,
                                     const std::vector<schema::TableName>& tables);

// What of it counts for the tree's documents.
std::string ShapesOf(const schema::DocumentTree& tree, const TableShapes& tables);
std::vector<std::string> ShapesOf(const std::vector<schema::DocumentTree>& trees,
                                  const TableShapes& tables);

struct ShapeChange {
  bool documents = false;                // they may differ although no row changed
  bool rows = false;                     // rows may have come or gone without a change of theirs
  std::vector<std::string> reasons;      // "public.book: it was dropped and made anew"
  std::vector<uint32_t> new_partitions;  // whose rows, if they have any, may have come with them
};

// Pure. Columns that were added are not looked at: the fingerprint of the documents tells.
ShapeChange CompareShapes(const std::string& before, const std::string& now);

// Tables whose rows write no WAL.
std::vector<std::string> UnloggedTables(const std::string& shapes);

// Of `partitions` (oids), whether any may hold a row.
base::Result<bool> AnyHasRows(pg::Connection& connection, const std::vector<uint32_t>& partitions);

}  // namespace app
