#include "consumer/schema/resolve_document.h"

#include <algorithm>
#include <array>

#include "consumer/base/nearest.h"
#include "consumer/schema/moves.h"
#include "consumer/schema/resolve_join.h"

namespace schema {
namespace {

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool ContainsAll(const std::vector<std::string>& names, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const std::string& name) { return Contains(names, name); });
}

// A view's key is what the file says of it: nobody else knows.
bool IsUnique(const std::vector<std::string>& columns, const Node& root,
              const CatalogTable& table) {
  if (!root.key.empty() && ContainsAll(columns, root.key)) return true;
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const CatalogIndex& index) {
    return index.unique && !index.partial && !Contains(index.columns, "") &&
           ContainsAll(columns, index.columns);
  });
}

// Types whose text may hold any characters; the others' cannot be mistaken for a text between.
bool IsFreeText(const CatalogColumn& column) {
  static constexpr std::array<uint32_t, 11> kOthers = {16,   20,   21,   23,   26, 1082,
                                                       1114, 1184, 1700, 2950, 790};
  return std::find(kOthers.begin(), kOthers.end(), column.type_oid) == kOthers.end();
}

void WarnOfMixedParts(const IdSpec& id, const CatalogTable& table, Findings* findings) {
  const auto free =
      std::count_if(id.columns.begin(), id.columns.end(), [&](const std::string& name) {
        const CatalogColumn* column = ColumnOf(table, name);
        return column != nullptr && IsFreeText(*column);
      });
  if (id.texts.empty() || free < 2) return;  // a list escapes its separator
  findings->Warning(id.path,
                    "two rows share an id when a value holds the text that stands between the "
                    "columns; a list of columns is safe");
}

// What the value under `key` of the finished document is, when it cannot be a routing; "" = it may
// be one. `name` is set when it is a plain column that no transform changes.
std::string NoRouting(const DocumentTree& tree, const std::string& key, const CatalogTable& table,
                      const Catalog& catalog, std::string* name) {
  constexpr uint32_t kJson = 114, kJsonb = 3802;  // pg_type.dat
  const Node& root = tree.nodes[0];
  for (const uint32_t id : root.children) {
    const Node& child = tree.nodes[id];
    if (child.label != key) continue;
    if (child.IsArray()) return "an array";
    return child.variant == Variant::kObject ? "an object" : "";
  }
  const auto column = std::find_if(root.columns.begin(), root.columns.end(),
                                   [&](const Column& other) { return other.key == key; });
  if (column == root.columns.end()) return "";
  const CatalogColumn* type = ColumnOf(table, column->name);
  if (!column->expression.empty()) {
    const auto it =
        catalog.expressions.find({table.name, column->expression, Expression::Use::kValue});
    type = it == catalog.expressions.end() ? nullptr : &it->second.type;
  }
  const bool json = column->type_oid == kJson || column->type_oid == kJsonb;
  if (json && !column->path.empty()) return "JSON; ->> and #>> give text";
  if (json) return "JSON";
  if (column->path.empty() && type != nullptr) {
    const std::string& type_name = type->type_name;
    if (type->element_oid != 0 || type_name.ends_with("[]")) return "an array";
    const bool object = type->type_kind == 'c' || type_name == "hstore" ||
                        type_name.ends_with(".hstore") || type_name.ends_with(".geometry") ||
                        type_name.ends_with(".geography");
    if (object) return "an object";
  }
  if (column->path.empty() && column->expression.empty() && type != nullptr) *name = column->name;
  return "";
}

}  // namespace

// PGSync sorts the columns of a real primary key by name, and takes a `primary_key` of the file as
// it is written.
void ResolveId(const DocumentSpec& document, const CatalogTable& root_table, DocumentTree* tree,
               Findings* findings) {
  const Node& root = tree->nodes[0];
  if (!document.id) {
    tree->id_columns = root.key;
    if (!root_table.primary_key.empty()) {
      std::sort(tree->id_columns.begin(), tree->id_columns.end());
    }
    tree->id_types = TypesOf(root_table, tree->id_columns);
    return;
  }
  const IdSpec& id = *document.id;
  bool whole = true;
  const bool is_view = root_table.kind == 'v' || root_table.kind == 'm';  // they do not say it
  for (const std::string& name : id.columns) {
    const CatalogColumn* column = FindColumn(root_table, name, id.path, findings);
    whole = whole && column != nullptr;
    if (column == nullptr || column->not_null || is_view || Contains(root.key, name)) {
      continue;
    }
    findings->Error(id.path, "\"" + name +
                                 "\" may be NULL; an id is made of columns that are NOT "
                                 "NULL");
    whole = false;
  }
  if (whole && !IsUnique(id.columns, root, root_table)) {
    findings->Error(id.path, "(" + Joined(id.columns) +
                                 ") is not unique: no primary key or unique index on non-null "
                                 "columns covers exactly or partly these columns");
  }
  WarnOfMixedParts(id, root_table, findings);
  tree->id_columns = id.columns;
  tree->id_texts = id.texts;
  tree->id_types = TypesOf(root_table, id.columns);
}

void ResolveRouting(const DocumentSpec& document, const CatalogTable& root_table,
                    const Catalog& catalog, DocumentTree* tree, Findings* findings) {
  const std::string path = document.path + ".routing";
  const std::string& key = document.routing;
  tree->routing_key = key;
  const std::vector<std::string> keys = TopKeys(*tree);
  if (!Contains(keys, key)) {
    findings->Error(path, "the document has no key \"" + key + "\" after rename; it has: " +
                              Joined(keys) + base::DidYouMean(key, keys));
    return;
  }
  // Known from the finished document only; of a view, nobody tells what it was before.
  const bool writes_wal = root_table.kind == 'r' || root_table.kind == 'p';
  if (MadeByTransform(*tree, key)) return;
  std::string name;
  const std::string what = NoRouting(*tree, key, root_table, catalog, &name);
  if (!what.empty()) {
    findings->Error(path, "\"" + key + "\" is " + what + "; a routing is a single value");
    return;
  }
  if (!writes_wal) return;
  tree->routing_column = name;
  if (!name.empty()) tree->routing_type = TypesOf(root_table, {name}).front();
}

}  // namespace schema
