// FileData: a schema file after the offline checks, as plain values: what the user wrote, with
// defaults filled in, not yet compared with any database. Written by Parse, read by Resolve;
// private to this room. Every part remembers its path, so that findings against the database point
// into the file too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "consumer/schema/column_path.h"
#include "consumer/schema/json_fields.h"
#include "consumer/schema/transform_spec.h"
#include "consumer/schema/tree.h"

namespace schema {

// An explicit join: foreign_key, or a side of a junction given as an object.
struct JoinSpec {
  std::string path;
  std::string upper_word,
      lower_word;  // the keys in the file: parent and child, parent and through, through and child
  std::vector<std::string> upper, lower;  // paired by position
};

struct JunctionSpec {
  std::string path;
  TableName table;
  std::optional<JoinSpec> to_parent, to_child;
};

struct ColumnSpec {
  std::string path;
  std::string entry;  // as written; of a computed column its name
  ColumnPath column;
  std::string expression = {};  // computed: `column` holds the key alone
  std::string fault = {};       // not a path; `column` is a plain one that may exist

  bool Computed() const { return !expression.empty(); }
};

struct SoftDeleteSpec {
  std::string path;
  std::string column;
  bool values_given = false;        // else the default of the column's type
  bool not_null = false;            // "not_null"
  bool null_listed = false;         // `values` holds null
  std::vector<std::string> values;  // as text
};

struct OrderBySpec {
  std::string path;
  OrderBy by;
};

struct PolymorphicSpec {
  std::string path;
  TypeMatch match;  // `value` is a quoted literal already
};

struct BaseTableSpec {
  std::string path;
  TableName table;
};

// Parts of the _id that the file chooses.
struct IdSpec {
  std::string path;
  std::vector<std::string> columns;
  std::vector<std::string> texts;  // of a template: one more than columns
};

struct NodeSpec {
  std::string path;
  TableName table;
  std::string label;
  std::vector<ColumnSpec> columns;
  std::vector<std::string> primary_key;
  std::vector<std::string> exclude;
  std::string where;  // "" = none
  std::optional<SoftDeleteSpec> soft_delete;
  std::vector<OrderBySpec> order_by;
  uint32_t limit = 0;  // 0 = none
  std::vector<BaseTableSpec> base_tables;
  bool lookup = false;  // "lookup": "index"
  RelationType type = RelationType::kOneToOne;
  Variant variant = Variant::kObject;
  std::optional<JoinSpec> foreign_key;
  std::optional<JunctionSpec> junction;
  std::optional<PolymorphicSpec> polymorphic;
  std::vector<std::pair<std::string, std::string>> rename;
  // Whether Parse has checked the keys: with a path, or all columns, the table decides on them.
  bool keys_checked = false;
  TransformSpec transform;        // but for rename of its own keys, and mapping
  Json mapping = Json::object();  // of this node's keys, after rename
  std::vector<NodeSpec> children;

  // Whether the table's columns belong to the object, too: `columns` names none of them. (A scalar
  // node has one value, and a computed one is enough for it.)
  bool TakesAllColumns() const;
};

struct DocumentSpec {
  std::string path;
  uint32_t number = 0;
  std::string text;  // the entry, with its variables replaced
  std::string database;
  std::string index;
  bool alias = true;
  bool versioned = true;
  bool empty_array = false;
  bool meta = false;
  bool type_mapping = false;
  std::string pipeline;
  std::string routing;
  std::optional<IdSpec> id;
  Json setting, mapping, mappings;  // null when absent
  NodeSpec root;
};

struct FileData {
  std::vector<DocumentSpec> documents;
};

}  // namespace schema
