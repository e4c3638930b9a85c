// Resolve: the documents of one database against its catalog. Walks every document's nodes once,
// parents first; a node whose table is missing still has the rest of its findings reported, and its
// children too.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "consumer/base/nearest.h"
#include "consumer/schema/file_data.h"
#include "consumer/schema/fingerprint.h"
#include "consumer/schema/index_body.h"
#include "consumer/schema/moves.h"
#include "consumer/schema/node_keys.h"
#include "consumer/schema/resolve_document.h"
#include "consumer/schema/resolve_join.h"
#include "consumer/schema/resolve_rows.h"
#include "consumer/schema/resolve_views.h"
#include "consumer/schema/type_mapping.h"

namespace schema {
namespace {

class DocumentResolver {
 public:
  DocumentResolver(const DocumentSpec& document, const Catalog& catalog, Findings* findings)
      : document_(document), catalog_(catalog), findings_(findings) {}

  DocumentTree Resolve() &&;

 private:
  uint32_t AddNode(const NodeSpec& spec, int32_t parent, const CatalogTable* parent_table,
                   std::string label);
  const CatalogTable* FindTable(const TableName& name, const std::string& schema_path,
                                const std::string& table_path);
  std::vector<ColumnSpec> ColumnsOf(const NodeSpec& spec, const CatalogTable& table);
  NodeKeys CheckedKeys(const NodeSpec& spec, const std::vector<ColumnSpec>& columns);
  std::vector<Column> ResolveColumns(const std::vector<ColumnSpec>& columns, const NodeKeys& keys,
                                     const CatalogTable& table);
  std::vector<std::string> ResolveKey(const NodeSpec& spec, const CatalogTable& table);
  void ResolveRelation(const NodeSpec& spec, const CatalogTable* parent_table,
                       const CatalogTable* table, Node* node);
  std::vector<Json> TypeFields() const;
  void AddEntries();
  int32_t AddLookup(const Node& node, const TableName& table, const std::vector<std::string>& key);

  const DocumentSpec& document_;
  const Catalog& catalog_;
  Findings* const findings_;
  DocumentTree tree_;
  std::vector<const NodeSpec*> specs_;  // of each node
};

// System columns that may be asked for by name, with their types (pg_type.dat). PostgreSQL refuses
// user columns of these names, so they never hide one.
std::optional<CatalogColumn> SystemColumn(const std::string& name) {
  if (name == "xmin") return CatalogColumn{"xmin", 28, "xid", "xid", true, false};
  if (name == "ctid") return CatalogColumn{"ctid", 27, "tid", "tid", true, false};
  return std::nullopt;
}

std::optional<CatalogColumn> TypeOf(const Column& column, const CatalogTable& table,
                                    const Catalog& catalog) {
  if (!column.expression.empty()) {
    const auto it =
        catalog.expressions.find({table.name, column.expression, Expression::Use::kValue});
    if (it == catalog.expressions.end()) return std::nullopt;
    return it->second.type;
  }
  if (!column.path.empty()) {
    CatalogColumn type;
    type.type_oid = column.type_oid;
    return type;
  }
  const CatalogColumn* type = ColumnOf(table, column.name);
  return type == nullptr ? std::nullopt : std::optional(*type);
}

bool IsRemade(const Transform& transform, const std::string& key) {
  return std::any_of(transform.concat.begin(), transform.concat.end(),
                     [&](const Concat& concat) { return concat.destination == key; }) ||
         std::any_of(transform.move.begin(), transform.move.end(),
                     [&](const Move& move) { return move.key == key; });
}

DocumentTree DocumentResolver::Resolve() && {
  tree_.number = document_.number;
  tree_.database = document_.database;
  tree_.index = document_.index;
  tree_.alias = document_.alias;
  tree_.source = document_.text;
  tree_.versioned = document_.versioned;
  tree_.empty_array = document_.empty_array;
  tree_.meta = document_.meta;
  tree_.pipeline = document_.pipeline;
  AddNode(document_.root, -1, nullptr, document_.root.label);
  if (const CatalogTable* table = catalog_.Find(document_.root.table)) {
    ResolveId(document_, *table, &tree_, findings_);
    LinkBaseTables(tree_.id_columns, document_.root, catalog_, &tree_.nodes[0], findings_);
    if (!document_.routing.empty()) {
      ResolveRouting(document_, *table, catalog_, &tree_, findings_);
    }
  }
  AddEntries();
  CheckDestinations(document_, tree_, findings_);
  tree_.index_body = IndexBody(document_, tree_, TypeFields());
  tree_.fingerprint = Fingerprint(tree_);
  tree_.file_fingerprint =
      FileFingerprint(tree_, IndexBody(document_, tree_, {}), document_.type_mapping);
  return std::move(tree_);
}

uint32_t DocumentResolver::AddNode(const NodeSpec& spec, int32_t parent,
                                   const CatalogTable* parent_table, std::string label) {
  const auto id = static_cast<uint32_t>(tree_.nodes.size());
  tree_.nodes.emplace_back();  // takes the place: children come after
  specs_.push_back(&spec);
  const CatalogTable* table = FindTable(spec.table, spec.path + ".schema", spec.path + ".table");

  Node node;
  node.id = id;
  node.parent = parent;
  node.table = spec.table;
  node.label = std::move(label);
  node.all_columns = spec.TakesAllColumns();
  node.type = spec.type;
  node.variant = spec.variant;
  NodeKeys keys;
  if (table != nullptr) {
    node.kind = table->kind;
    const std::vector<ColumnSpec> columns = ColumnsOf(spec, *table);
    keys = CheckedKeys(spec, columns);
    node.columns = ResolveColumns(columns, keys, *table);
    node.key = ResolveKey(spec, *table);
    node.key_types = TypesOf(*table, node.key);
    ResolveRows(spec, *table, catalog_, &node, findings_);
    ResolveView(spec, *table, catalog_, &node, findings_);
  } else {
    Findings unknown;  // without the table nobody can say
    keys = KeysOf(spec, spec.columns, &unknown);
  }
  node.transform = std::move(keys.transform);
  if (parent >= 0) {
    ResolveRelation(spec, parent_table, table, &node);
    const Link& above = node.junction ? node.junction->to_child : node.link;
    LinkBaseTables(above.lower, spec, catalog_, &node, findings_);
  }
  for (size_t i = 0; i < spec.children.size(); ++i) {
    node.children.push_back(
        AddNode(spec.children[i], static_cast<int32_t>(id), table, keys.labels[i]));
  }
  tree_.nodes[id] = std::move(node);
  return id;
}

const CatalogTable* DocumentResolver::FindTable(const TableName& name,
                                                const std::string& schema_path,
                                                const std::string& table_path) {
  if (const CatalogTable* table = catalog_.Find(name)) return table;
  const auto& schemas = catalog_.schemas;
  if (std::find(schemas.begin(), schemas.end(), name.schema) == schemas.end()) {
    findings_->Error(schema_path, "schema \"" + name.schema + "\" does not exist in database \"" +
                                      document_.database + "\"; it has: " + Joined(schemas) +
                                      base::DidYouMean(name.schema, schemas));
    return nullptr;
  }
  std::vector<std::string> tables;
  for (const auto& [other, table] : catalog_.tables) {
    if (other.schema == name.schema) tables.push_back(other.table);
  }
  findings_->Error(table_path, "table \"" + ToString(name) + "\" does not exist" +
                                   base::DidYouMean(name.table, tables));
  return nullptr;
}

// The node's columns, or all of the table. An entry that is the whole name of a column is that
// column, whatever operators it holds.
std::vector<ColumnSpec> DocumentResolver::ColumnsOf(const NodeSpec& spec,
                                                    const CatalogTable& table) {
  if (!spec.TakesAllColumns()) {
    std::vector<ColumnSpec> columns = spec.columns;
    for (ColumnSpec& column : columns) {
      if (!column.Computed() && ColumnOf(table, column.entry) != nullptr) {
        column.column = {column.entry, {}, column.entry};
        column.fault.clear();
      }
    }
    return columns;
  }
  std::vector<ColumnSpec> columns;
  const std::set<std::string> excluded = Excluded(spec, table, findings_);
  // A user column named oid counts as the system column it once was: left out unless it is named.
  for (const CatalogColumn& column : table.columns) {
    if (column.name == "oid" || excluded.contains(column.name)) continue;
    columns.push_back({spec.path + ".columns", column.name, {column.name, {}, column.name}});
  }
  columns.insert(columns.end(), spec.columns.begin(), spec.columns.end());
  if (columns.empty() && spec.children.empty() && !spec.exclude.empty()) {
    findings_->Error(spec.path + ".exclude",
                     "nothing is left: all columns of " + ToString(table.name) + " are excluded");
  }
  if (spec.variant == Variant::kScalar && columns.size() > 1) {
    findings_->Warning(spec.path, "a scalar node has one value: \"" + columns[0].entry +
                                      "\", the first column of " + ToString(table.name) +
                                      "; name it in \"columns\"");
  }
  return columns;
}

// Parse has reported on the keys of the file's own columns; what it could not know is reported
// here.
NodeKeys DocumentResolver::CheckedKeys(const NodeSpec& spec,
                                       const std::vector<ColumnSpec>& columns) {
  const bool is_whole = std::all_of(columns.begin(), columns.end(),
                                    [](const ColumnSpec& column) { return column.fault.empty(); });
  Findings about_keys;
  NodeKeys keys = KeysOf(spec, columns, &about_keys);
  if (!spec.keys_checked && is_whole) findings_->Append(std::move(about_keys));
  return keys;
}

std::vector<Column> DocumentResolver::ResolveColumns(const std::vector<ColumnSpec>& columns,
                                                     const NodeKeys& keys,
                                                     const CatalogTable& table) {
  std::vector<Column> resolved;
  for (size_t i = 0; i < columns.size(); ++i) {
    const ColumnSpec& spec = columns[i];
    if (spec.Computed()) {
      const auto type = ComputedType(spec, table, catalog_, findings_);
      if (type && keys.columns[i]) {
        resolved.push_back({*keys.columns[i], "", "", type->type_oid, spec.expression});
      }
      continue;
    }
    if (!spec.fault.empty()) {
      findings_->Error(spec.path, spec.fault);
      continue;
    }
    const std::string& name = spec.column.column;
    const CatalogColumn* column = ColumnOf(table, name);
    const std::optional<CatalogColumn> system = column ? std::nullopt : SystemColumn(name);
    if (system) {
      column = &*system;
      findings_->Warning(spec.path, "\"" + name +
                                        "\" changes without any change of the row; the "
                                        "document will not follow it");
    } else if (column == nullptr && name == "oid") {
      findings_->Error(spec.path, "column \"oid\" does not exist in " + ToString(table.name) +
                                      "; no supported PostgreSQL has it");
    } else if (column == nullptr) {
      FindColumn(table, name, spec.path, findings_);
    }
    if (column == nullptr) continue;
    const auto sql = SqlOfPath(spec.column, spec.entry, *column);
    if (!sql.ok()) {
      findings_->Error(spec.path, sql.error().message);
    } else if (keys.columns[i]) {
      resolved.push_back({*keys.columns[i], name, sql->sql, sql->type_oid});
    }
  }
  return resolved;
}

std::vector<std::string> DocumentResolver::ResolveKey(const NodeSpec& spec,
                                                      const CatalogTable& table) {
  const std::string path = spec.path + ".primary_key";
  if (!table.primary_key.empty()) {
    if (!spec.primary_key.empty()) {
      findings_->Warning(path, ToString(table.name) + " has its own primary key; this is ignored");
    }
    return table.primary_key;
  }
  if (spec.primary_key.empty()) {
    findings_->Error(spec.path, ToString(table.name) +
                                    " has no primary key; a table needs one (a view: "
                                    "\"primary_key\")");
  }
  std::vector<std::string> key;
  for (size_t i = 0; i < spec.primary_key.size(); ++i) {
    const std::string& name = spec.primary_key[i];
    const std::string here = path + "[" + std::to_string(i) + "]";
    if (FindColumn(table, name, here, findings_) == nullptr) continue;
    if (std::find(key.begin(), key.end(), name) != key.end()) {
      findings_->Error(here, "\"" + name + "\" is listed twice");
      continue;
    }
    key.push_back(name);
  }
  return key;
}

void DocumentResolver::ResolveRelation(const NodeSpec& spec, const CatalogTable* parent_table,
                                       const CatalogTable* table, Node* node) {
  const CatalogTable* junction_table = nullptr;
  if (spec.junction) {
    junction_table = FindTable(spec.junction->table, spec.junction->path, spec.junction->path);
    if (junction_table == nullptr) return;
  }
  if (spec.polymorphic) {
    const TypeMatch::On on = spec.polymorphic->match.on;
    const CatalogTable* holder = on == TypeMatch::On::kChild    ? table
                                 : on == TypeMatch::On::kParent ? parent_table
                                                                : junction_table;
    if (holder != nullptr) ResolvePolymorphic(spec, *holder, catalog_, node, findings_);
  }
  if (parent_table == nullptr || table == nullptr) return;  // reported where it is missing
  if (junction_table != nullptr) {
    node->junction =
        ResolveJunction(spec, *parent_table, *junction_table, *table, catalog_, findings_);
  } else if (auto link = ResolveLink(spec, *parent_table, *table, catalog_, findings_)) {
    node->link = *std::move(link);
  }
}

// Per node, what the types of its columns say of its fields. What a transform makes or takes away
// has no type.
std::vector<Json> DocumentResolver::TypeFields() const {
  if (!document_.type_mapping) return {};
  std::vector<Json> all;
  for (const Node& node : tree_.nodes) {
    Json& fields = all.emplace_back(Json::object());
    const CatalogTable* table = catalog_.Find(node.table);
    if (table == nullptr) continue;
    for (const Column& column : node.columns) {
      const auto type = TypeOf(column, *table, catalog_);
      if (!type || IsRemade(node.transform, column.key)) continue;
      Json field = FieldOf(*type);
      if (!field.is_null()) fields[column.key] = std::move(field);
    }
  }
  return all;
}

void DocumentResolver::AddEntries() {
  const auto add = [this](uint32_t node, EntryPoint::Via via, const TableName& table,
                          const std::vector<std::string>& columns,
                          const std::vector<std::string>& types) {
    tree_.entries.push_back(
        {static_cast<uint32_t>(tree_.entries.size()), node, via, table, columns, types});
  };
  add(0, EntryPoint::Via::kRoot, tree_.nodes[0].table, tree_.id_columns, tree_.id_types);
  EntryPoint& root = tree_.entries[0];
  const std::string& routing = tree_.routing_column;
  if (!routing.empty() &&
      std::find(root.columns.begin(), root.columns.end(), routing) == root.columns.end()) {
    root.columns.push_back(routing);
    root.types.push_back(tree_.routing_type);
    root.carried = 1;
  }
  for (Node& node : tree_.nodes) {
    for (const BaseTable& base : node.base_tables) {
      if (!base.key.empty() && base.key != base.link) {
        add(node.id, EntryPoint::Via::kView, base.table, base.key, base.key_types);
      }
      if (base.link.empty()) continue;
      add(node.id, EntryPoint::Via::kViewLink, base.table, base.link, base.link_types);
    }
    if (node.parent < 0) continue;
    const Link& above = node.junction ? node.junction->to_child : node.link;
    add(node.id, EntryPoint::Via::kChild, node.table, above.lower, above.lower_types);
    node.lookup = AddLookup(node, node.table, node.key);
    if (!node.junction) continue;
    Junction& junction = *node.junction;
    add(node.id, EntryPoint::Via::kJunction, junction.table, junction.to_parent.lower,
        junction.to_parent.lower_types);
    junction.lookup = AddLookup(node, junction.table, junction.key);
  }
}

// For the entry point that was added last, unless the key says its values, too. Returns the new
// one, or -1.
int32_t DocumentResolver::AddLookup(const Node& node, const TableName& table,
                                    const std::vector<std::string>& key) {
  const NodeSpec* spec = specs_[node.id];
  const CatalogTable* catalog_table = catalog_.Find(table);
  if (!spec->lookup || catalog_table == nullptr) return -1;
  const std::string path = spec->path + ".lookup";
  if (catalog_table->kind != 'r' && catalog_table->kind != 'p') {
    findings_->Error(path, ToString(table) + " is not a table; views have \"base_tables\"");
    return -1;
  }
  const std::vector<std::string>& links = tree_.entries.back().columns;
  const bool held = std::all_of(links.begin(), links.end(), [&](const std::string& column) {
    return std::find(key.begin(), key.end(), column) != key.end();
  });
  if (held) return -1;
  if (key.empty()) {
    findings_->Error(path, ToString(table) + " needs a primary key for it");
    return -1;
  }
  tree_.entries.back().old_by_lookup = true;
  EntryPoint entry{static_cast<uint32_t>(tree_.entries.size()),
                   node.id,
                   EntryPoint::Via::kLookup,
                   table,
                   key,
                   TypesOf(*catalog_table, key)};
  for (const Node* at = &node; at->parent >= 0;
       at = &tree_.nodes[static_cast<size_t>(at->parent)]) {
    entry.lookup = entry.lookup.empty() ? at->label : at->label + "." + entry.lookup;
  }
  if (table != node.table) entry.lookup += " through " + table.table;
  tree_.entries.push_back(std::move(entry));
  return static_cast<int32_t>(tree_.entries.back().id);
}

}  // namespace

Resolved Resolve(const SchemaFile& file, const std::string& database, const Catalog& catalog) {
  Resolved resolved;
  Findings findings;
  for (const DocumentSpec& document : file.data().documents) {
    if (document.database != database) continue;
    resolved.trees.push_back(DocumentResolver(document, catalog, &findings).Resolve());
  }
  resolved.findings = std::move(findings).Take();
  return resolved;
}

}  // namespace schema
