#include "consumer/app/introspect.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "consumer/app/introspect_text.h"
#include "consumer/base/nearest.h"
#include "consumer/schema/column_path.h"

namespace app {
namespace {

using Json = nlohmann::ordered_json;
using schema::CatalogForeignKey;
using schema::CatalogIndex;
using schema::CatalogTable;
using schema::TableName;
using Strings = std::vector<std::string>;

constexpr size_t kMostNodes = 2'000;

// One step along a foreign key: up to the table it refers to, or down to the one that holds it.
struct Hop {
  const CatalogForeignKey* key;
  bool down;

  bool operator==(const Hop&) const = default;
  Hop Back() const { return {key, !down}; }
};

// A way from a table to a child: one hop, or two over a junction.
struct Way {
  Hop first;
  std::optional<Hop> second;

  Hop Last() const { return second.value_or(first); }
  const TableName& Far() const {
    const Hop last = Last();
    return last.down ? last.key->from : last.key->to;
  }
};

class Introspector {
 public:
  Introspector(const IntrospectRequest& request, const schema::Catalog& catalog,
               const TableNames& names)
      : request_(request), catalog_(catalog), names_(names) {}

  base::Result<Introspected> Run();

 private:
  void KeepForeignKeys();
  Json DocumentOf(const CatalogTable& root, std::set<std::string>* indexes);
  Json NodeOf(const CatalogTable& table, const std::optional<Hop>& arrival, int levels_below);
  Json ChildOf(const CatalogTable& table, const Way& way, const std::string& label,
               int levels_below);
  Json RelationshipOf(const CatalogTable& table, const Way& way) const;
  Json ThroughOf(const Way& way) const;
  std::vector<Way> WaysFrom(const CatalogTable& table, const std::optional<Hop>& arrival);
  const CatalogForeignKey* OtherSide(const CatalogForeignKey& key) const;
  size_t Links(const TableName& a, const TableName& b) const;
  bool CanBeNode(const CatalogTable* table, const TableName& name, bool is_root);
  void Note(std::string text);

  const IntrospectRequest& request_;
  const schema::Catalog& catalog_;
  const TableNames& names_;
  std::vector<const CatalogForeignKey*> keys_;  // those between nodes; never a partition's own
  size_t nodes_ = 0;
  std::vector<std::string> notes_;
};

std::set<std::string> SetOf(const Strings& names) { return {names.begin(), names.end()}; }

bool IsUnique(const CatalogTable& table, const Strings& columns) {
  const std::set<std::string> wanted = SetOf(columns);
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const CatalogIndex& index) {
    if (!index.unique || index.partial || index.columns.empty()) return false;
    return std::all_of(index.columns.begin(), index.columns.end(),
                       [&](const std::string& column) { return wanted.contains(column); });
  });
}

// "publisher" of publisher_id -> publisher.id, "country" of country_code -> country.code.
std::string Stem(const CatalogForeignKey& key) {
  if (key.from_columns.size() != 1) return fmt::format("{}", fmt::join(key.from_columns, "_"));
  const std::string& column = key.from_columns.front();
  const std::string ending = "_" + key.to_columns.front();
  if (column.size() > ending.size() && column.ends_with(ending)) {
    return column.substr(0, column.size() - ending.size());
  }
  return column;
}

// Names for a child, best first. `alone`: no other child of the node is of this table.
Strings LabelsFor(const Way& way, bool alone) {
  const std::string& table = way.Far().table;
  Strings labels;
  if (alone) labels.push_back(table);
  if (way.second) {
    if (alone) labels.push_back(table + "_through_" + way.first.key->from.table);
    labels.push_back(table + "_as_" + Stem(*way.second->key));
  } else if (way.first.down) {
    labels.push_back(table + "_by_" + Stem(*way.first.key));
  } else {
    labels.push_back(Stem(*way.first.key));
    labels.push_back(Stem(*way.first.key) + "_" + table);
  }
  return labels;
}

// The first of `wanted`, else its last with a number behind it, that is not taken; takes it.
std::string Take(const Strings& wanted, std::set<std::string>* taken) {
  for (const std::string& label : wanted) {
    if (taken->insert(label).second) return label;
  }
  for (int number = 2;; ++number) {
    std::string label = fmt::format("{}_{}", wanted.back(), number);
    if (taken->insert(label).second) return label;
  }
}

// What an engine accepts as the name of an index and the file does not take for a variable.
std::string IndexName(const TableName& table) {
  std::string name = table.table;
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!plain) c = '_';
  }
  name.erase(0, std::min(name.find_first_not_of("-_"), name.size()));
  return name.empty() ? "documents" : name;
}

// `$` starts a variable in the top-level strings of a schema file; `$$` is one `$`.
std::string WithoutVariables(const std::string& text) {
  std::string safe;
  for (const char c : text) safe.append(c == '$' ? 2 : 1, c);
  return safe;
}

base::Result<Introspected> Introspector::Run() {
  KeepForeignKeys();
  Json file = Json::array();
  std::set<std::string> indexes;
  std::set<TableName> done;
  for (const TableName& asked : request_.roots) {
    const TableName& name = names_.at(asked);
    if (name != asked) {
      Note(fmt::format("{} is a partition of {}, which is used in its place",
                       schema::ToString(asked), schema::ToString(name)));
    }
    if (!done.insert(name).second) continue;
    const CatalogTable* table = catalog_.Find(name);
    if (CanBeNode(table, name, true)) file.push_back(DocumentOf(*table, &indexes));
  }
  if (file.empty()) {
    return base::Usage(
        fmt::format("no document can be made:\n{}", fmt::join(std::as_const(notes_), "\n")));
  }
  if (nodes_ > kMostNodes) {
    return base::Usage(
        fmt::format("--depth {}: more than {} nodes; take a smaller depth, or fewer tables",
                    request_.depth, kMostNodes));
  }
  return Introspected{SchemaText(file), std::move(notes_)};
}

// The same columns linked twice are one link to a reader, whatever the constraints are called.
void Introspector::KeepForeignKeys() {
  const auto is_partition = [this](const TableName& name) {
    const auto it = names_.find(name);
    return it != names_.end() && it->second != name;
  };
  for (const CatalogForeignKey& key : catalog_.foreign_keys) {
    if (is_partition(key.from) || is_partition(key.to)) {
      Note(fmt::format("foreign key {} of {} belongs to a partition alone: left out", key.name,
                       schema::ToString(key.from)));
      continue;
    }
    const bool twice = std::any_of(keys_.begin(), keys_.end(), [&](const CatalogForeignKey* other) {
      return other->from == key.from && other->to == key.to &&
             other->from_columns == key.from_columns && other->to_columns == key.to_columns;
    });
    if (!twice) keys_.push_back(&key);
  }
}

Json Introspector::DocumentOf(const CatalogTable& root, std::set<std::string>* indexes) {
  const std::string index = IndexName(root.name);
  const std::string with_schema = IndexName({"", root.name.schema + "_" + root.name.table});
  Json document;
  document["$schema"] = "pgsync.schema.json";
  document["database"] = WithoutVariables(request_.database);
  document["index"] = Take({index, with_schema}, indexes);
  document["nodes"] = NodeOf(root, std::nullopt, request_.depth);
  return document;
}

Json Introspector::NodeOf(const CatalogTable& table, const std::optional<Hop>& arrival,
                          int levels_below) {
  ++nodes_;
  Json node;
  node["table"] = table.name.table;
  if (table.name.schema != "public") node["schema"] = table.name.schema;
  node["label"] = nullptr;  // keeps the place for children
  const bool can_be_written =
      std::all_of(table.columns.begin(), table.columns.end(),
                  [](const auto& column) { return schema::ParseColumnPath(column.name).ok(); });
  if (can_be_written) {
    for (const auto& column : table.columns) node["columns"].push_back(column.name);
  } else {
    Note(
        fmt::format("{}: the name of a column would be read as a JSON path; without \"columns\" "
                    "all of them are taken",
                    schema::ToString(table.name)));
  }
  node["relationship"] = nullptr;
  if (levels_below == 0 || nodes_ > kMostNodes) return node;

  const std::vector<Way> ways = WaysFrom(table, arrival);
  std::set<std::string> taken;
  for (const auto& column : table.columns) taken.insert(column.name);
  Json children = Json::array();
  for (const Way& way : ways) {
    const auto same_table = std::count_if(ways.begin(), ways.end(), [&](const Way& other) {
      return other.Far().table == way.Far().table;
    });
    const std::string label = Take(LabelsFor(way, same_table == 1), &taken);
    children.push_back(ChildOf(table, way, label, levels_below - 1));
  }
  if (!children.empty()) node["children"] = std::move(children);
  return node;
}

Json Introspector::ChildOf(const CatalogTable& table, const Way& way, const std::string& label,
                           int levels_below) {
  Json child = NodeOf(*catalog_.Find(way.Far()), way.Last(), levels_below);
  if (label != way.Far().table) child["label"] = label;
  child["relationship"] = RelationshipOf(table, way);
  return child;
}

Json Introspector::RelationshipOf(const CatalogTable& table, const Way& way) const {
  const CatalogForeignKey& key = *way.first.key;
  const bool several =
      way.second || (way.first.down && !IsUnique(*catalog_.Find(way.Far()), key.from_columns));
  Json relationship;
  relationship["type"] = several ? "one_to_many" : "one_to_one";
  relationship["variant"] = "object";
  if (way.second) {
    relationship["through_tables"].push_back(ThroughOf(way));
  } else if (Links(table.name, way.Far()) != 1 || table.name == way.Far()) {
    relationship["foreign_key"]["parent"] = way.first.down ? key.to_columns : key.from_columns;
    relationship["foreign_key"]["child"] = way.first.down ? key.from_columns : key.to_columns;
  }
  return relationship;
}

// A name where that says it all; an object where the name has a dot, or both ends are one table.
Json Introspector::ThroughOf(const Way& way) const {
  const CatalogForeignKey &near = *way.first.key, &far = *way.second->key;
  const TableName& junction = near.from;
  const bool dotted = (junction.schema + junction.table).find('.') != std::string::npos;
  if (near.to != far.to && !dotted) {
    return junction.schema == far.to.schema ? junction.table : schema::ToString(junction);
  }
  Json through;
  through["table"] = junction.table;
  through["schema"] = junction.schema;
  if (near.to == far.to) {
    through["parent"]["parent"] = near.to_columns;
    through["parent"]["through"] = near.from_columns;
    through["child"]["through"] = far.from_columns;
    through["child"]["child"] = far.to_columns;
  }
  return through;
}

std::vector<Way> Introspector::WaysFrom(const CatalogTable& table,
                                        const std::optional<Hop>& arrival) {
  std::vector<Way> ways;
  const auto add = [&](const Way& way) {
    if (arrival && way.first == arrival->Back()) return;
    if (CanBeNode(catalog_.Find(way.Far()), way.Far(), false)) ways.push_back(way);
  };
  for (const CatalogForeignKey* key : keys_) {
    if (key->from == table.name) add({{key, false}, std::nullopt});
  }
  for (const CatalogForeignKey* key : keys_) {
    if (key->to != table.name) continue;
    const CatalogForeignKey* other = OtherSide(*key);
    add(other ? Way{{key, true}, Hop{other, false}} : Way{{key, true}, std::nullopt});
  }
  return ways;
}

// The other foreign key of the junction that holds `key`; nullptr if it is no junction.
const CatalogForeignKey* Introspector::OtherSide(const CatalogForeignKey& key) const {
  const CatalogTable* table = catalog_.Find(key.from);
  if (table == nullptr || !table->may_select) return nullptr;
  const CatalogForeignKey* other = nullptr;
  size_t held = 0;
  for (const CatalogForeignKey& each : catalog_.foreign_keys) {
    if (each.to == key.from) return nullptr;
    if (each.from != key.from) continue;
    ++held;
    if (&each != &key) other = &each;
  }
  if (held != 2 || std::find(keys_.begin(), keys_.end(), other) == keys_.end()) return nullptr;

  Strings linked = key.from_columns;
  linked.insert(linked.end(), other->from_columns.begin(), other->from_columns.end());
  const std::set<std::string> both = SetOf(linked);
  if (both == SetOf(key.from_columns) || both == SetOf(other->from_columns)) return nullptr;
  const bool unique =
      std::any_of(table->indexes.begin(), table->indexes.end(), [&](const CatalogIndex& index) {
        return index.unique && !index.partial && SetOf(index.columns) == both;
      });
  if (!unique) return nullptr;
  const bool own_key = table->primary_key.size() == 1;
  for (const auto& column : table->columns) {
    if (both.contains(column.name)) {
      if (!column.not_null) return nullptr;  // NULLs are not unique, and link nothing
    } else if (!own_key || column.name != table->primary_key.front()) {
      return nullptr;
    }
  }
  return other;
}

// Constraints between two tables, whichever of them holds it: what the validator counts, too.
size_t Introspector::Links(const TableName& a, const TableName& b) const {
  return static_cast<size_t>(std::count_if(
      catalog_.foreign_keys.begin(), catalog_.foreign_keys.end(), [&](const auto& key) {
        return (key.from == a && key.to == b) || (key.from == b && key.to == a);
      }));
}

bool Introspector::CanBeNode(const CatalogTable* table, const TableName& name, bool is_root) {
  const std::string shown = schema::ToString(name);
  if (table == nullptr) {  // dropped since its name was read
    Note(fmt::format("{} is not there any more: left out", shown));
    return false;
  }
  if (!table->may_select) {
    Note(fmt::format("{} may not be read by this role: left out; GRANT SELECT ON {} to it", shown,
                     schema::Quoted(name)));
    return false;
  }
  if (!table->primary_key.empty()) return true;
  const bool is_table = table->kind == 'r' || table->kind == 'p';
  if (is_root && !is_table) {
    Note(fmt::format(
        "{} is no table and has no primary key: add \"primary_key\", the columns that "
        "make its rows unique{}",
        shown, table->kind == 'f' ? "" : ", and \"base_tables\", the tables behind it"));
    return true;
  }
  Note(fmt::format("{} has no primary key: left out", shown));
  return false;
}

void Introspector::Note(std::string text) {
  if (std::find(notes_.begin(), notes_.end(), text) == notes_.end()) {
    notes_.push_back(std::move(text));
  }
}

// The parts of `schema.table`, with quotes taken away; nothing if they do not close.
std::optional<Strings> Identifiers(std::string_view written) {
  Strings parts = {""};
  bool quoted = false;
  for (size_t i = 0; i < written.size(); ++i) {
    if (written[i] == '"' && quoted && i + 1 < written.size() && written[i + 1] == '"') {
      parts.back() += written[i++];
    } else if (written[i] == '"') {
      quoted = !quoted;
    } else if (written[i] == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += written[i];
    }
  }
  if (quoted) return std::nullopt;
  return parts;
}

}  // namespace

base::Result<TableName> FindTable(std::string_view written, const TableNames& names) {
  const auto parts = Identifiers(written);
  if (!parts || parts->size() > 2 || parts->front().empty() || parts->back().empty()) {
    return base::Usage(
        fmt::format("\"{}\" is not the name of a table; use TABLE or SCHEMA.TABLE, and double "
                    "quotes around a name with a dot or a quote in it",
                    written));
  }
  const std::string& table = parts->back();
  std::vector<TableName> found;
  Strings known;
  for (const auto& [name, top] : names) {
    if (parts->size() == 2 ? name == TableName{parts->front(), table} : name.table == table) {
      found.push_back(name);
    }
    known.push_back(name.table);
    known.push_back(schema::ToString(name));
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return base::Usage(
        fmt::format("table \"{}\" does not exist{}", fmt::join(*parts, "."),
                    base::DidYouMean(fmt::format("{}", fmt::join(*parts, ".")), known)));
  }
  const TableName in_public{"public", table};
  if (std::find(found.begin(), found.end(), in_public) != found.end()) return in_public;
  Strings choice;
  for (const TableName& name : found) choice.push_back(schema::ToString(name));
  return base::Usage(fmt::format("table \"{}\" is in several schemas; say which: {}", table,
                                 fmt::join(choice, ", ")));
}

base::Result<Introspected> Introspect(const IntrospectRequest& request,
                                      const schema::Catalog& catalog, const TableNames& names) {
  return Introspector(request, catalog, names).Run();
}

}  // namespace app
