// DocumentTree: one document of a schema file after it was checked against the database: every
// table, column, key and join is resolved, names are final (after rename). Everything downstream
// works from this; nobody reads schema.json again. Immutable after Resolve(); freely shared between
// threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "consumer/schema/transform.h"

namespace schema {

struct TableName {
  std::string schema;
  std::string table;

  auto operator<=>(const TableName&) const = default;
};

// "schema"."table", quoted for SQL.
std::string Quoted(const TableName& name);
// "a""b": one identifier, quoted for SQL.
std::string QuotedIdentifier(const std::string& name);
// schema.table for people, unquoted.
std::string ToString(const TableName& name);

struct Column {
  std::string key;   // output key in the document, JSON path joined and rename applied
  std::string name;  // column of the table; "" for a computed one
  // SQL that follows the quoted column for JSON paths: "->'x'->0"; "" for a plain column.
  std::string path;
  // Base type (domains resolved) of the column, or of the path's result (json, jsonb or text).
  uint32_t type_oid = 0;
  // Computed: an SQL expression over the table's columns by bare name; name and path are "" then.
  std::string expression = {};
};

// Column pairs joined by =. `types`: SQL names of the *upper* side's base types, one per pair, safe
// to write as `type[]`.
struct Link {
  std::vector<std::string> upper;  // columns of the table nearer to the root
  std::vector<std::string> lower;  // columns of the table farther from it, paired by position
  std::vector<std::string> types;
  std::vector<std::string> lower_types;
};

struct Junction {
  TableName table;
  Link to_parent;                // upper = parent's columns, lower = the junction's
  Link to_child;                 // upper = the junction's columns, lower = the child's
  std::vector<std::string> key;  // primary key of the junction, for a total order; may be empty
  char kind = 'r';               // pg_class.relkind of the table
  int32_t lookup = -1;           // as Node::lookup, of the junction's rows
};

// A base table of a view: its changes count as changes of the view's rows that show the same values
// in the columns of these names.
struct BaseTable {
  TableName table;
  // Its primary key, where the view shows it; else the view's own key, where the table has columns
  // of these names (an aggregate over them); else empty.
  std::vector<std::string> key;
  std::vector<std::string> key_types;  // SQL names of the base types in the base table
  // The view's link columns to its parent (or junction), or the id columns of a root, when the base
  // table has columns of all these names: then rows that leave the view are found by them, too.
  // Otherwise empty.
  std::vector<std::string> link;
  std::vector<std::string> link_types;
};

struct OrderBy {
  std::string column;
  bool descending = false;
  bool nulls_first = false;
};

// Polymorphic join: only where a type column has this value.
struct TypeMatch {
  enum class On : uint8_t { kChild, kParent, kThrough };
  On on = On::kChild;
  std::string column;
  std::string value;  // as a quoted SQL literal without a type, or a number, or true, false
};

enum class RelationType : uint8_t { kOneToOne, kOneToMany };
enum class Variant : uint8_t { kObject, kScalar };

struct Node {
  uint32_t id = 0;  // position in DocumentTree::nodes; parents come before their children
  int32_t parent = -1;
  TableName table;
  std::string label;  // key in the parent's object, after rename
  RelationType type = RelationType::kOneToOne;
  Variant variant = Variant::kObject;
  std::vector<Column> columns;
  bool all_columns = false;            // `columns` follows the table: the file names none
  std::vector<std::string> key;        // primary key columns, in key order
  std::vector<std::string> key_types;  // SQL names of their base types
  Link link;  // parent → this; empty when there is a junction, and on the root
  std::optional<Junction> junction;
  std::vector<uint32_t> children;
  char kind = 'r';  // pg_class.relkind: views, materialized views and foreign tables write no WAL
  std::vector<BaseTable> base_tables;  // of a view or materialized view
  bool refresh_concurrently = false;   // a materialized view with a unique index for it
  // Entry point (of Via::kLookup) by which documents that hold a row are found; -1: by its links.
  int32_t lookup = -1;

  // SQL condition over the columns of the table by bare name; rows for which it is not true do not
  // exist for this document (where and soft_delete). "" = all.
  std::string filter;
  std::vector<OrderBy> order_by;  // the key comes after it, always
  uint32_t limit = 0;             // rows per parent; 0 = all
  std::optional<TypeMatch> polymorphic;
  std::vector<std::string> expression_columns;  // columns that filter and computed columns use
  Transform transform;

  // True when the label holds an array.
  bool IsArray() const { return type == RelationType::kOneToMany || junction.has_value(); }
};

// Where a row change enters the tree: the changed table, and the columns whose old and new values
// lead upward.
//   kRoot      the root's row: `columns` is the root's key in id order, and then, `carried` of
//   them,
//              what else a document's address is made of (its routing), which may be NULL
//   kChild     a row of `node`: the columns that its parent, or its junction, joins to
//   kJunction  a row of the junction of `node`: the columns that join to the parent
//   kView      a row of a base table of the view `node`: `columns` is the base table's key; the
//   view's
//              present rows that show the same values lead upward
//   kLookup    a changed or deleted row of `node`, or of its junction, whose old links the WAL need
//              not carry: `columns` is its key; leads to the documents that hold it by now, which
//              only the target knows
//   kViewLink  the same as kView, by the view's link columns, which the base table has, too: as
//   kChild; on
//              the root by its id columns: as kRoot
struct EntryPoint {
  enum class Via : uint8_t { kRoot, kChild, kJunction, kView, kViewLink, kLookup };
  uint32_t id = 0;  // position in DocumentTree::entries; 0 is the root
  uint32_t node = 0;
  Via via = Via::kRoot;
  TableName table;
  std::vector<std::string> columns;
  std::vector<std::string> types;  // SQL names of their base types
  size_t carried = 0;              // the last ones of `columns` that may be NULL
  bool old_by_lookup = false;      // where the old values are missing, a kLookup entry stands in
  std::string lookup = {};         // of kLookup: what documents call the node ("reviews.author")
};

// What the plugin has to send of one table, and what its replica identity must hold. Every column
// is emitted, and so watched, of a table behind a view: nobody knows which of them the view uses.
struct TableUse {
  TableName table;
  std::vector<std::string> emitted;     // key and link columns
  std::vector<std::string> watched;     // further columns whose change changes a document
  std::vector<std::string> old_values;  // columns whose old values must be in the WAL
  bool every_column = false;            // `emitted` and `watched` are not all
};

// What the generation of an index that a tree fills is to searches (design D8).
enum class Stage : uint8_t {
  kServed,    // they see it, and there is no other
  kNext,      // they do not see it yet: it is built beside the one they see
  kRetiring,  // they see it until the next one is ready; it was made from another file
};

struct DocumentTree {
  uint32_t number = 0;  // position in the schema file
  std::string database;
  std::string index;  // alias name, or the plain index
  bool alias = true;
  Stage stage = Stage::kServed;
  std::string generation;  // the real index, where there are two; else "": what `index` leads to
  bool versioned = true;
  bool empty_array = false;
  std::string pipeline;
  // Of the root, in the order of the _id's parts: byte order of the names for the table's own key,
  // the order written for a `primary_key` of the file.
  std::vector<std::string> id_columns;
  std::vector<std::string> id_types;  // SQL names of their base types
  // Texts around the id's parts, one more than there are columns: a template. Empty: the parts are
  // joined by "|".
  std::vector<std::string> id_texts;
  // The top-level key of the final document whose value routes it; "" = by id.
  std::string routing_key;
  // The root's column behind it, when the key is a plain column that no transform changes;
  // otherwise
  // "", and the value is known only from the finished document.
  std::string routing_column;
  std::string routing_type;         // SQL name of the column's base type
  bool meta = false;                // "_meta" in every document
  std::vector<Node> nodes;          // [0] is the root
  std::vector<EntryPoint> entries;  // [0] is the root
  std::string index_body;           // JSON text: {"settings": …, "mappings": …}
  std::string fingerprint;          // changes when documents or index body could differ
  // Changes with the fingerprint, but not when only the tables changed: columns that belong to the
  // document because "columns" names none, and types. Then the same index can be loaded again.
  std::string file_fingerprint;
  // The document's entry of the file, as JSON text with its variables replaced: what makes the same
  // tree again, when the file has another one by then.
  std::string source;

  // The name to write to: of an alias, a plain index or one generation.
  const std::string& Place() const { return generation.empty() ? index : generation; }
};

// Whether documents keep the keys of rows in them, for the target to find them by.
bool HasLookups(const DocumentTree& tree);

// Of all documents of one database: the union per table, tables in order of name.
std::vector<TableUse> TablesUsed(const std::vector<DocumentTree>& trees);

}  // namespace schema
