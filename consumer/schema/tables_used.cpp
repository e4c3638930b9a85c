// TablesUsed: what the plugin has to send. A table may appear in many nodes of many documents; each
// use adds to the lists of the one table. Emitted columns lead upward (and are compared before and
// after); watched ones only decide whether a change matters.
//
// Does every change that alters a document touch it? Touches know links alone; they ask neither
// filters nor types nor limits. So it is enough that each such change is *sent*, with the old and
// the new values of its links, and that links lead to all documents that showed or show the row:
//
//   column, computed column   watched (what an expression uses); the row's links have not changed
//   filter, soft delete       the same: a row that stops or starts to match is found by its links,
//                             as are rows below it by their own; the root by its id
//   order_by                  watched: the parent's array, or which row wins, is made anew
//   limit                     the row that leaves makes room: both hang on the touched parent, and
//                             rows beyond the limit touch it, too
//   polymorphic, on the child or the junction: the type is watched there. The row's link values
//                             touch parents of every type, so also those of the old one.
//                On the parent: watched there; the parent's own change enters at its own node
//   link                      emitted, old and new: from both sides (design D5)
//   link, with lookup         the new values are emitted; in place of the old ones comes the row's
//                             key, by which the target finds the documents that hold it
//   routing                   emitted with the root, old and new: the copy under the old one is
//                             deleted
//   view                      its tables' rows enter by their key (the view's present rows that
//                             show it) and by the view's link columns where the table has them, old
//                             and new: for rows that the view no longer shows
#include <algorithm>
#include <map>
#include <set>

#include "consumer/schema/tree.h"

namespace schema {
namespace {

struct Use {
  std::set<std::string> emitted, watched, old_values;
  bool every_column = false;
};

// Views, materialized views and foreign tables write no WAL: the plugin would refuse their names.
bool WritesWal(char kind) { return kind == 'r' || kind == 'p'; }

// Columns that every table has beside its own; a change of them alone is no change of the row.
bool IsSystemColumn(const std::string& name) { return name == "xmin" || name == "ctid"; }

void Add(const std::vector<std::string>& columns, std::set<std::string>* to) {
  to->insert(columns.begin(), columns.end());
}

bool WritesWal(const EntryPoint& entry, const Node& node) {
  switch (entry.via) {
    case EntryPoint::Via::kJunction:
      return WritesWal(node.junction->kind);
    case EntryPoint::Via::kView:
    case EntryPoint::Via::kViewLink:
    case EntryPoint::Via::kLookup:
      return true;  // a table of its own
    default:
      return WritesWal(node.kind);
  }
}

// What of the node's own table decides over its rows and their order.
void AddNode(const DocumentTree& tree, const Node& node, std::set<std::string>* watched) {
  Add(node.key, watched);  // decides order and which row wins
  Add(node.expression_columns, watched);
  for (const OrderBy& by : node.order_by) watched->insert(by.column);
  for (const Column& column : node.columns) {
    if (!column.name.empty() && !IsSystemColumn(column.name)) watched->insert(column.name);
  }
  if (node.polymorphic && node.polymorphic->on == TypeMatch::On::kChild) {
    watched->insert(node.polymorphic->column);
  }
  for (const uint32_t id : node.children) {
    const Node& child = tree.nodes[id];
    Add(child.junction ? child.junction->to_parent.upper : child.link.upper, watched);
    if (child.polymorphic && child.polymorphic->on == TypeMatch::On::kParent) {
      watched->insert(child.polymorphic->column);
    }
  }
}

void AddTree(const DocumentTree& tree, std::map<TableName, Use>* uses) {
  for (const EntryPoint& entry : tree.entries) {
    const Node& node = tree.nodes[entry.node];
    if (!WritesWal(entry, node)) continue;
    Use& use = (*uses)[entry.table];
    Add(entry.columns, &use.emitted);
    if (!entry.old_by_lookup) Add(entry.columns, &use.old_values);
    use.every_column |=
        entry.via == EntryPoint::Via::kView || entry.via == EntryPoint::Via::kViewLink;
  }
  for (const Node& node : tree.nodes) {
    if (WritesWal(node.kind)) AddNode(tree, node, &(*uses)[node.table].watched);
    if (node.junction && WritesWal(node.junction->kind)) {
      std::set<std::string>& watched = (*uses)[node.junction->table].watched;
      Add(node.junction->to_child.upper, &watched);
      Add(node.junction->key, &watched);
      if (node.polymorphic && node.polymorphic->on == TypeMatch::On::kThrough) {
        watched.insert(node.polymorphic->column);
      }
    }
  }
}

}  // namespace

bool HasLookups(const DocumentTree& tree) {
  return std::any_of(tree.entries.begin(), tree.entries.end(),
                     [](const EntryPoint& entry) { return entry.via == EntryPoint::Via::kLookup; });
}

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
    table.old_values.assign(use.old_values.begin(), use.old_values.end());
    table.every_column = use.every_column;
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace schema
