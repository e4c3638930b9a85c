#include <algorithm>
#include <set>
#include <utility>

#include "consumer/schema/file_data.h"
#include "consumer/schema/schema.h"

namespace schema {
namespace {

void AddTables(const NodeSpec& node, std::set<TableName>* tables) {
  tables->insert(node.table);
  if (node.junction) tables->insert(node.junction->table);
  for (const NodeSpec& child : node.children) AddTables(child, tables);
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

std::string SchemaFile::FirstIndex() const { return data_->documents.front().index; }

}  // namespace schema
