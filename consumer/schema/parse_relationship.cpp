#include "consumer/schema/parse_relationship.h"

#include <utility>

namespace schema {
namespace {

const std::vector<KnownKey>& RelationshipKeys() {
  static const std::vector<KnownKey> keys = {
      {"type"}, {"variant"}, {"through_tables"}, {"foreign_key"}, {"polymorphic", false}};
  return keys;
}

// Returns whether the value is `second`; reports anything but the two.
bool ReadChoice(const Json& relationship, const std::string& key, const std::string& first,
                const std::string& second, const std::string& path, Findings* findings) {
  const std::string choice = "\"" + first + "\" or \"" + second + "\"";
  const Json* value = Member(relationship, key);
  if (value == nullptr) {
    findings->Error(path + "." + key, "required: " + choice);
    return false;
  }
  const auto text = ReadString(*value, path + "." + key, findings);
  if (text && *text != first && *text != second) {
    findings->Error(path + "." + key, "\"" + *text + "\" is not allowed; use " + choice);
  }
  return text == second;
}

// One side of a join: a list of columns, or one string for a single column.
std::vector<std::string> ReadSide(const Json& value, const std::string& path, Findings* findings) {
  if (!value.is_string()) return ReadStrings(value, path, findings);
  auto text = ReadString(value, path, findings);
  return text ? std::vector<std::string>{*std::move(text)} : std::vector<std::string>{};
}

std::optional<JoinSpec> ReadJoin(const Json& join, const std::string& upper,
                                 const std::string& lower, const std::string& path,
                                 Findings* findings) {
  if (!ExpectObject(join, path, findings)) return std::nullopt;
  if (join.size() != 2 || !join.contains(upper) || !join.contains(lower)) {
    findings->Error(path, "needs \"" + upper + "\" and \"" + lower + "\" and nothing else");
    return std::nullopt;
  }
  JoinSpec spec{path, upper, lower, {}, {}};
  const size_t findings_before = findings->list().size();
  spec.upper = ReadSide(join[upper], path + "." + upper, findings);
  spec.lower = ReadSide(join[lower], path + "." + lower, findings);
  if (findings->list().size() != findings_before) return std::nullopt;
  if (spec.upper.size() != spec.lower.size()) {
    findings->Error(path, "\"" + upper + "\" has " + Counted(spec.upper.size(), "column") + ", \"" +
                              lower + "\" has " + std::to_string(spec.lower.size()) +
                              "; they are paired by position");
    return std::nullopt;
  }
  if (spec.upper.empty()) {
    findings->Error(path, "\"" + upper + "\" and \"" + lower + "\" name no column");
    return std::nullopt;
  }
  return spec;
}

// "table" or "schema.table".
TableName TableOf(const std::string& text, const std::string& default_schema) {
  const size_t dot = text.find('.');
  if (dot == std::string::npos) return {default_schema, text};
  return {text.substr(0, dot), text.substr(dot + 1)};
}

std::optional<JunctionSpec> ReadJunctionObject(const Json& junction,
                                               const std::string& default_schema,
                                               const std::string& path, Findings* findings) {
  CheckKeys(junction, {{"table"}, {"schema"}, {"parent"}, {"child"}}, {}, path, findings);
  JunctionSpec spec;
  spec.path = path;
  spec.table.schema = default_schema;
  if (const Json* schema = Member(junction, "schema")) {
    spec.table.schema = ReadString(*schema, path + ".schema", findings).value_or(default_schema);
  }
  const Json* table = Member(junction, "table");
  if (table == nullptr || *table == Json("")) {
    findings->Error(path + ".table", "required: the junction table");
    return std::nullopt;
  }
  const auto name = ReadString(*table, path + ".table", findings);
  if (!name) return std::nullopt;
  spec.table.table = *name;
  if (const Json* parent = Member(junction, "parent")) {
    spec.to_parent = ReadJoin(*parent, "parent", "through", path + ".parent", findings);
  }
  if (const Json* child = Member(junction, "child")) {
    spec.to_child = ReadJoin(*child, "through", "child", path + ".child", findings);
  }
  return spec;
}

std::optional<JunctionSpec> ReadJunction(const Json& tables, const std::string& default_schema,
                                         const std::string& path, Findings* findings) {
  if (!ExpectList(tables, "strings", path, findings) || tables.empty()) return std::nullopt;
  if (tables.size() > 1) {
    findings->Error(path, "at most one junction table; found " + std::to_string(tables.size()));
    return std::nullopt;
  }
  const std::string here = path + "[0]";
  if (tables[0].is_object()) {
    return ReadJunctionObject(tables[0], default_schema, here, findings);
  }
  const auto text = ReadString(tables[0], here, findings);
  if (!text) return std::nullopt;
  JunctionSpec spec;
  spec.path = here;
  spec.table = TableOf(*text, default_schema);
  if (spec.table.table.empty() || spec.table.schema.empty()) {
    findings->Error(here, "expected \"table\" or \"schema.table\"; found \"" + *text + "\"");
    return std::nullopt;
  }
  return spec;
}

}  // namespace

void ReadRelationship(const Json& relationship, const TableName& parent_table,
                      const std::string& path, NodeSpec* node, Findings* findings) {
  CheckKeys(relationship, RelationshipKeys(), {.at_key = true}, path, findings);
  node->type = ReadChoice(relationship, "type", "one_to_one", "one_to_many", path, findings)
                   ? RelationType::kOneToMany
                   : RelationType::kOneToOne;
  node->variant = ReadChoice(relationship, "variant", "object", "scalar", path, findings)
                      ? Variant::kScalar
                      : Variant::kObject;

  bool junction_given = false;
  if (const Json* tables = Member(relationship, "through_tables")) {
    junction_given = !tables->is_array() || !tables->empty();
    node->junction = ReadJunction(*tables, node->table.schema, path + ".through_tables", findings);
  }
  const Json* foreign_key = Member(relationship, "foreign_key");
  if (foreign_key != nullptr && junction_given) {
    findings->Warning(path + ".foreign_key",
                      "ignored, as there is a junction table; to choose its join columns write it "
                      "as an object with \"parent\" and \"child\"");
  } else if (foreign_key != nullptr) {
    node->foreign_key = ReadJoin(*foreign_key, "parent", "child", path + ".foreign_key", findings);
  } else if (!junction_given && node->table == parent_table && !node->table.table.empty()) {
    findings->Error(
        path, ToString(node->table) + " refers to itself; say which way with \"foreign_key\"");
  }
}

}  // namespace schema
