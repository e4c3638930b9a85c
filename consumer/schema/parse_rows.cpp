#include "consumer/schema/parse_rows.h"

#include <algorithm>
#include <utility>

#include "consumer/schema/expression.h"

namespace schema {
namespace {

constexpr uint64_t kMostRows = 2147483647;  // more than any array can hold

void ReadSoftDelete(const Json& value, const std::string& path, NodeSpec* node,
                    Findings* findings) {
  if (!ExpectObject(value, path, findings)) return;
  CheckKeys(value, {{"column"}, {"values"}}, {.at_key = true}, path, findings);
  SoftDeleteSpec spec;
  spec.path = path;
  const Json* column = Member(value, "column");
  if (column == nullptr || *column == Json("")) {
    findings->Error(path + ".column", "required: the column that tells deleted rows");
  } else {
    spec.column = ReadString(*column, path + ".column", findings).value_or("");
  }
  if (const Json* values = Member(value, "values")) {
    const std::string here = path + ".values";
    spec.values_given = true;
    if (values->is_string() && *values == Json("not_null")) {
      spec.not_null = true;
    } else if (!values->is_array()) {
      findings->Error(here, "expected a list of values or \"not_null\"; found " +
                                (values->is_string() ? "\"" + values->get<std::string>() + "\""
                                                     : KindOf(*values)));
    } else if (values->empty()) {
      findings->Error(here, "an empty list deletes nothing; leave \"soft_delete\" out");
    } else {
      for (size_t i = 0; i < values->size(); ++i) {
        if ((*values)[i].is_null()) {
          spec.null_listed = true;
        } else if (auto text =
                       ReadScalar((*values)[i], here + "[" + std::to_string(i) + "]", findings)) {
          spec.values.push_back(*std::move(text));
        }
      }
    }
  }
  node->soft_delete = std::move(spec);
}

// One of two words; nothing when absent or after reporting.
std::optional<bool> ReadWord(const Json& object, const std::string& key, const std::string& no,
                             const std::string& yes, const std::string& path, Findings* findings) {
  const Json* value = Member(object, key);
  if (value == nullptr) return std::nullopt;
  const auto text = ReadString(*value, path + "." + key, findings);
  if (!text) return std::nullopt;
  if (*text != no && *text != yes) {
    findings->Error(path + "." + key,
                    "\"" + *text + "\" is not allowed; use \"" + no + "\" or \"" + yes + "\"");
    return std::nullopt;
  }
  return *text == yes;
}

void ReadOrderEntry(const Json& entry, const std::string& path, NodeSpec* node,
                    Findings* findings) {
  OrderBySpec spec;
  spec.path = path;
  if (entry.is_string()) {
    spec.by.column = ReadString(entry, path, findings).value_or("");
  } else if (!entry.is_object()) {
    findings->Error(path, "expected a column or an object; found " + KindOf(entry));
    return;
  } else {
    CheckKeys(entry, {{"column"}, {"direction"}, {"nulls"}}, {.at_key = true}, path, findings);
    if (const Json* column = Member(entry, "column")) {
      const auto text = ReadString(*column, path + ".column", findings);
      if (!text) return;
      spec.by.column = *text;
    }
    spec.by.descending =
        ReadWord(entry, "direction", "asc", "desc", path, findings).value_or(false);
    spec.by.nulls_first =
        ReadWord(entry, "nulls", "last", "first", path, findings).value_or(spec.by.descending);
  }
  if (spec.by.column.empty()) {
    findings->Error(entry.is_object() ? path + ".column" : path,
                    "required: the column to order by");
    return;
  }
  const bool twice =
      std::any_of(node->order_by.begin(), node->order_by.end(),
                  [&](const OrderBySpec& other) { return other.by.column == spec.by.column; });
  if (twice) {
    findings->Error(path, "\"" + spec.by.column + "\" is listed twice");
    return;
  }
  node->order_by.push_back(std::move(spec));
}

void ReadOrderBy(const Json& value, bool is_root, const std::string& path, NodeSpec* node,
                 Findings* findings) {
  if (!ExpectList(value, "columns", path, findings) || value.empty()) return;
  if (is_root) {
    findings->Error(path, "the root node has no order: its rows are documents of their own");
    return;
  }
  for (size_t i = 0; i < value.size(); ++i) {
    ReadOrderEntry(value[i], path + "[" + std::to_string(i) + "]", node, findings);
  }
}

void ReadLimit(const Json& value, bool is_root, const std::string& path, NodeSpec* node,
               Findings* findings) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() < 1 ||
      value.get<uint64_t>() > kMostRows) {
    const bool number = value.is_number();
    findings->Error(path, "expected an integer from 1 to 2147483647; found " +
                              (number ? value.dump() : KindOf(value)));
  } else {
    node->limit = static_cast<uint32_t>(value.get<uint64_t>());
  }
  if (is_root) {
    findings->Error(path, "the root node has no limit: its rows are documents of their own");
  } else if (node->type == RelationType::kOneToOne && !node->junction) {
    findings->Error(path, "a one_to_one without a junction holds one row anyway");
  }
}

void ReadBaseTables(const Json& value, const std::string& path, NodeSpec* node,
                    Findings* findings) {
  const size_t findings_before = findings->list().size();
  const std::vector<std::string> names = ReadStrings(value, path, findings);
  if (findings->list().size() != findings_before) return;  // positions would not fit
  for (size_t i = 0; i < names.size(); ++i) {
    BaseTableSpec spec{path + "[" + std::to_string(i) + "]", TableOf(names[i], node->table.schema)};
    if (spec.table.table.empty() || spec.table.schema.empty()) {
      findings->Error(spec.path,
                      "expected \"table\" or \"schema.table\"; found \"" + names[i] + "\"");
      continue;
    }
    const bool twice =
        std::any_of(node->base_tables.begin(), node->base_tables.end(),
                    [&](const BaseTableSpec& other) { return other.table == spec.table; });
    if (twice) {
      findings->Error(spec.path, "\"" + names[i] + "\" is listed twice");
      continue;
    }
    node->base_tables.push_back(std::move(spec));
  }
}

void ReadExclude(const Json& value, const std::string& path, NodeSpec* node, Findings* findings) {
  node->exclude = ReadStrings(value, path, findings);
  const bool names_columns =
      std::any_of(node->columns.begin(), node->columns.end(),
                  [](const ColumnSpec& column) { return !column.Computed(); });
  if (names_columns && !node->exclude.empty()) {
    findings->Error(path, "\"columns\" names the columns already; use one of the two");
  }
}

void ReadLookup(const Json& value, bool is_root, const std::string& path, NodeSpec* node,
                Findings* findings) {
  const auto where = ReadString(value, path, findings);
  if (!where) return;
  if (*where != "index") {
    findings->Error(path, "expected \"index\"; found \"" + *where + "\"");
  } else if (is_root) {
    findings->Error(path, "the root's rows are found by their own key; this belongs to children");
  } else {
    node->lookup = true;
  }
}

}  // namespace

bool NodeSpec::TakesAllColumns() const {
  const bool names_one = std::any_of(columns.begin(), columns.end(),
                                     [](const ColumnSpec& column) { return !column.Computed(); });
  return !names_one && (columns.empty() || variant != Variant::kScalar);
}

TableName TableOf(const std::string& text, const std::string& default_schema) {
  const size_t dot = text.find('.');
  if (dot == std::string::npos) return {default_schema, text};
  return {text.substr(0, dot), text.substr(dot + 1)};
}

std::optional<std::string> ReadExpression(const Json& value, const std::string& path,
                                          Findings* findings) {
  auto text = ReadString(value, path, findings);
  if (!text) return std::nullopt;
  if (const std::string fault = FaultOfExpression(*text); !fault.empty()) {
    findings->Error(path, fault);
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> ReadScalar(const Json& value, const std::string& path,
                                      Findings* findings) {
  if (value.is_string()) return ReadString(value, path, findings);
  if (value.is_boolean() || value.is_number()) return value.dump();
  findings->Error(path, "expected a string, a number or a boolean; found " + KindOf(value));
  return std::nullopt;
}

void ReadRows(const Json& object, bool is_root, const std::string& path, NodeSpec* node,
              Findings* findings) {
  if (const Json* where = Member(object, "where")) {
    node->where = ReadExpression(*where, path + ".where", findings).value_or("");
  }
  if (const Json* soft_delete = Member(object, "soft_delete")) {
    ReadSoftDelete(*soft_delete, path + ".soft_delete", node, findings);
  }
  if (const Json* order_by = Member(object, "order_by")) {
    ReadOrderBy(*order_by, is_root, path + ".order_by", node, findings);
  }
  if (const Json* limit = Member(object, "limit")) {
    ReadLimit(*limit, is_root, path + ".limit", node, findings);
  }
  if (const Json* exclude = Member(object, "exclude")) {
    ReadExclude(*exclude, path + ".exclude", node, findings);
  }
  if (const Json* base_tables = Member(object, "base_tables")) {
    ReadBaseTables(*base_tables, path + ".base_tables", node, findings);
  }
  if (const Json* lookup = Member(object, "lookup")) {
    ReadLookup(*lookup, is_root, path + ".lookup", node, findings);
  }
}

}  // namespace schema
