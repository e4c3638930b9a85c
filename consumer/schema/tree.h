// DocumentTree: one document of a schema file after it was checked against the database: every
// table, column, key and join is resolved, names are final (after rename). Everything downstream
// works from this; nobody reads schema.json again. Immutable after Resolve(); freely shared between
// threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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
  std::string name;  // column of the table
  // SQL that follows the quoted column for JSON paths: "->'x'->0"; "" for a plain column.
  std::string path;
  // Base type (domains resolved) of the column, or of the path's result (json, jsonb or text).
  uint32_t type_oid = 0;
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
  std::vector<std::string> key;        // primary key columns, in key order
  std::vector<std::string> key_types;  // SQL names of their base types
  Link link;  // parent → this; empty when there is a junction, and on the root
  std::optional<Junction> junction;
  std::vector<uint32_t> children;
  char kind = 'r';  // pg_class.relkind: views, materialized views and foreign tables write no WAL

  // True when the label holds an array.
  bool IsArray() const { return type == RelationType::kOneToMany || junction.has_value(); }
};

// Where a row change enters the tree: the changed table, and the columns whose old and new values
// lead upward.
//   kRoot      the root's row: `columns` is the root's key in id order
//   kChild     a row of `node`: the columns that its parent, or its junction, joins to
//   kJunction  a row of the junction of `node`: the columns that join to the parent
struct EntryPoint {
  enum class Via : uint8_t { kRoot, kChild, kJunction };
  uint32_t id = 0;  // position in DocumentTree::entries; 0 is the root
  uint32_t node = 0;
  Via via = Via::kRoot;
  TableName table;
  std::vector<std::string> columns;
  std::vector<std::string> types;  // SQL names of their base types
};

// What the plugin has to send of one table, and what its replica identity must hold.
struct TableUse {
  TableName table;
  std::vector<std::string> emitted;     // key and link columns
  std::vector<std::string> watched;     // further columns whose change changes a document
  std::vector<std::string> old_values;  // columns whose old values must be in the WAL
};

struct DocumentTree {
  uint32_t number = 0;  // position in the schema file
  std::string database;
  std::string index;  // alias name, or the plain index
  bool alias = true;
  bool versioned = true;
  bool empty_array = false;
  std::string pipeline;
  // Of the root, in the order of the _id's parts: byte order of the names for the table's own key,
  // the order written for a `primary_key` of the file.
  std::vector<std::string> id_columns;
  std::vector<std::string> id_types;  // SQL names of their base types
  std::vector<Node> nodes;            // [0] is the root
  std::vector<EntryPoint> entries;    // [0] is the root
  std::string index_body;             // JSON text: {"settings": …, "mappings": …}
  std::string fingerprint;            // changes when documents or index body could differ
};

// Of all documents of one database: the union per table, tables in order of name.
std::vector<TableUse> TablesUsed(const std::vector<DocumentTree>& trees);

}  // namespace schema
