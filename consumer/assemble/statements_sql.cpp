#include "consumer/assemble/statements_sql.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "consumer/assemble/json_cell.h"

namespace assemble::sql {

using schema::DocumentTree;
using schema::Node;
using schema::Quoted;
using schema::QuotedIdentifier;

namespace {

// The name of a computed column in its derived table.
std::string ComputedName(size_t position) { return fmt::format("pgsync.c{}", position); }

// System columns are not among `*`. A view may have columns of its own by these names.
bool IsSystemColumn(const Node& node, const std::string& name) {
  return node.kind != 'v' && (name == "ctid" || name == "xmin");
}

// Expressions end before a newline, so that a comment in them swallows nothing of ours.
std::string Derived(const Node& node, const std::string& table, bool with_ctid) {
  bool derived = !node.filter.empty(), has_ctid = false;
  std::string items = "*";
  for (size_t i = 0; i < node.columns.size(); ++i) {
    const schema::Column& column = node.columns[i];
    if (!column.expression.empty()) {
      derived = true;
      items += fmt::format(", ({}\n) AS {}", column.expression, QuotedIdentifier(ComputedName(i)));
    } else if (IsSystemColumn(node, column.name) && column.path.empty()) {
      if (items.find(", " + column.name) == std::string::npos) items += ", " + column.name;
      has_ctid |= column.name == "ctid";
    }
  }
  if (!derived) return table;
  if (with_ctid && !has_ctid) items += ", ctid";
  std::string text =
      fmt::format("(SELECT {} FROM {} AS {}", items, table, QuotedIdentifier(node.table.table));
  if (!node.filter.empty()) text += fmt::format(" WHERE ({}\n)", node.filter);
  return text + ")";
}

std::string OutputExpression(const std::string& alias, const schema::Column& column,
                             size_t position) {
  std::string value =
      Qualified(alias, column.expression.empty() ? column.name : ComputedName(position));
  if (!column.path.empty()) value = "(" + value + column.path + ")";
  return HasBinaryWriter(column.type_oid) ? value : "to_json(" + value + ")";
}

// The values of a link, as text or, if it is joined by value, as they are; NULL, as if nothing hung
// there, where the parent is of another type than a polymorphic child wants.
int AddLinks(const Node& child, const std::string& alias, SelectList* list) {
  const auto& match = child.polymorphic;
  const bool conditional = match && match->on == schema::TypeMatch::On::kParent;
  const auto first = static_cast<int>(list->items().size());
  for (const std::string& column : UpperColumns(child)) {
    const std::string value = Qualified(alias, column) + (JoinedByValue(child) ? "" : "::text");
    list->Add(!conditional ? value
                           : fmt::format("CASE WHEN {} = {} THEN {} END",
                                         Qualified(alias, match->column), match->value, value));
  }
  return first;
}

}  // namespace

std::string Qualified(const std::string& alias, const std::string& column) {
  return alias + "." + QuotedIdentifier(column);
}

std::string Unnest(const std::vector<std::string>& types, bool ordinality) {
  std::string arguments, names;
  for (size_t i = 0; i < types.size(); ++i) {
    arguments += fmt::format("{}${}::{}[]", i ? ", " : "", i + 1, types[i]);
    names += fmt::format("{}v{}", i ? ", " : "", i + 1);
  }
  return ordinality ? fmt::format("unnest({}) WITH ORDINALITY AS k({}, ord)", arguments, names)
                    : fmt::format("unnest({}) AS k({})", arguments, names);
}

std::string EqualsKeys(const std::string& alias, const std::vector<std::string>& columns) {
  std::string condition;
  for (size_t i = 0; i < columns.size(); ++i) {
    condition += fmt::format("{}{} = k.v{}", i ? " AND " : "", Qualified(alias, columns[i]), i + 1);
  }
  return condition;
}

std::string EqualsColumns(const std::string& left, const std::vector<std::string>& left_columns,
                          const std::string& right, const std::vector<std::string>& right_columns) {
  std::string condition;
  for (size_t i = 0; i < left_columns.size(); ++i) {
    condition += fmt::format("{}{} = {}", i ? " AND " : "", Qualified(left, left_columns[i]),
                             Qualified(right, right_columns[i]));
  }
  return condition;
}

std::string Rows(const Node& node) { return Derived(node, Quoted(node.table), false); }

std::string RowsOfHeap(const Node& node, const std::string& heap) {
  return Derived(node, "ONLY " + heap, true);
}

const std::vector<std::string>& UpperColumns(const Node& node) {
  return node.junction ? node.junction->to_parent.upper : node.link.upper;
}

// With a limit the children of each parent are read on their own, which takes a row per parent.
bool JoinedByValue(const Node& node) {
  const schema::Link& link = node.junction ? node.junction->to_parent : node.link;
  if (link.types.size() != 1 || node.limit != 0) return false;
  const auto integer = [](const std::string& type) {
    return type == "smallint" || type == "integer" || type == "bigint";
  };
  const std::string& upper = link.types[0];
  const std::string& lower = link.lower_types[0];
  return (integer(upper) && integer(lower)) || (upper == "uuid" && lower == "uuid");
}

int SelectList::AddTexts(const std::string& alias, const std::vector<std::string>& columns) {
  const auto first = static_cast<int>(items_.size());
  for (const std::string& column : columns) Add(Qualified(alias, column) + "::text");
  return first;
}

// The cast to text differs from the output function where a type has a cast of its own: it strips
// char(n) and completes inet. A boolean is `true` by the cast, and not `t`.
int SelectList::AddIdTexts(const std::string& alias, const std::vector<std::string>& columns,
                           const std::vector<std::string>& types) {
  const auto first = static_cast<int>(items_.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string value = Qualified(alias, columns[i]);
    const bool own_cast = types[i] == "bpchar" || types[i] == "inet";
    Add(own_cast ? fmt::format("CASE WHEN {0} IS NOT NULL THEN concat({0}) END", value)
                 : value + "::text");
  }
  return first;
}

std::string SelectList::Text() const { return fmt::format("{}", fmt::join(items_, ", ")); }

void AddLinksAndColumns(const DocumentTree& tree, const Node& node, const std::string& alias,
                        SelectList* list, Layout* layout) {
  for (const uint32_t child : node.children) {
    layout->child_links.push_back(AddLinks(tree.nodes[child], alias, list));
  }
  if (tree.meta && node.parent < 0) {
    layout->key = list->AddIdTexts(alias, node.key, node.key_types);
  } else if (tree.meta) {
    layout->key = static_cast<int>(list->items().size());
    for (const std::string& column : node.key) {
      list->Add(fmt::format("to_json({})::text", Qualified(alias, column)));
    }
    layout->junction_key = static_cast<int>(list->items().size());
    if (node.junction) {
      for (const std::string& column : node.junction->key) {
        list->Add(fmt::format("to_json({})::text", Qualified("j", column)));
      }
    }
  }
  const auto add_lookup = [&](int32_t entry_id, const std::string& table) {
    if (entry_id < 0) return -1;
    const schema::EntryPoint& entry = tree.entries[static_cast<size_t>(entry_id)];
    return list->AddIdTexts(table, entry.columns, entry.types);
  };
  layout->lookup = add_lookup(node.lookup, alias);
  if (node.junction) layout->junction_lookup = add_lookup(node.junction->lookup, "j");
  layout->columns = -1;
  for (size_t i = 0; i < node.columns.size(); ++i) {
    const int at = list->Add(OutputExpression(alias, node.columns[i], i));
    if (layout->columns < 0) layout->columns = at;
    if (node.variant == schema::Variant::kScalar) break;  // only the first counts
  }
}

}  // namespace assemble::sql
