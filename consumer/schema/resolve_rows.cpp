#include "consumer/schema/resolve_rows.h"

#include <algorithm>

#include "consumer/schema/expression.h"
#include "consumer/schema/resolve_join.h"

namespace schema {
namespace {

constexpr uint32_t kBoolean = 16;  // pg_type.dat

// Returns what PostgreSQL says of the expression, or nullptr after reporting that it refuses it.
const ExpressionFacts* FactsOf(const Expression& expression, const std::string& path,
                               const Catalog& catalog, Findings* findings) {
  const auto it = catalog.expressions.find(expression);
  if (it == catalog.expressions.end()) {
    findings->Error(path, "PostgreSQL was not asked about it");
    return nullptr;
  }
  const ExpressionFacts& facts = it->second;
  if (facts.error.empty()) return &facts;
  // In SQL of ours a place would tell nothing.
  const bool of_the_file = path.ends_with(".where") || path.ends_with(".expression");
  const std::string at =
      of_the_file && facts.position > 0 ? " at character " + std::to_string(facts.position) : "";
  findings->Error(path, facts.error + at);
  return nullptr;
}

void AddColumns(const std::vector<std::string>& columns, Node* node) {
  for (const std::string& column : columns) {
    auto& all = node->expression_columns;
    if (std::find(all.begin(), all.end(), column) == all.end()) all.push_back(column);
  }
}

// Each part in parentheses, closed on a line of its own: it may end with a comment.
void AddCondition(const std::string& sql, std::string* filter) {
  if (!filter->empty()) *filter += " AND ";
  *filter += "(" + sql + "\n)";
}

void AddWhere(const NodeSpec& spec, const CatalogTable& table, const Catalog& catalog, Node* node,
              Findings* findings) {
  const std::string path = spec.path + ".where";
  const ExpressionFacts* facts =
      FactsOf({table.name, spec.where, Expression::Use::kCondition}, path, catalog, findings);
  if (facts == nullptr) return;
  if (facts->volatility != 'i') {
    findings->Error(path,
                    "must be immutable: with a function or a cast that depends on the time, the "
                    "session or chance, rows would come and go without a change to see");
    return;
  }
  AddColumns(facts->columns, node);
  AddCondition(spec.where, &node->filter);
}

void AddSoftDelete(const NodeSpec& spec, const CatalogTable& table, const Catalog& catalog,
                   Node* node, Findings* findings) {
  const SoftDeleteSpec& deleted = *spec.soft_delete;
  if (deleted.column.empty()) return;  // reported by Parse
  const CatalogColumn* column =
      FindColumn(table, deleted.column, deleted.path + ".column", findings);
  if (column == nullptr) return;
  const std::string name = QuotedIdentifier(column->name);
  AddColumns({column->name}, node);
  if (!deleted.values_given && column->type_oid == kBoolean) {
    AddCondition(name + " IS NOT TRUE", &node->filter);
    return;
  }
  if (!deleted.values_given || deleted.not_null) {
    AddCondition(name + " IS NULL", &node->filter);
    return;
  }
  if (deleted.null_listed) AddCondition(name + " IS NOT NULL", &node->filter);
  const std::string listed = ListedValuesSql(spec);
  if (listed.empty()) return;
  if (FactsOf({table.name, listed, Expression::Use::kCondition}, deleted.path + ".values", catalog,
              findings) != nullptr) {
    AddCondition("(" + listed + ") IS NOT TRUE", &node->filter);
  }
}

void AddOrder(const NodeSpec& spec, const CatalogTable& table, const Catalog& catalog, Node* node,
              Findings* findings) {
  for (const OrderBySpec& order : spec.order_by) {
    const std::string& name = order.by.column;
    if (FindColumn(table, name, order.path, findings) == nullptr) continue;
    if (FactsOf({table.name, QuotedIdentifier(name), Expression::Use::kOrder}, order.path, catalog,
                findings) != nullptr) {
      node->order_by.push_back(order.by);
    }
  }
}

}  // namespace

void ResolveRows(const NodeSpec& spec, const CatalogTable& table, const Catalog& catalog,
                 Node* node, Findings* findings) {
  for (const ColumnSpec& column : spec.columns) {
    if (!column.Computed()) continue;
    const auto it =
        catalog.expressions.find({table.name, column.expression, Expression::Use::kValue});
    if (it != catalog.expressions.end()) AddColumns(it->second.columns, node);
  }
  if (!spec.where.empty()) AddWhere(spec, table, catalog, node, findings);
  if (spec.soft_delete) AddSoftDelete(spec, table, catalog, node, findings);
  AddOrder(spec, table, catalog, node, findings);
  node->limit = spec.limit;
}

std::optional<CatalogColumn> ComputedType(const ColumnSpec& column, const CatalogTable& table,
                                          const Catalog& catalog, Findings* findings) {
  const std::string path = column.path + ".expression";
  const ExpressionFacts* facts =
      FactsOf({table.name, column.expression, Expression::Use::kValue}, path, catalog, findings);
  if (facts == nullptr) return std::nullopt;
  if (facts->volatility == 'v') {
    findings->Error(path, "uses a volatile function: its value changes without a change to see");
    return std::nullopt;
  }
  if (facts->volatility == 's') {
    findings->Warning(path,
                      "is not immutable: it is computed under our session settings, and not again "
                      "when only the time or another table changes");
  }
  return facts->type;
}

void ResolvePolymorphic(const NodeSpec& spec, const CatalogTable& holder, const Catalog& catalog,
                        Node* node, Findings* findings) {
  const PolymorphicSpec& polymorphic = *spec.polymorphic;
  if (polymorphic.match.column.empty() || polymorphic.match.value.empty()) return;
  if (FindColumn(holder, polymorphic.match.column, polymorphic.path + ".column", findings) ==
      nullptr) {
    return;
  }
  if (FactsOf({holder.name, TypeMatchSql(polymorphic), Expression::Use::kCondition},
              polymorphic.path + ".value", catalog, findings) != nullptr) {
    node->polymorphic = polymorphic.match;
  }
}

std::set<std::string> Excluded(const NodeSpec& spec, const CatalogTable& table,
                               Findings* findings) {
  std::set<std::string> excluded;
  for (size_t i = 0; i < spec.exclude.size(); ++i) {
    const std::string path = spec.path + ".exclude[" + std::to_string(i) + "]";
    if (FindColumn(table, spec.exclude[i], path, findings) != nullptr) {
      excluded.insert(spec.exclude[i]);
    }
  }
  return excluded;
}

std::string ListedValuesSql(const NodeSpec& spec) {
  if (!spec.soft_delete || spec.soft_delete->values.empty()) return "";
  std::string sql = QuotedIdentifier(spec.soft_delete->column) + " IN (";
  for (size_t i = 0; i < spec.soft_delete->values.size(); ++i) {
    sql += (i > 0 ? ", " : "") + SqlLiteral(spec.soft_delete->values[i]);
  }
  return sql + ")";
}

std::string TypeMatchSql(const PolymorphicSpec& polymorphic) {
  return QuotedIdentifier(polymorphic.match.column) + " = " + polymorphic.match.value;
}

}  // namespace schema
