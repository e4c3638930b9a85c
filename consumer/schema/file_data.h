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
  std::string entry;  // as written
  ColumnPath column;
};

struct NodeSpec {
  std::string path;
  TableName table;
  std::string label;
  std::vector<ColumnSpec> columns;  // empty: all of the table
  std::vector<std::string> primary_key;
  RelationType type = RelationType::kOneToOne;
  Variant variant = Variant::kObject;
  std::optional<JoinSpec> foreign_key;
  std::optional<JunctionSpec> junction;
  std::vector<std::pair<std::string, std::string>> rename;
  Json mapping = Json::object();  // of this node's keys, after rename
  std::vector<NodeSpec> children;
};

struct DocumentSpec {
  std::string path;
  uint32_t number = 0;
  std::string database;
  std::string index;
  bool alias = true;
  bool versioned = true;
  bool empty_array = false;
  std::string pipeline;
  Json setting, mapping, mappings;  // null when absent
  NodeSpec root;
};

struct FileData {
  std::vector<DocumentSpec> documents;
};

}  // namespace schema
