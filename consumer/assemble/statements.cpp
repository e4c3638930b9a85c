#include "consumer/assemble/statements.h"

#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "consumer/assemble/json_cell.h"
#include "consumer/assemble/statements_sql.h"

namespace assemble {
namespace {

using schema::DocumentTree;
using schema::Node;
using schema::Quoted;
using sql::SelectList;

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

// The JSON value's text, as routing by the finished document would have it.
int AddRouting(const std::string& value, SelectList* list) {
  return list->Add(fmt::format("to_json({}) #>> '{{}}'", value));
}

NodeStatement RootByKey(const DocumentTree& tree) {
  const Node& root = tree.nodes[0];
  NodeStatement statement;
  SelectList list;
  statement.layout.id = list.AddIdTexts("r", tree.id_columns, tree.id_types);
  std::vector<std::string> wanted;
  for (size_t i = 0; i < tree.id_columns.size(); ++i) wanted.push_back(fmt::format("v{}", i + 1));
  statement.layout.wanted_id = list.AddIdTexts("k", wanted, tree.id_types);
  std::vector<std::string> types = tree.id_types;
  if (!tree.routing_column.empty()) {
    types.push_back(tree.routing_type);
    statement.layout.routing = AddRouting(sql::Qualified("r", tree.routing_column), &list);
    statement.layout.wanted_routing = AddRouting(fmt::format("k.v{}", types.size()), &list);
  }
  sql::AddLinksAndColumns(tree, root, "r", &list, &statement.layout);
  statement.sql = fmt::format("SELECT {} FROM {} LEFT JOIN {} AS r ON {}", list.Text(),
                              sql::Unnest(types, false), sql::Rows(root),
                              sql::EqualsKeys("r", tree.id_columns));
  return statement;
}

NodeStatement RootWhere(const DocumentTree& tree, const std::string& from,
                        const std::string& condition) {
  NodeStatement statement;
  SelectList list;
  statement.layout.id = list.AddIdTexts("r", tree.id_columns, tree.id_types);
  if (!tree.routing_column.empty()) {
    statement.layout.routing = AddRouting(sql::Qualified("r", tree.routing_column), &list);
  }
  sql::AddLinksAndColumns(tree, tree.nodes[0], "r", &list, &statement.layout);
  statement.sql = fmt::format("SELECT {} FROM {} AS r{}{}", list.Text(), from,
                              condition.empty() ? "" : " WHERE ", condition);
  return statement;
}

// "(r.a, r.b) > ($1::x, $2::y)"
std::string KeyCompare(const DocumentTree& tree, const char* op, size_t first_parameter) {
  std::string columns, parameters;
  for (size_t i = 0; i < tree.id_columns.size(); ++i) {
    columns += (i ? ", " : "") + sql::Qualified("r", tree.id_columns[i]);
    parameters += fmt::format("{}${}::{}", i ? ", " : "", first_parameter + i, tree.id_types[i]);
  }
  return fmt::format("({}) {} ({})", columns, op, parameters);
}

std::string KeyRange(const DocumentTree& tree, bool lower, bool upper) {
  std::string condition;
  if (lower) condition = KeyCompare(tree, ">", 1);
  if (upper) {
    if (lower) condition += " AND ";
    condition += KeyCompare(tree, "<=", lower ? tree.id_columns.size() + 1 : 1);
  }
  return condition;
}

std::string IdsWhere(const DocumentTree& tree, const std::string& from,
                     const std::string& condition) {
  SelectList list;
  list.AddIdTexts("r", tree.id_columns, tree.id_types);
  return fmt::format("SELECT {} FROM {} AS r{}{}", list.Text(), from,
                     condition.empty() ? "" : " WHERE ", condition);
}

}  // namespace

TreeStatements MakeStatements(const DocumentTree& tree) {
  TreeStatements statements;
  statements.lock = Lock(tree);
  statements.root_by_key = RootByKey(tree);
  const std::string pages = "r.ctid >= $1::tid AND r.ctid < $2::tid";
  statements.root_by_pages = RootWhere(tree, sql::RowsOfHeap(tree.nodes[0], kHeapMark), pages);
  statements.ids_by_pages = IdsWhere(tree, std::string("ONLY ") + kHeapMark, pages);
  for (const bool lower : {false, true}) {
    for (const bool upper : {false, true}) {
      const std::string range = KeyRange(tree, lower, upper);
      statements.root_by_key_range[lower][upper] = RootWhere(tree, sql::Rows(tree.nodes[0]), range);
      statements.ids_by_key_range[lower][upper] =
          IdsWhere(tree, Quoted(tree.nodes[0].table), range);
    }
  }
  statements.levels.resize(tree.nodes.size());
  statements.scanned_levels.resize(tree.nodes.size());
  for (size_t i = 1; i < tree.nodes.size(); ++i) {
    statements.levels[i] = sql::Level(tree, tree.nodes[i]);
    statements.scanned_levels[i] = sql::ScannedLevel(tree, tree.nodes[i]);
  }
  for (const schema::EntryPoint& entry : tree.entries) {
    statements.climbs.push_back(sql::Climb(tree, entry));
  }
  return statements;
}

std::string NextKeySql(const DocumentTree& tree, bool after, uint32_t rows) {
  SelectList list;
  list.AddTexts("r", tree.id_columns);
  std::string order;
  for (const std::string& column : tree.id_columns) {
    order += (order.empty() ? "" : ", ") + sql::Qualified("r", column);
  }
  return fmt::format("SELECT {} FROM {} AS r{}{} ORDER BY {} OFFSET {} LIMIT 1", list.Text(),
                     Quoted(tree.nodes[0].table), after ? " WHERE " : "",
                     after ? KeyCompare(tree, ">", 1) : "", order, rows - 1);
}

std::vector<ListedStatement> ListStatements(const DocumentTree& tree,
                                            const LoadStrategy* strategy) {
  const auto arrays = [](std::vector<std::string> types) {
    for (std::string& type : types) type += "[]";
    return types;
  };
  const TreeStatements statements = MakeStatements(tree);
  const Node& root = tree.nodes[0];
  const std::string root_name = schema::ToString(root.table);
  std::vector<ListedStatement> listed;
  std::vector<std::string> key_types = tree.id_types;
  if (!tree.routing_column.empty()) key_types.push_back(tree.routing_type);
  listed.push_back({root_name + " by key", statements.root_by_key.sql, arrays(key_types)});
  if (root.kind == 'r' || root.kind == 'm') {
    std::string pages = statements.root_by_pages.sql;
    pages.replace(pages.find(kHeapMark), std::string(kHeapMark).size(), Quoted(root.table));
    listed.push_back({root_name + " by pages", pages, {"tid", "tid"}});
  }
  for (size_t i = 1; i < tree.nodes.size(); ++i) {
    const Node& node = tree.nodes[i];
    listed.push_back({fmt::format("level \"{}\" ({})", node.label, schema::ToString(node.table)),
                      strategy != nullptr && strategy->levels[i].scanned
                          ? statements.scanned_levels[i]
                          : statements.levels[i].sql,
                      arrays(node.junction ? node.junction->to_parent.types : node.link.types)});
  }
  for (const schema::EntryPoint& entry : tree.entries) {
    using Via = schema::EntryPoint::Via;
    const ClimbStatement& climb = statements.climbs[entry.id];
    if (entry.via == Via::kRoot || entry.via == Via::kLookup) continue;
    const char* as = entry.via == Via::kJunction                              ? "junction of "
                     : entry.via == Via::kView || entry.via == Via::kViewLink ? "behind view "
                                                                              : "";
    const Node& node = tree.nodes[entry.node];
    listed.push_back(
        {fmt::format("roots of a change in {} (as {}\"{}\")", schema::ToString(entry.table), as,
                     entry.node == 0 ? root_name : node.label),
         climb.sql, climb.direct ? std::vector<std::string>() : arrays(entry.types)});
  }
  return listed;
}

std::string DescribePlan(const DocumentTree& tree) {
  std::string text;
  for (const ListedStatement& statement : ListStatements(tree)) {
    text += fmt::format("  {}:\n    {}\n", statement.heading,
                        statement.sql.empty() ? "(its link is the root's key)" : statement.sql);
  }
  return text;
}

}  // namespace assemble
