#include "consumer/schema/resolve_join.h"

#include <algorithm>
#include <array>
#include <span>

#include "consumer/base/json_text.h"
#include "consumer/base/nearest.h"

namespace schema {
namespace {

using ColumnPairs = std::vector<std::pair<std::string, std::string>>;  // upper, lower

ColumnPairs PairsOf(const std::vector<std::string>& upper, const std::vector<std::string>& lower) {
  ColumnPairs pairs;
  for (size_t i = 0; i < upper.size() && i < lower.size(); ++i) {
    pairs.emplace_back(upper[i], lower[i]);
  }
  return pairs;
}

bool SamePairs(ColumnPairs a, ColumnPairs b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

// The joins that the constraints between the two tables spell out, in either direction. Two
// constraints on the same columns make one join, so they leave nothing to choose. Of a
// self-reference both directions are candidates.
std::vector<ColumnPairs> Candidates(const Catalog& catalog, const TableName& upper,
                                    const TableName& lower) {
  std::vector<ColumnPairs> candidates;
  const auto add = [&](ColumnPairs pairs) {
    if (pairs.empty()) return;
    const bool known = std::any_of(candidates.begin(), candidates.end(),
                                   [&](const auto& other) { return SamePairs(other, pairs); });
    if (!known) candidates.push_back(std::move(pairs));
  };
  for (const CatalogForeignKey& key : catalog.foreign_keys) {
    if (key.from == lower && key.to == upper) add(PairsOf(key.to_columns, key.from_columns));
    if (key.from == upper && key.to == lower) add(PairsOf(key.from_columns, key.to_columns));
  }
  return candidates;
}

std::string ColumnList(const std::vector<std::string>& columns) {
  std::string text = "[";
  for (const std::string& column : columns) {
    if (text.size() > 1) text += ", ";
    base::AppendJsonString(column, &text);
  }
  return text + "]";
}

std::vector<std::string> Uppers(const ColumnPairs& pairs) {
  std::vector<std::string> columns;
  for (const auto& [upper, lower] : pairs) columns.push_back(upper);
  return columns;
}

std::vector<std::string> Lowers(const ColumnPairs& pairs) {
  std::vector<std::string> columns;
  for (const auto& [upper, lower] : pairs) columns.push_back(lower);
  return columns;
}

// `{"parent": ["id"], "child": ["book_id"]}`: ready to paste.
std::string AsJson(const ColumnPairs& pairs, const std::string& upper_word,
                   const std::string& lower_word) {
  return "{\"" + upper_word + "\": " + ColumnList(Uppers(pairs)) + ", \"" + lower_word +
         "\": " + ColumnList(Lowers(pairs)) + "}";
}

std::string ListOf(const std::vector<ColumnPairs>& candidates, const std::string& upper_word,
                   const std::string& lower_word) {
  std::vector<std::string> texts;
  for (const ColumnPairs& pairs : candidates) {
    texts.push_back(AsJson(pairs, upper_word, lower_word));
  }
  return Joined(texts);
}

Link LinkOf(const ColumnPairs& pairs, const CatalogTable& upper, const CatalogTable& lower) {
  Link link;
  link.upper = Uppers(pairs);
  link.lower = Lowers(pairs);
  link.types = TypesOf(upper, link.upper);
  link.lower_types = TypesOf(lower, link.lower);
  return link;
}

bool Contains(std::span<const uint32_t> oids, uint32_t oid) {
  return std::find(oids.begin(), oids.end(), oid) != oids.end();
}

// Whether PostgreSQL has an `=` for the two types, its implicit casts included. Oids from
// pg_type.dat; types of extensions and enums compare with themselves, and citext with the texts.
bool Comparable(const CatalogColumn& a, const CatalogColumn& b) {
  // json, xml, point, polygon and path have no `=` that a join could use.
  static constexpr std::array<uint32_t, 5> kWithoutEquality = {114, 142, 600, 604, 602};
  static constexpr std::array<uint32_t, 7> kNumbers = {20, 21, 23, 26, 700, 701, 1700};
  static constexpr std::array<uint32_t, 5> kTexts = {18, 19, 25, 1042, 1043};
  static constexpr std::array<uint32_t, 3> kTimes = {1082, 1114, 1184};
  static constexpr std::array<uint32_t, 2> kNetworks = {650, 869};
  static constexpr std::array<uint32_t, 2> kBits = {1560, 1562};
  static constexpr std::array<uint32_t, 2> kOids = {26, 2205};
  static constexpr std::array<uint32_t, 2> kClocks = {1083, 1266};
  if (Contains(kWithoutEquality, a.type_oid) || Contains(kWithoutEquality, b.type_oid)) {
    return false;
  }
  if (a.type_oid == b.type_oid) return true;
  const std::array<std::span<const uint32_t>, 7> families = {kNumbers, kTexts, kTimes, kNetworks,
                                                             kBits,    kOids,  kClocks};
  for (const auto& family : families) {
    if (Contains(family, a.type_oid) && Contains(family, b.type_oid)) return true;
  }
  const auto is_citext = [](const CatalogColumn& column) {
    return column.type_name == "citext" || column.type_name.ends_with(".citext");
  };
  return (is_citext(a) && Contains(kTexts, b.type_oid)) ||
         (is_citext(b) && Contains(kTexts, a.type_oid));
}

std::string TypeForPeople(const CatalogColumn& column) {
  return column.declared_type.empty() ? column.type_name : column.declared_type;
}

// The join that the file names: its columns must exist and compare.
std::optional<Link> ExplicitLink(const JoinSpec& join, const CatalogTable& upper,
                                 const CatalogTable& lower, Findings* findings) {
  bool whole = true;
  for (size_t i = 0; i < join.upper.size(); ++i) {
    const std::string at = "[" + std::to_string(i) + "]";
    const CatalogColumn* above =
        FindColumn(upper, join.upper[i], join.path + "." + join.upper_word + at, findings);
    const CatalogColumn* below =
        FindColumn(lower, join.lower[i], join.path + "." + join.lower_word + at, findings);
    if (above == nullptr || below == nullptr) {
      whole = false;
    } else if (!Comparable(*above, *below)) {
      whole = false;
      findings->Error(join.path, upper.name.table + "." + above->name + " is " +
                                     TypeForPeople(*above) + ", " + lower.name.table + "." +
                                     below->name + " is " + TypeForPeople(*below) +
                                     ": not comparable");
    }
  }
  if (!whole) return std::nullopt;
  return LinkOf(PairsOf(join.upper, join.lower), upper, lower);
}

// One side of a junction: from the file, else from the only constraint left. `taken` is the other
// side's explicit join, if both sides are the same table: its constraint is not a candidate here.
struct Side {
  const std::optional<JoinSpec>& join;
  const CatalogTable& upper;
  const CatalogTable& lower;
  const std::string upper_word, lower_word;
  ColumnPairs taken;  // upper, lower in the order of this side
};

std::optional<Link> ResolveSide(const Side& side, const TableName& junction, const TableName& other,
                                const std::string& path, const Catalog& catalog,
                                Findings* findings) {
  if (side.join) return ExplicitLink(*side.join, side.upper, side.lower, findings);
  std::vector<ColumnPairs> candidates = Candidates(catalog, side.upper.name, side.lower.name);
  std::erase_if(candidates, [&](const ColumnPairs& pairs) { return SamePairs(pairs, side.taken); });
  if (candidates.empty()) {
    findings->Error(path, ToString(junction) + " has no " + (side.taken.empty() ? "" : "other ") +
                              "foreign key to " + ToString(other));
    return std::nullopt;
  }
  if (candidates.size() > 1) {
    const std::string which = side.upper_word == "parent" ? "parent" : "child";
    findings->Error(path, Counted(candidates.size(), "foreign key") + " between " +
                              ToString(junction) + " and " + ToString(other) +
                              "; write the junction as an object and choose one for \"" + which +
                              "\": " + ListOf(candidates, side.upper_word, side.lower_word));
    return std::nullopt;
  }
  return LinkOf(candidates[0], side.upper, side.lower);
}

}  // namespace

const CatalogColumn* ColumnOf(const CatalogTable& table, const std::string& name) {
  const auto it = std::find_if(table.columns.begin(), table.columns.end(),
                               [&](const CatalogColumn& column) { return column.name == name; });
  return it == table.columns.end() ? nullptr : &*it;
}

const CatalogColumn* FindColumn(const CatalogTable& table, const std::string& name,
                                const std::string& path, Findings* findings) {
  if (const CatalogColumn* column = ColumnOf(table, name)) return column;
  std::vector<std::string> names;
  for (const CatalogColumn& column : table.columns) names.push_back(column.name);
  findings->Error(path, "column \"" + name + "\" does not exist in " + ToString(table.name) +
                            base::DidYouMean(name, names));
  return nullptr;
}

std::vector<std::string> TypesOf(const CatalogTable& table,
                                 const std::vector<std::string>& columns) {
  std::vector<std::string> types;
  for (const std::string& name : columns) {
    const CatalogColumn* column = ColumnOf(table, name);
    types.push_back(column == nullptr ? "" : column->type_name);
  }
  return types;
}

std::optional<Link> ResolveLink(const NodeSpec& child, const CatalogTable& parent_table,
                                const CatalogTable& child_table, const Catalog& catalog,
                                Findings* findings) {
  if (child.foreign_key) {
    return ExplicitLink(*child.foreign_key, parent_table, child_table, findings);
  }
  const std::string path = child.path + ".relationship";
  const std::vector<ColumnPairs> candidates =
      Candidates(catalog, parent_table.name, child_table.name);
  const std::string between =
      " between " + ToString(parent_table.name) + " and " + ToString(child_table.name);
  if (candidates.empty()) {
    findings->Error(path, "no foreign key" + between +
                              "; add \"foreign_key\": {\"parent\": […], \"child\": […]}");
    return std::nullopt;
  }
  if (candidates.size() > 1) {
    findings->Error(path, std::to_string(candidates.size()) + " foreign keys" + between +
                              "; choose one: " + ListOf(candidates, "parent", "child"));
    return std::nullopt;
  }
  return LinkOf(candidates[0], parent_table, child_table);
}

std::optional<Junction> ResolveJunction(const NodeSpec& child, const CatalogTable& parent_table,
                                        const CatalogTable& junction_table,
                                        const CatalogTable& child_table, const Catalog& catalog,
                                        Findings* findings) {
  const JunctionSpec& spec = *child.junction;
  Side parent_side{spec.to_parent, parent_table, junction_table, "parent", "through", {}};
  Side child_side{spec.to_child, junction_table, child_table, "through", "child", {}};
  if (parent_table.name == child_table.name) {
    // Both sides lead to one table: what one side takes explicitly is not left for the other.
    if (spec.to_child) parent_side.taken = PairsOf(spec.to_child->lower, spec.to_child->upper);
    if (spec.to_parent) child_side.taken = PairsOf(spec.to_parent->lower, spec.to_parent->upper);
  }
  auto to_parent =
      ResolveSide(parent_side, spec.table, parent_table.name, spec.path, catalog, findings);
  auto to_child =
      ResolveSide(child_side, spec.table, child_table.name, spec.path, catalog, findings);
  if (!to_parent || !to_child) return std::nullopt;
  if (parent_table.name == child_table.name && !spec.to_parent && !spec.to_child) {
    findings->Error(spec.path, ToString(spec.table) + " has one foreign key to " +
                                   ToString(child_table.name) +
                                   ", which would join each row to itself; write the junction as "
                                   "an object with \"parent\" and \"child\"");
    return std::nullopt;
  }
  if (junction_table.kind != 'r' && junction_table.kind != 'p') {
    findings->Warning(spec.path, ToString(spec.table) +
                                     " is not a table: its changes are not followed. Where they "
                                     "matter, make it a node of its own, with \"base_tables\"");
  }
  Junction junction;
  junction.table = spec.table;
  junction.kind = junction_table.kind;
  junction.to_parent = *std::move(to_parent);
  junction.to_child = *std::move(to_child);
  junction.key = junction_table.primary_key;
  return junction;
}

}  // namespace schema
