#include "consumer/app/identity.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace app {
namespace {

bool Contains(const std::vector<std::string>& columns, const std::string& column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

bool Holds(const std::vector<std::string>& columns, const std::vector<std::string>& needed) {
  return std::all_of(needed.begin(), needed.end(),
                     [&](const std::string& column) { return Contains(columns, column); });
}

std::vector<std::string> AllColumns(const schema::CatalogTable& table) {
  std::vector<std::string> columns;
  for (const schema::CatalogColumn& column : table.columns) columns.push_back(column.name);
  return columns;
}

const schema::CatalogIndex* FindIndex(const schema::CatalogTable& table, const std::string& name) {
  const auto it = std::find_if(table.indexes.begin(), table.indexes.end(),
                               [&](const auto& index) { return index.name == name; });
  return it == table.indexes.end() ? nullptr : &*it;
}

std::vector<std::string> CarriedColumns(const schema::CatalogTable& table) {
  switch (table.replica_identity) {
    case 'f':
      return AllColumns(table);
    case 'd':
      return table.primary_key;
    case 'i': {
      const schema::CatalogIndex* index = FindIndex(table, table.identity_index);
      return index == nullptr ? std::vector<std::string>() : index->columns;
    }
    default:
      return {};
  }
}

// What ALTER TABLE … REPLICA IDENTITY USING INDEX accepts (ATExecReplicaIdentity).
bool CanBeIdentity(const schema::CatalogTable& table, const schema::CatalogIndex& index) {
  if (!index.unique || !index.immediate || index.partial || index.columns.empty()) return false;
  return std::all_of(index.columns.begin(), index.columns.end(), [&](const std::string& name) {
    return std::any_of(table.columns.begin(), table.columns.end(),
                       [&](const auto& column) { return column.name == name && column.not_null; });
  });
}

const schema::CatalogIndex* NarrowestIdentity(const schema::CatalogTable& table,
                                              const std::vector<std::string>& needed) {
  const schema::CatalogIndex* best = nullptr;
  for (const schema::CatalogIndex& index : table.indexes) {
    if (!CanBeIdentity(table, index) || !Holds(index.columns, needed)) continue;
    if (best == nullptr ||
        std::pair(index.columns.size(), index.name) < std::pair(best->columns.size(), best->name)) {
      best = &index;
    }
  }
  return best;
}

bool HasIndex(const schema::CatalogTable& table, const std::vector<std::string>& columns) {
  const std::set<std::string> wanted(columns.begin(), columns.end());
  const auto serves = [&](const std::vector<std::string>& keys) {
    return keys.size() >= wanted.size() &&
           std::set<std::string>(keys.begin(),
                                 keys.begin() + static_cast<ptrdiff_t>(wanted.size())) == wanted;
  };
  if (serves(table.primary_key)) return true;
  return std::any_of(table.indexes.begin(), table.indexes.end(),
                     [&](const auto& index) { return !index.partial && serves(index.columns); });
}

}  // namespace

IdentityPlan PlanIdentity(const schema::TableUse& use, const schema::CatalogTable& table) {
  IdentityPlan plan;
  plan.needed = use.old_values;
  if (table.kind != 'r' && table.kind != 'p') return plan;
  plan.carried = CarriedColumns(table);
  for (const std::string& column : plan.needed) {
    if (!Contains(plan.carried, column)) plan.missing.push_back(column);
  }
  plan.sufficient = plan.missing.empty();
  const schema::CatalogIndex* index = nullptr;
  const std::string needed = fmt::format("({})", fmt::join(plan.needed, ", "));
  if (Holds(table.primary_key, plan.needed)) {
    plan.weakest = 'd';
    plan.reason = "the primary key holds " + needed;
  } else if (table.kind == 'r' && (index = NarrowestIdentity(table, plan.needed)) != nullptr) {
    plan.weakest = 'i';
    plan.index = index->name;
    plan.reason = fmt::format("the primary key does not hold {}, a unique index does", needed);
  } else {
    plan.weakest = 'f';
    plan.reason =
        table.kind == 'p'
            ? fmt::format(
                  "the primary key does not hold {}, and no index is one for all partitions",
                  needed)
            : fmt::format("neither the primary key nor a suitable unique index holds {}", needed);
  }
  plan.statement = IdentityStatement(schema::Quoted(table.name), plan.weakest, plan.index);
  return plan;
}

std::string IdentityStatement(const std::string& quoted_table, char identity,
                              const std::string& index) {
  return fmt::format("ALTER TABLE {} REPLICA IDENTITY {};", quoted_table,
                     IdentityName(identity, index));
}

std::string IdentityName(char identity, const std::string& index) {
  switch (identity) {
    case 'd':
      return "DEFAULT";
    case 'i':
      return "USING INDEX " + schema::QuotedIdentifier(index);
    case 'f':
      return "FULL";
    default:
      return "NOTHING";
  }
}

std::vector<MissingIndex> MissingIndexes(const std::vector<schema::DocumentTree>& trees,
                                         const schema::Catalog& catalog) {
  std::set<MissingIndex> missing;
  const auto need = [&](const schema::TableName& name, const std::vector<std::string>& columns) {
    const schema::CatalogTable* table = catalog.Find(name);
    if (table == nullptr || columns.empty() || HasIndex(*table, columns)) return;
    if (table->kind != 'r' && table->kind != 'p' && table->kind != 'm') return;
    std::vector<std::string> quoted;
    for (const std::string& column : columns) quoted.push_back(schema::QuotedIdentifier(column));
    // PostgreSQL does not build an index concurrently on a partitioned table.
    missing.insert(
        {name, columns,
         fmt::format("CREATE INDEX {}ON {} ({});", table->kind == 'p' ? "" : "CONCURRENTLY ",
                     schema::Quoted(name), fmt::join(quoted, ", "))});
  };
  for (const schema::DocumentTree& tree : trees) {
    for (const schema::Node& node : tree.nodes) {
      if (node.parent < 0) continue;
      const schema::TableName& upper = tree.nodes[static_cast<size_t>(node.parent)].table;
      if (node.junction) {
        need(upper, node.junction->to_parent.upper);
        need(node.junction->table, node.junction->to_parent.lower);
        need(node.junction->table, node.junction->to_child.upper);
        need(node.table, node.junction->to_child.lower);
      } else {
        need(upper, node.link.upper);
        need(node.table, node.link.lower);
      }
    }
  }
  return {missing.begin(), missing.end()};
}

}  // namespace app
