#include "consumer/assemble/statements.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "consumer/assemble/json_cell.h"

namespace assemble {
namespace {

using schema::DocumentTree;
using schema::Node;
using schema::Quoted;
using schema::QuotedIdentifier;

std::string Qualified(const std::string& alias, const std::string& column) {
  return alias + "." + QuotedIdentifier(column);
}

std::string OutputExpression(const std::string& alias, const schema::Column& column) {
  std::string value = Qualified(alias, column.name);
  if (!column.path.empty()) value = "(" + value + column.path + ")";
  return HasBinaryWriter(column.type_oid) ? value : "to_json(" + value + ")";
}

// "unnest($1::a[], $2::b[])" and the alias "k(v1, v2)" or, with ordinality, "k(v1, v2, ord)".
std::string Unnest(const std::vector<std::string>& types, bool ordinality) {
  std::string arguments, names;
  for (size_t i = 0; i < types.size(); ++i) {
    arguments += fmt::format("{}${}::{}[]", i ? ", " : "", i + 1, types[i]);
    names += fmt::format("{}v{}", i ? ", " : "", i + 1);
  }
  return ordinality ? fmt::format("unnest({}) WITH ORDINALITY AS k({}, ord)", arguments, names)
                    : fmt::format("unnest({}) AS k({})", arguments, names);
}

// "a.x = k.v1 AND a.y = k.v2"
std::string EqualsKeys(const std::string& alias, const std::vector<std::string>& columns) {
  std::string condition;
  for (size_t i = 0; i < columns.size(); ++i) {
    condition += fmt::format("{}{} = k.v{}", i ? " AND " : "", Qualified(alias, columns[i]), i + 1);
  }
  return condition;
}

// "a.x = b.y AND …"
std::string EqualsColumns(const std::string& left, const std::vector<std::string>& left_columns,
                          const std::string& right, const std::vector<std::string>& right_columns) {
  std::string condition;
  for (size_t i = 0; i < left_columns.size(); ++i) {
    condition += fmt::format("{}{} = {}", i ? " AND " : "", Qualified(left, left_columns[i]),
                             Qualified(right, right_columns[i]));
  }
  return condition;
}

const std::vector<std::string>& UpperColumns(const Node& node) {
  return node.junction ? node.junction->to_parent.upper : node.link.upper;
}

// Collects select items and remembers where they went.
class SelectList {
 public:
  int Add(const std::string& expression) {
    if (count_ > 0) text_ += ", ";
    text_ += expression;
    return count_++;
  }
  int AddTexts(const std::string& alias, const std::vector<std::string>& columns) {
    const int first = count_;
    for (const std::string& column : columns) Add(Qualified(alias, column) + "::text");
    return first;
  }
  // Parts of an _id: the text of the type's output function (docs/schema-reference.md section 5),
  // and `true`, not `t`.
  // The cast to text differs from it where a type has a cast of its own: it strips char(n) and
  // completes inet.
  int AddIdTexts(const std::string& alias, const std::vector<std::string>& columns,
                 const std::vector<std::string>& types) {
    const int first = count_;
    for (size_t i = 0; i < columns.size(); ++i) {
      const std::string value = Qualified(alias, columns[i]);
      const bool own_cast = types[i] == "bpchar" || types[i] == "inet";
      Add(own_cast ? fmt::format("CASE WHEN {0} IS NOT NULL THEN concat({0}) END", value)
                   : value + "::text");
    }
    return first;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int count_ = 0;
};

// What every node selects after its own head: the link values of its children, then its output
// columns.
void AddLinksAndColumns(const DocumentTree& tree, const Node& node, const std::string& alias,
                        SelectList* list, Layout* layout) {
  for (const uint32_t child : node.children) {
    layout->child_links.push_back(list->AddTexts(alias, UpperColumns(tree.nodes[child])));
  }
  layout->columns = -1;
  for (const schema::Column& column : node.columns) {
    const int at = list->Add(OutputExpression(alias, column));
    if (layout->columns < 0) layout->columns = at;
  }
}

std::string Lock(const DocumentTree& tree) {
  std::set<std::string> tables;
  const auto add = [&](const schema::TableName& table, char kind) {
    // Materialized views and foreign tables cannot be locked by this statement.
    if (kind == 'r' || kind == 'p' || kind == 'v') tables.insert(Quoted(table));
  };
  for (const Node& node : tree.nodes) {
    add(node.table, node.kind);
    if (node.junction) add(node.junction->table, node.junction->kind);
  }
  if (tables.empty()) return "";
  return fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE", fmt::join(tables, ", "));
}

NodeStatement RootByKey(const DocumentTree& tree) {
  const Node& root = tree.nodes[0];
  NodeStatement statement;
  SelectList list;
  statement.layout.id = list.AddIdTexts("r", tree.id_columns, tree.id_types);
  std::vector<std::string> wanted;
  for (size_t i = 0; i < tree.id_columns.size(); ++i) wanted.push_back(fmt::format("v{}", i + 1));
  statement.layout.wanted_id = list.AddIdTexts("k", wanted, tree.id_types);
  AddLinksAndColumns(tree, root, "r", &list, &statement.layout);
  statement.sql = fmt::format("SELECT {} FROM {} LEFT JOIN {} AS r ON {}", list.text(),
                              Unnest(tree.id_types, false), Quoted(root.table),
                              EqualsKeys("r", tree.id_columns));
  return statement;
}

NodeStatement RootWhere(const DocumentTree& tree, const std::string& from,
                        const std::string& condition) {
  NodeStatement statement;
  SelectList list;
  statement.layout.id = list.AddIdTexts("r", tree.id_columns, tree.id_types);
  AddLinksAndColumns(tree, tree.nodes[0], "r", &list, &statement.layout);
  statement.sql = fmt::format("SELECT {} FROM {} AS r{}{}", list.text(), from,
                              condition.empty() ? "" : " WHERE ", condition);
  return statement;
}

// "(r.a, r.b) > ($1::x, $2::y)"
std::string KeyCompare(const DocumentTree& tree, const char* op, size_t first_parameter) {
  std::string columns, parameters;
  for (size_t i = 0; i < tree.id_columns.size(); ++i) {
    columns += (i ? ", " : "") + Qualified("r", tree.id_columns[i]);
    parameters += fmt::format("{}${}::{}", i ? ", " : "", first_parameter + i, tree.id_types[i]);
  }
  return fmt::format("({}) {} ({})", columns, op, parameters);
}

NodeStatement RootByKeyRange(const DocumentTree& tree, bool lower, bool upper) {
  std::string condition;
  if (lower) condition = KeyCompare(tree, ">", 1);
  if (upper) {
    if (lower) condition += " AND ";
    condition += KeyCompare(tree, "<=", lower ? tree.id_columns.size() + 1 : 1);
  }
  return RootWhere(tree, Quoted(tree.nodes[0].table), condition);
}

NodeStatement Level(const DocumentTree& tree, const Node& node) {
  NodeStatement statement;
  statement.links = UpperColumns(node).size();
  SelectList list;
  statement.layout.ordinal = list.Add("k.ord");
  AddLinksAndColumns(tree, node, "c", &list, &statement.layout);

  std::string order = "k.ord";
  for (const std::string& column : node.key) order += ", " + Qualified("c", column);
  if (node.junction) {
    const schema::Junction& junction = *node.junction;
    for (const std::string& column : junction.key) order += ", " + Qualified("j", column);
    statement.sql = fmt::format(
        "SELECT {} FROM {} JOIN {} AS j ON {} JOIN {} AS c ON {} ORDER BY {}", list.text(),
        Unnest(junction.to_parent.types, true), Quoted(junction.table),
        EqualsKeys("j", junction.to_parent.lower), Quoted(node.table),
        EqualsColumns("c", junction.to_child.lower, "j", junction.to_child.upper), order);
  } else {
    statement.sql = fmt::format("SELECT {} FROM {} JOIN {} AS c ON {} ORDER BY {}", list.text(),
                                Unnest(node.link.types, true), Quoted(node.table),
                                EqualsKeys("c", node.link.lower), order);
  }
  return statement;
}

// JOINs from alias `from` of `node` up to the root; the alias of node n is "n<id>".
std::string JoinsUpward(const DocumentTree& tree, uint32_t from) {
  std::string joins;
  for (uint32_t at = from; at != 0;) {
    const Node& node = tree.nodes[at];
    const auto parent = static_cast<uint32_t>(node.parent);
    const std::string lower = fmt::format("n{}", at), upper = fmt::format("n{}", parent);
    if (node.junction) {
      const schema::Junction& junction = *node.junction;
      const std::string middle = fmt::format("j{}", at);
      joins += fmt::format(
          " JOIN {} AS {} ON {} JOIN {} AS {} ON {}", Quoted(junction.table), middle,
          EqualsColumns(middle, junction.to_child.upper, lower, junction.to_child.lower),
          Quoted(tree.nodes[parent].table), upper,
          EqualsColumns(upper, junction.to_parent.upper, middle, junction.to_parent.lower));
    } else {
      joins += fmt::format(" JOIN {} AS {} ON {}", Quoted(tree.nodes[parent].table), upper,
                           EqualsColumns(upper, node.link.upper, lower, node.link.lower));
    }
    at = parent;
  }
  return joins;
}

// When the values that enter at `entry` are, column by column, the root's key with the root's
// types, no SQL is needed.
bool IsDirect(const DocumentTree& tree, const schema::EntryPoint& entry,
              const std::vector<std::string>& parent_columns, std::vector<size_t>* order) {
  if (parent_columns.size() != tree.id_columns.size()) return false;
  order->clear();
  for (size_t i = 0; i < tree.id_columns.size(); ++i) {
    const auto at = std::find(parent_columns.begin(), parent_columns.end(), tree.id_columns[i]);
    if (at == parent_columns.end()) return false;
    const auto position = static_cast<size_t>(at - parent_columns.begin());
    if (entry.types[position] != tree.id_types[i]) return false;
    order->push_back(position);
  }
  return true;
}

ClimbStatement Climb(const DocumentTree& tree, const schema::EntryPoint& entry) {
  ClimbStatement climb;
  if (entry.via == schema::EntryPoint::Via::kRoot) {
    climb.direct = IsDirect(tree, entry, entry.columns, &climb.order);
    return climb;
  }
  const Node& node = tree.nodes[entry.node];
  const auto parent = static_cast<uint32_t>(node.parent);
  const bool through_junction = entry.via == schema::EntryPoint::Via::kChild && node.junction;
  if (parent == 0 && !through_junction && IsDirect(tree, entry, UpperColumns(node), &climb.order)) {
    climb.direct = true;
    return climb;
  }

  const std::string parent_alias = fmt::format("n{}", parent);
  std::string from = Unnest(entry.types, false);
  if (through_junction) {
    const schema::Junction& junction = *node.junction;
    from += fmt::format(
        " JOIN {} AS j ON {} JOIN {} AS {} ON {}", Quoted(junction.table),
        EqualsKeys("j", junction.to_child.upper), Quoted(tree.nodes[parent].table), parent_alias,
        EqualsColumns(parent_alias, junction.to_parent.upper, "j", junction.to_parent.lower));
  } else {
    from += fmt::format(" JOIN {} AS {} ON {}", Quoted(tree.nodes[parent].table), parent_alias,
                        EqualsKeys(parent_alias, UpperColumns(node)));
  }
  from += JoinsUpward(tree, parent);
  SelectList list;
  list.AddIdTexts("n0", tree.id_columns, tree.id_types);
  climb.sql = fmt::format("SELECT DISTINCT {} FROM {}", list.text(), from);
  return climb;
}

}  // namespace

TreeStatements MakeStatements(const DocumentTree& tree) {
  TreeStatements statements;
  statements.lock = Lock(tree);
  statements.root_by_key = RootByKey(tree);
  statements.root_by_pages =
      RootWhere(tree, std::string("ONLY ") + kHeapMark, "r.ctid >= $1::tid AND r.ctid < $2::tid");
  for (const bool lower : {false, true}) {
    for (const bool upper : {false, true}) {
      statements.root_by_key_range[lower][upper] = RootByKeyRange(tree, lower, upper);
    }
  }
  statements.levels.resize(tree.nodes.size());
  for (size_t i = 1; i < tree.nodes.size(); ++i) {
    statements.levels[i] = Level(tree, tree.nodes[i]);
  }
  for (const schema::EntryPoint& entry : tree.entries) {
    statements.climbs.push_back(Climb(tree, entry));
  }
  return statements;
}

std::string NextKeySql(const DocumentTree& tree, bool after, uint32_t rows) {
  SelectList list;
  list.AddTexts("r", tree.id_columns);
  std::string order;
  for (const std::string& column : tree.id_columns) {
    order += (order.empty() ? "" : ", ") + Qualified("r", column);
  }
  return fmt::format("SELECT {} FROM {} AS r{}{} ORDER BY {} OFFSET {} LIMIT 1", list.text(),
                     Quoted(tree.nodes[0].table), after ? " WHERE " : "",
                     after ? KeyCompare(tree, ">", 1) : "", order, rows - 1);
}

std::string DescribePlan(const DocumentTree& tree) {
  const TreeStatements statements = MakeStatements(tree);
  std::string text = fmt::format("  {} by key:\n    {}\n", schema::ToString(tree.nodes[0].table),
                                 statements.root_by_key.sql);
  for (size_t i = 1; i < tree.nodes.size(); ++i) {
    text += fmt::format("  level \"{}\" ({}):\n    {}\n", tree.nodes[i].label,
                        schema::ToString(tree.nodes[i].table), statements.levels[i].sql);
  }
  for (const schema::EntryPoint& entry : tree.entries) {
    const ClimbStatement& climb = statements.climbs[entry.id];
    if (entry.id == 0) continue;
    text += fmt::format(
        "  roots of a change in {} (as {}\"{}\"):\n    {}\n", schema::ToString(entry.table),
        entry.via == schema::EntryPoint::Via::kJunction ? "junction of " : "",
        tree.nodes[entry.node].label, climb.direct ? "(its link is the root's key)" : climb.sql);
  }
  return text;
}

}  // namespace assemble
