#include "consumer/schema/resolve_views.h"

#include <algorithm>

#include "consumer/base/nearest.h"
#include "consumer/schema/resolve_join.h"

namespace schema {
namespace {

std::string Quote(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back("\"" + name + "\"");
  return Joined(quoted);
}

std::vector<std::string> Missing(const std::vector<std::string>& columns,
                                 const CatalogTable& table) {
  std::vector<std::string> missing;
  for (const std::string& column : columns) {
    if (ColumnOf(table, column) == nullptr) missing.push_back(column);
  }
  return missing;
}

const CatalogTable* FindBase(const BaseTableSpec& spec, const Catalog& catalog,
                             Findings* findings) {
  if (const CatalogTable* table = catalog.Find(spec.table)) return table;
  std::vector<std::string> tables;
  for (const auto& [other, table] : catalog.tables) {
    if (other.schema == spec.table.schema) tables.push_back(other.table);
  }
  findings->Error(spec.path, "table \"" + ToString(spec.table) + "\" does not exist" +
                                 base::DidYouMean(spec.table.table, tables));
  return nullptr;
}

void AddBase(const BaseTableSpec& spec, const CatalogTable& view, const Catalog& catalog,
             Node* node, Findings* findings) {
  const CatalogTable* table = FindBase(spec, catalog, findings);
  if (table == nullptr) return;
  const std::string name = ToString(spec.table);
  if (table->kind != 'r' && table->kind != 'p') {
    findings->Error(spec.path, name +
                                   " is no table: only changes of tables are seen; name the "
                                   "tables behind it");
    return;
  }
  if (table->primary_key.empty()) {
    findings->Error(spec.path, name + " has no primary key; a base table needs one");
    return;
  }
  BaseTable base;
  base.table = spec.table;
  if (Missing(table->primary_key, view).empty()) {
    base.key = table->primary_key;
  } else if (!node->key.empty() && Missing(node->key, *table).empty()) {
    base.key = node->key;  // an aggregate over these columns
  }
  base.key_types = TypesOf(*table, base.key);
  node->base_tables.push_back(std::move(base));
}

}  // namespace

void ResolveView(const NodeSpec& spec, const CatalogTable& view, const Catalog& catalog, Node* node,
                 Findings* findings) {
  const std::string name = ToString(view.name);
  if (view.kind == 'f') {
    findings->Warning(spec.path, name + " is a foreign table: its changes are not seen");
  }
  if (view.kind != 'v' && view.kind != 'm') {
    if (!spec.base_tables.empty()) {
      findings->Warning(spec.path + ".base_tables", name + " is no view; this is ignored");
    }
    return;
  }
  if (spec.base_tables.empty()) {
    findings->Warning(spec.path, name +
                                     (view.kind == 'v' ? " is a view" : " is a materialized view") +
                                     " without \"base_tables\": changes behind it are not seen");
    return;
  }
  for (const BaseTableSpec& base : spec.base_tables) {
    AddBase(base, view, catalog, node, findings);
  }
  if (view.kind == 'v') return;
  node->refresh_concurrently =
      std::any_of(view.indexes.begin(), view.indexes.end(), [](const CatalogIndex& index) {
        return index.unique && !index.partial && index.immediate &&
               std::find(index.columns.begin(), index.columns.end(), "") == index.columns.end();
      });
  if (!node->refresh_concurrently) {
    findings->Warning(spec.path, name +
                                     " has no unique index on columns alone: it cannot be "
                                     "refreshed concurrently, and its readers wait meanwhile");
  }
}

void LinkBaseTables(const std::vector<std::string>& above, const NodeSpec& spec,
                    const Catalog& catalog, Node* node, Findings* findings) {
  const CatalogTable* view = catalog.Find(spec.table);
  for (BaseTable& base : node->base_tables) {
    const CatalogTable* table = catalog.Find(base.table);
    if (table == nullptr || view == nullptr || above.empty()) continue;
    const std::vector<std::string> missing = Missing(above, *table);
    if (missing.empty()) {
      base.link = above;
      base.link_types = TypesOf(*table, above);
    } else if (base.key.empty()) {
      const auto at = std::find_if(spec.base_tables.begin(), spec.base_tables.end(),
                                   [&](const BaseTableSpec& s) { return s.table == base.table; });
      findings->Error(at == spec.base_tables.end() ? spec.path + ".base_tables" : at->path,
                      ToString(base.table) + " has the primary key (" + Joined(table->primary_key) +
                          "); the view does not show " + Quote(Missing(table->primary_key, *view)));
    } else {
      findings->Warning(spec.path + ".base_tables",
                        ToString(base.table) + " has no column " + Quote(missing) +
                            ": rows that leave the view when it changes are not seen");
    }
  }
}

}  // namespace schema
