// TablesUsed: what the plugin has to send. A table may appear in many nodes of many documents; each
// use adds to the lists of the one table. Emitted columns lead upward (and are compared before and
// after); watched ones only decide whether a change matters.
#include <map>
#include <set>

#include "consumer/schema/tree.h"

namespace schema {
namespace {

struct Use {
  std::set<std::string> emitted, watched;
};

// Views, materialized views and foreign tables write no WAL: the plugin would refuse their names.
bool WritesWal(char kind) { return kind == 'r' || kind == 'p'; }

// Columns that every table has beside its own; a change of them alone is no change of the row.
bool IsSystemColumn(const std::string& name) { return name == "xmin" || name == "ctid"; }

void Add(const std::vector<std::string>& columns, std::set<std::string>* to) {
  to->insert(columns.begin(), columns.end());
}

void AddTree(const DocumentTree& tree, std::map<TableName, Use>* uses) {
  for (const EntryPoint& entry : tree.entries) {
    const Node& node = tree.nodes[entry.node];
    const bool at_junction = entry.via == EntryPoint::Via::kJunction;
    if (!WritesWal(at_junction ? node.junction->kind : node.kind)) continue;
    Add(entry.columns, &(*uses)[entry.table].emitted);
  }
  for (const Node& node : tree.nodes) {
    if (WritesWal(node.kind)) {
      std::set<std::string>& watched = (*uses)[node.table].watched;
      Add(node.key, &watched);  // decides order and which row wins
      for (const Column& column : node.columns) {
        if (!IsSystemColumn(column.name)) watched.insert(column.name);
      }
      for (const uint32_t id : node.children) {
        const Node& child = tree.nodes[id];
        Add(child.junction ? child.junction->to_parent.upper : child.link.upper, &watched);
      }
    }
    if (node.junction && WritesWal(node.junction->kind)) {
      std::set<std::string>& watched = (*uses)[node.junction->table].watched;
      Add(node.junction->to_child.upper, &watched);
      Add(node.junction->key, &watched);
    }
  }
}

}  // namespace

std::vector<TableUse> TablesUsed(const std::vector<DocumentTree>& trees) {
  std::map<TableName, Use> uses;
  for (const DocumentTree& tree : trees) AddTree(tree, &uses);
  std::vector<TableUse> tables;
  for (auto& [name, use] : uses) {
    TableUse table;
    table.table = name;
    table.emitted.assign(use.emitted.begin(), use.emitted.end());
    for (const std::string& column : use.watched) {
      if (!use.emitted.contains(column)) table.watched.push_back(column);
    }
    table.old_values = table.emitted;
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace schema
