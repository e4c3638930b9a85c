// Entries of `columns`: a column name, or a path into a JSON column.
//
//   entry    = column { operator piece }
//   operator = "->" | "->>" | "#>" | "#>>"         the longest one that fits; nothing may follow
//   ->> and #>> piece    = digits                              after -> and ->>: array index
//            | "'" text "'"                        after -> and ->>: always a key; '' is one quote
//            | text                                after -> and ->>: key
//            | "{" element { "," element } "}"     after #> and #>>: path; an element may stand in
//            double quotes
//
// White space around a piece is dropped. Nothing from the entry reaches SQL but as a quoted literal
// or a checked integer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/schema/catalog.h"

namespace schema {

struct PathStep {
  std::string op;
  std::string key;                    // -> and ->>
  bool index = false;                 // `key` is an array index
  std::vector<std::string> elements;  // #> and #>>

  bool operator==(const PathStep&) const = default;
};

struct ColumnPath {
  std::string column;
  std::vector<PathStep> steps;  // none: a plain column
  std::string key;              // output key

  bool operator==(const ColumnPath&) const = default;
};

// Returns the parts of an entry, or what is wrong with it: `"doc->>x->y": nothing may follow ->>`.
base::Result<ColumnPath> ParseColumnPath(std::string_view entry);

// Returns the SQL that follows the quoted column, and the type of its result (json, jsonb or text),
// or why the column has no such path: `"title->x": title is text; a path needs json or jsonb`.
struct PathSql {
  std::string sql;
  uint32_t type_oid = 0;
};
base::Result<PathSql> SqlOfPath(const ColumnPath& path, const std::string& entry,
                                const CatalogColumn& column);

}  // namespace schema
