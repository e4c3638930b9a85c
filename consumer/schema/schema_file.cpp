#include <algorithm>
#include <set>
#include <utility>

#include "consumer/schema/file_data.h"
#include "consumer/schema/resolve_rows.h"
#include "consumer/schema/schema.h"

namespace schema {
namespace {

void AddTables(const NodeSpec& node, std::set<TableName>* tables) {
  tables->insert(node.table);
  if (node.junction) tables->insert(node.junction->table);
  for (const BaseTableSpec& base : node.base_tables) tables->insert(base.table);
  for (const NodeSpec& child : node.children) AddTables(child, tables);
}

void AddExpressions(const NodeSpec& node, const NodeSpec* parent,
                    std::set<Expression>* expressions) {
  const auto add = [&](const TableName& table, std::string sql, Expression::Use use) {
    expressions->insert({table, std::move(sql), use});
  };
  for (const ColumnSpec& column : node.columns) {
    if (column.Computed()) add(node.table, column.expression, Expression::Use::kValue);
  }
  if (!node.where.empty()) add(node.table, node.where, Expression::Use::kCondition);
  if (const std::string sql = ListedValuesSql(node); !sql.empty()) {
    add(node.table, sql, Expression::Use::kCondition);
  }
  for (const OrderBySpec& order : node.order_by) {
    add(node.table, QuotedIdentifier(order.by.column), Expression::Use::kOrder);
  }
  if (node.polymorphic) {
    const TypeMatch::On on = node.polymorphic->match.on;
    if (on == TypeMatch::On::kChild) {
      add(node.table, TypeMatchSql(*node.polymorphic), Expression::Use::kCondition);
    } else if (on == TypeMatch::On::kParent && parent != nullptr) {
      add(parent->table, TypeMatchSql(*node.polymorphic), Expression::Use::kCondition);
    } else if (on == TypeMatch::On::kThrough && node.junction) {
      add(node.junction->table, TypeMatchSql(*node.polymorphic), Expression::Use::kCondition);
    }
  }
  for (const NodeSpec& child : node.children) AddExpressions(child, &node, expressions);
}

}  // namespace

std::string ToString(const Finding& finding) {
  const char* level = finding.level == Finding::Level::kError ? "error: " : "warning: ";
  return level + finding.path + ": " + finding.message;
}

bool HasErrors(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.level == Finding::Level::kError;
  });
}

SchemaFile::SchemaFile(std::vector<Finding> findings, std::shared_ptr<const FileData> data)
    : findings_(std::move(findings)), data_(std::move(data)) {}

SchemaFile::~SchemaFile() = default;

std::vector<std::string> SchemaFile::Databases() const {
  std::vector<std::string> databases;
  for (const DocumentSpec& document : data_->documents) {
    if (std::find(databases.begin(), databases.end(), document.database) == databases.end()) {
      databases.push_back(document.database);
    }
  }
  return databases;
}

std::vector<TableName> SchemaFile::TablesNamed(const std::string& database) const {
  std::set<TableName> tables;
  for (const DocumentSpec& document : data_->documents) {
    if (document.database == database) AddTables(document.root, &tables);
  }
  return {tables.begin(), tables.end()};
}

std::vector<Expression> SchemaFile::Expressions(const std::string& database) const {
  std::set<Expression> expressions;
  for (const DocumentSpec& document : data_->documents) {
    if (document.database == database) AddExpressions(document.root, nullptr, &expressions);
  }
  return {expressions.begin(), expressions.end()};
}

std::string SchemaFile::FirstIndex(const std::string& database) const {
  const auto first =
      std::find_if(data_->documents.begin(), data_->documents.end(),
                   [&](const DocumentSpec& document) { return document.database == database; });
  return first == data_->documents.end() ? "" : first->index;
}

}  // namespace schema
