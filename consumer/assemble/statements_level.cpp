// Rows below the root: one statement per node, sorted by the parent they belong to, and within it
// by order_by, the child's key and the junction's key.
//
// With a limit the rows of each parent are read on their own (LATERAL): with an index on the link
// and the order, no more than the limit is ever read. Joining all children and numbering them would
// read them all, and every chunk holds thousands of parents.
//
// Without an index on the link all rows of the table are read anyway. For that there is a second
// text with the same result: a join whose generic plan is one pass over the table, with the parents
// in a hash table, and a limit by numbering. The planner must not see how many parents there are:
// it then hashes the table instead, and `= ANY` it compares with one after the other when it does
// not see them.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "consumer/assemble/statements_sql.h"

namespace assemble::sql {
namespace {

using schema::DocumentTree;
using schema::Node;
using On = schema::TypeMatch::On;

struct Order {
  std::string expression;
  const char* direction;  // with its leading space; "" = PostgreSQL's default
};

const char* Direction(const schema::OrderBy& order) {
  // What is PostgreSQL's default is left out.
  if (order.descending) return order.nulls_first ? " DESC" : " DESC NULLS LAST";
  return order.nulls_first ? " NULLS FIRST" : "";
}

// What comes after the parent's ordinal.
std::vector<Order> OrderOf(const Node& node) {
  std::vector<Order> order;
  const auto add = [&order](std::string expression, const char* direction) {
    const bool known = std::any_of(order.begin(), order.end(),
                                   [&](const Order& o) { return o.expression == expression; });
    if (!known) order.push_back({std::move(expression), direction});
  };
  for (const schema::OrderBy& by : node.order_by) add(Qualified("c", by.column), Direction(by));
  for (const std::string& column : node.key) add(Qualified("c", column), "");
  if (node.junction) {
    for (const std::string& column : node.junction->key) add(Qualified("j", column), "");
  }
  return order;
}

// " AND c."type" = 'Post'"; the parent's type is looked at where its link values are selected.
std::string TypeCondition(const Node& node, On on) {
  const auto& match = node.polymorphic;
  if (!match || match->on != on) return "";
  return fmt::format(" AND {} = {}", Qualified(on == On::kChild ? "c" : "j", match->column),
                     match->value);
}

struct From {
  std::string first, alias;                 // the relation that joins to the parents
  const std::vector<std::string>& columns;  // and by which columns
  std::string condition;                    // what else holds for its rows, after " AND "
  std::string rest;                         // further joins
};

From FromOf(const Node& node) {
  if (!node.junction) {
    return {Rows(node) + " AS c", "c", node.link.lower, TypeCondition(node, On::kChild), ""};
  }
  const schema::Junction& junction = *node.junction;
  return {schema::Quoted(junction.table) + " AS j", "j", junction.to_parent.lower,
          TypeCondition(node, On::kThrough),
          fmt::format(" JOIN {} AS c ON {}{}", Rows(node),
                      EqualsColumns("c", junction.to_child.lower, "j", junction.to_child.upper),
                      TypeCondition(node, On::kChild))};
}

// The window's form of a limit: every row is read once, whatever the number of parents.
std::string NumberedRows(const SelectList& list, const From& from, const std::string& parents,
                         const std::string& to_parents, const std::vector<Order>& order,
                         uint32_t limit) {
  std::vector<std::string> outer = {"x.ord"}, inner = {"k.ord AS ord"}, by;
  for (size_t i = 1; i < list.items().size(); ++i) {
    inner.push_back(fmt::format("{} AS s{}", list.items()[i], i));
    outer.push_back(fmt::format("x.s{}", i));
  }
  for (const Order& o : order) by.push_back(o.expression + o.direction);
  return fmt::format(
      "SELECT {} FROM (SELECT {}, row_number() OVER (PARTITION BY k.ord ORDER BY {}) AS number "
      "FROM {} JOIN {} ON {}{}) AS x WHERE x.number <= {} ORDER BY x.ord, x.number",
      fmt::join(outer, ", "), fmt::join(inner, ", "), fmt::join(by, ", "), parents, from.first,
      to_parents, from.rest, limit);
}

}  // namespace

std::string ScannedLevel(const DocumentTree& tree, const Node& node) {
  const From from = FromOf(node);
  const std::vector<Order> order = OrderOf(node);
  const auto& types = node.junction ? node.junction->to_parent.types : node.link.types;
  NodeStatement statement;
  SelectList list;
  const bool by_value = JoinedByValue(node);
  const std::string parent = by_value ? Qualified(from.alias, from.columns[0]) : "k.ord";
  list.Add(parent);
  AddLinksAndColumns(tree, node, "c", &list, &statement.layout);
  const std::string parents = Unnest(types, !by_value);
  const std::string to_parents = EqualsKeys(from.alias, from.columns) + from.condition;
  if (node.limit > 0) {
    return NumberedRows(list, from, parents, to_parents, order, node.limit);
  }
  std::string order_text = parent;
  for (const Order& by : order) {
    if (by.expression != parent) order_text += ", " + by.expression + by.direction;
  }
  return fmt::format("SELECT {} FROM {} JOIN {} ON {}{} ORDER BY {}", list.Text(), parents,
                     from.first, to_parents, from.rest, order_text);
}

NodeStatement Level(const DocumentTree& tree, const Node& node) {
  const From from = FromOf(node);
  const std::vector<Order> order = OrderOf(node);
  const auto& types = node.junction ? node.junction->to_parent.types : node.link.types;
  NodeStatement statement;
  statement.links = UpperColumns(node).size();
  statement.by_value = JoinedByValue(node);
  SelectList list;
  const std::string parent = statement.by_value ? Qualified(from.alias, from.columns[0]) : "k.ord";
  list.Add(parent);
  AddLinksAndColumns(tree, node, "c", &list, &statement.layout);

  std::string order_text = parent;
  if (node.limit == 0) {
    for (const Order& by : order) {
      if (by.expression != parent) order_text += ", " + by.expression + by.direction;
    }
  }
  if (statement.by_value) {
    statement.sql =
        fmt::format("SELECT {} FROM {}{} WHERE {} = ANY($1::{}[]){} ORDER BY {}", list.Text(),
                    from.first, from.rest, parent, types[0], from.condition, order_text);
    return statement;
  }
  const std::string parents = Unnest(types, true);
  const std::string to_parents = EqualsKeys(from.alias, from.columns) + from.condition;
  if (node.limit == 0) {
    statement.sql = fmt::format("SELECT {} FROM {} JOIN {} ON {}{} ORDER BY {}", list.Text(),
                                parents, from.first, to_parents, from.rest, order_text);
    return statement;
  }

  std::vector<std::string> outer = {"k.ord"}, inner, inner_order;
  for (size_t i = 1; i < list.items().size(); ++i) {
    inner.push_back(fmt::format("{} AS s{}", list.items()[i], i));
    outer.push_back(fmt::format("x.s{}", i));
  }
  for (size_t i = 0; i < order.size(); ++i) {
    inner.push_back(fmt::format("{} AS o{}", order[i].expression, i + 1));
    inner_order.push_back(order[i].expression + order[i].direction);
    order_text += fmt::format(", x.o{}{}", i + 1, order[i].direction);
  }
  statement.sql = fmt::format(
      "SELECT {} FROM {} CROSS JOIN LATERAL (SELECT {} FROM {}{} WHERE {} ORDER BY {} LIMIT {}) "
      "AS x ORDER BY {}",
      fmt::join(outer, ", "), parents, fmt::join(inner, ", "), from.first, from.rest, to_parents,
      fmt::join(inner_order, ", "), node.limit, order_text);
  return statement;
}

}  // namespace assemble::sql
