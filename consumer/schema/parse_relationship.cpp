#include "consumer/schema/parse_relationship.h"

#include <utility>

#include "consumer/schema/expression.h"
#include "consumer/schema/parse_rows.h"

namespace schema {
namespace {

const std::vector<KnownKey>& RelationshipKeys() {
  static const std::vector<KnownKey> keys = {
      {"type"}, {"variant"}, {"through_tables"}, {"foreign_key"}, {"polymorphic"}};
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

std::optional<JunctionSpec> ReadJunctionObject(const Json& junction,
                                               const std::string& default_schema,
                                               const std::string& path, Findings* findings) {
  CheckKeys(junction, {{"table"}, {"schema"}, {"parent"}, {"child"}}, {}, path, findings);
  JunctionSpec spec;
  spec.path = path;
  spec.table.schema = default_schema;
  if (const Json* schema = Member(junction, "schema")) {
    const auto name = ReadString(*schema, path + ".schema", findings);
    if (name && !name->empty()) spec.table.schema = *name;
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

// Where the type column is.
TypeMatch::On ReadOn(const Json& polymorphic, bool junction_given, const std::string& path,
                     Findings* findings) {
  const Json* on = Member(polymorphic, "on");
  const auto text = on ? ReadString(*on, path, findings) : std::nullopt;
  if (!text || *text == "child") return TypeMatch::On::kChild;
  if (*text == "parent") return TypeMatch::On::kParent;
  if (*text != "through") {
    findings->Error(path,
                    "\"" + *text + "\" is not allowed; use \"child\", \"parent\" or \"through\"");
  } else if (!junction_given) {
    findings->Error(path, "\"through\" needs a junction table in \"through_tables\"");
  }
  return TypeMatch::On::kThrough;
}

void ReadPolymorphic(const Json& polymorphic, bool junction_given, const std::string& path,
                     NodeSpec* node, Findings* findings) {
  if (!ExpectObject(polymorphic, path, findings)) return;
  CheckKeys(polymorphic, {{"column"}, {"value"}, {"on"}}, {.at_key = true}, path, findings);
  PolymorphicSpec spec;
  spec.path = path;
  const Json* column = Member(polymorphic, "column");
  if (column == nullptr || *column == Json("")) {
    findings->Error(path + ".column", "required: the column that holds the type");
  } else {
    spec.match.column = ReadString(*column, path + ".column", findings).value_or("");
  }
  const Json* value = Member(polymorphic, "value");
  if (value == nullptr) {
    findings->Error(path + ".value", "required: a string, a number or a boolean");
  } else if (const auto text = ReadScalar(*value, path + ".value", findings)) {
    spec.match.value = SqlLiteral(*text);
  }
  spec.match.on = ReadOn(polymorphic, junction_given, path + ".on", findings);
  const bool joined_by_hand =
      junction_given ? node->junction && (node->junction->to_parent || node->junction->to_child)
                     : node->foreign_key.has_value();
  if (!joined_by_hand) {
    findings->Error(path, junction_given
                              ? "needs the junction as an object with \"parent\" or \"child\": no "
                                "constraint can lead to several tables"
                              : "needs \"foreign_key\": no constraint can lead to several tables");
  }
  node->polymorphic = std::move(spec);
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
  if (const Json* polymorphic = Member(relationship, "polymorphic")) {
    // What could not be read is no join left out: one mistake, one finding.
    const bool joins_are_whole = (foreign_key == nullptr || node->foreign_key || junction_given) &&
                                 (!junction_given || node->junction);
    Findings about;
    ReadPolymorphic(*polymorphic, junction_given, path + ".polymorphic", node, &about);
    for (const Finding& finding : about.list()) {
      if (!joins_are_whole && finding.message.starts_with("needs ")) continue;
      findings->Error(finding.path, finding.message);
    }
  }
}

}  // namespace schema
