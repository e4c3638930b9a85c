#include "consumer/schema/parse_node.h"

#include <algorithm>
#include <utility>

#include "consumer/schema/moves.h"
#include "consumer/schema/node_keys.h"
#include "consumer/schema/parse_relationship.h"
#include "consumer/schema/parse_rows.h"
#include "consumer/schema/parse_transform.h"

namespace schema {
namespace {

const std::vector<KnownKey>& NodeKeyNames() {
  static const std::vector<KnownKey> keys = {
      {"table"},       {"schema"},       {"columns"},   {"label"},       {"primary_key"},
      {"base_tables"}, {"relationship"}, {"transform"}, {"children"},    {"where"},
      {"order_by"},    {"limit"},        {"exclude"},   {"soft_delete"}, {"lookup"}};
  return keys;
}

std::optional<ColumnSpec> ReadComputed(const Json& column, const std::string& path,
                                       Findings* findings) {
  CheckKeys(column, {{"name"}, {"expression"}}, {.at_key = true}, path, findings);
  const auto read = [&](const std::string& key, auto reader,
                        const char* required) -> std::optional<std::string> {
    const std::string here = path + "." + key;
    const Json* value = Member(column, key);
    if (value == nullptr || *value == Json("")) {
      findings->Error(here, required);
      return std::nullopt;
    }
    return reader(*value, here, findings);
  };
  const auto name = read("name", ReadString, "required: the key of the computed column");
  const auto sql = read("expression", ReadExpression, "required: an SQL expression");
  if (!name || !sql) return std::nullopt;
  return ColumnSpec{path, *name, {"", {}, *name}, *sql};
}

// An entry that is no path may still be a column with an odd name: without a database nobody knows.
std::vector<ColumnSpec> ReadColumns(const Json& columns, const std::string& path,
                                    const ParseOptions& options, Findings* findings) {
  std::vector<ColumnSpec> specs;
  if (!ExpectList(columns, "strings", path, findings)) return specs;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string here = path + "[" + std::to_string(i) + "]";
    if (columns[i].is_object()) {
      auto computed = ReadComputed(columns[i], here, findings);
      if (computed) specs.push_back(*std::move(computed));
      continue;
    }
    const auto entry = ReadString(columns[i], here, findings);
    if (!entry) continue;
    auto column = ParseColumnPath(*entry);
    if (!column.ok()) {
      if (options.offline) findings->Error(here, column.error().message);
      specs.push_back({here, *entry, {*entry, {}, *entry}, "", column.error().message});
      continue;
    }
    const auto twice = std::find_if(specs.begin(), specs.end(), [&](const ColumnSpec& other) {
      return !other.Computed() && other.column == column.value();
    });
    if (twice != specs.end()) {
      findings->Warning(here, "\"" + *entry + "\" is listed twice; it gives one key");
      continue;
    }
    specs.push_back({here, *entry, *std::move(column)});
  }
  return specs;
}

NodeSpec ReadNode(const Json& node, const NodeSpec* parent, const std::string& path,
                  const ParseOptions& options, Findings* findings);

std::vector<NodeSpec> ReadChildren(const Json& children, const NodeSpec& parent,
                                   const std::string& path, const ParseOptions& options,
                                   Findings* findings) {
  std::vector<NodeSpec> specs;
  if (!ExpectList(children, "nodes", path, findings)) return specs;
  if (parent.variant == Variant::kScalar && !children.empty()) {
    findings->Error(path,
                    "a scalar node is a bare value and cannot hold children; "
                    "use \"variant\": \"object\"");
  }
  for (size_t i = 0; i < children.size(); ++i) {
    const std::string here = path + "[" + std::to_string(i) + "]";
    if (!ExpectObject(children[i], here, findings)) continue;
    NodeSpec child = ReadNode(children[i], &parent, here, options, findings);
    for (size_t other = 0; other < specs.size(); ++other) {
      if (specs[other].label != child.label || child.label.empty()) continue;
      // The position in the file: children that are no objects were left out above.
      const std::string& at = specs[other].path;
      findings->Error(here + ".label", "label \"" + child.label + "\" is already used by children" +
                                           at.substr(at.rfind('[')));
      break;
    }
    specs.push_back(std::move(child));
  }
  return specs;
}

void ReadTable(const Json& node, const std::string& path, NodeSpec* spec, Findings* findings) {
  const Json* table = Member(node, "table");
  if (table != nullptr) {
    spec->table.table = ReadString(*table, path + ".table", findings).value_or("");
  }
  if (table == nullptr || *table == Json("")) {
    findings->Error(path + ".table", "required: the table or view of this node");
  }
  spec->table.schema = "public";
  if (const auto it = node.find("schema"); it != node.end()) {
    const auto name = ReadString(*it, path + ".schema", findings);
    if (name && !name->empty()) spec->table.schema = *name;
  }
}

void ReadLabel(const Json& node, const std::string& path, NodeSpec* spec, Findings* findings) {
  spec->label = spec->table.table;
  const Json* label = Member(node, "label");
  if (label == nullptr) return;
  const auto text = ReadString(*label, path + ".label", findings);
  if (text && text->empty()) findings->Error(path + ".label", "a label cannot be empty");
  if (text) spec->label = *text;
}

NodeSpec ReadNode(const Json& node, const NodeSpec* parent, const std::string& path,
                  const ParseOptions& options, Findings* findings) {
  CheckKeys(node, NodeKeyNames(), {}, path, findings);
  NodeSpec spec;
  spec.path = path;
  ReadTable(node, path, &spec, findings);
  ReadLabel(node, path, &spec, findings);

  const auto columns = node.find("columns");
  bool columns_are_whole = true;
  if (columns != node.end()) {
    Findings about_columns;
    spec.columns = ReadColumns(*columns, path + ".columns", options, &about_columns);
    columns_are_whole = !HasErrors(about_columns.list());
    findings->Append(std::move(about_columns));
  }
  if (const auto key = node.find("primary_key"); key != node.end()) {
    spec.primary_key = ReadStrings(*key, path + ".primary_key", findings);
  }

  const auto relationship = node.find("relationship");
  const std::string relationship_path = path + ".relationship";
  if (parent == nullptr) {
    if (relationship != node.end()) {
      findings->Warning(relationship_path, "ignored: the root node has no parent");
    }
  } else if (relationship == node.end()) {
    findings->Error(relationship_path, "required: {\"type\": …, \"variant\": …}");
  } else if (ExpectObject(*relationship, relationship_path, findings)) {
    ReadRelationship(*relationship, parent->table, relationship_path, &spec, findings);
  }
  ReadRows(node, parent == nullptr, path, &spec, findings);
  if (spec.variant == Variant::kScalar && spec.columns.size() > 1) {
    findings->Warning(path + ".columns",
                      "a scalar node has one value: only \"" + spec.columns[0].entry + "\" counts");
  }

  if (const auto transform = node.find("transform"); transform != node.end()) {
    ReadTransform(*transform, path + ".transform", &spec, findings);
  }
  if (const auto children = node.find("children"); children != node.end()) {
    spec.children = ReadChildren(*children, spec, path + ".children", options, findings);
  }
  // With all columns of a table the keys are known only with the table, and with a path, too: it
  // may be the name of a column. Resolve checks them.
  const bool has_path =
      std::any_of(spec.columns.begin(), spec.columns.end(), [](const ColumnSpec& column) {
        return !column.column.steps.empty() || !column.fault.empty();
      });
  // A column that could not be read would also be missing as a name to rename: one mistake, one
  // finding.
  spec.keys_checked =
      !columns_are_whole || (!spec.TakesAllColumns() && (options.offline || !has_path));
  if (spec.keys_checked && columns_are_whole) KeysOf(spec, spec.columns, findings);
  return spec;
}

}  // namespace

NodeSpec ReadRootNode(const Json& node, const std::string& path, const ParseOptions& options,
                      Findings* findings) {
  NodeSpec root = ReadNode(node, nullptr, path, options, findings);
  CheckMoves(root, findings);
  return root;
}

}  // namespace schema
