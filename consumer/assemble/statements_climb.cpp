// From touched values to the addresses of documents, over the present tables (design D5).
//
// A climb asks only how rows hang together. Filters, types of polymorphic joins and limits do not
// count on the way: a document that is built for nothing is harmless, one that is not built is
// lost. So tables stand here by their names alone.
#include <algorithm>

#include <fmt/format.h>

#include "consumer/assemble/statements_sql.h"

namespace assemble::sql {
namespace {

using schema::DocumentTree;
using schema::EntryPoint;
using schema::Node;
using schema::Quoted;

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

// When the values that enter at `entry` are, column by column, the root's id with the root's types,
// no SQL is needed. `columns`: what the values without the carried ones are called at the root.
bool IsDirect(const DocumentTree& tree, const EntryPoint& entry,
              const std::vector<std::string>& columns, std::vector<size_t>* order) {
  if (columns.size() != tree.id_columns.size()) return false;
  order->clear();
  for (size_t i = 0; i < tree.id_columns.size(); ++i) {
    const auto at = std::find(columns.begin(), columns.end(), tree.id_columns[i]);
    if (at == columns.end()) return false;
    const auto position = static_cast<size_t>(at - columns.begin());
    if (entry.types[position] != tree.id_types[i]) return false;
    order->push_back(position);
  }
  return true;
}

// The FROM list of a climb.
std::string Way(const DocumentTree& tree, const EntryPoint& entry) {
  const Node& node = tree.nodes[entry.node];
  const std::string values = Unnest(entry.types, false);
  if (entry.via == EntryPoint::Via::kView || node.parent < 0) {
    const std::string view = fmt::format("n{}", node.id);
    return fmt::format("{} JOIN {} AS {} ON {}{}", values, Quoted(node.table), view,
                       EqualsKeys(view, entry.columns), JoinsUpward(tree, node.id));
  }
  const auto parent = static_cast<uint32_t>(node.parent);
  const std::string upper = fmt::format("n{}", parent);
  if (entry.via != EntryPoint::Via::kJunction && node.junction) {
    const schema::Junction& junction = *node.junction;
    return fmt::format(
        "{} JOIN {} AS j ON {} JOIN {} AS {} ON {}{}", values, Quoted(junction.table),
        EqualsKeys("j", junction.to_child.upper), Quoted(tree.nodes[parent].table), upper,
        EqualsColumns(upper, junction.to_parent.upper, "j", junction.to_parent.lower),
        JoinsUpward(tree, parent));
  }
  return fmt::format("{} JOIN {} AS {} ON {}{}", values, Quoted(tree.nodes[parent].table), upper,
                     EqualsKeys(upper, UpperColumns(node)), JoinsUpward(tree, parent));
}

}  // namespace

ClimbStatement Climb(const DocumentTree& tree, const EntryPoint& entry) {
  ClimbStatement climb;
  const Node& node = tree.nodes[entry.node];
  const bool routed = !tree.routing_column.empty();
  if (entry.via == EntryPoint::Via::kLookup) return climb;  // the target knows, not the tables
  if (entry.via == EntryPoint::Via::kRoot) {
    std::vector<std::string> columns = entry.columns;
    columns.resize(columns.size() - entry.carried);
    climb.direct = IsDirect(tree, entry, columns, &climb.order);
    if (routed) {
      // Carried along, or one of the id's own.
      const auto at = std::find(entry.columns.begin(), entry.columns.end(), tree.routing_column);
      climb.order.push_back(static_cast<size_t>(at - entry.columns.begin()));
    }
    return climb;
  }
  // Values that hang on the root's id say nothing of its routing.
  if (!routed) {
    const bool behind_root = node.parent < 0;
    const bool at_parent = entry.via == EntryPoint::Via::kJunction ||
                           (entry.via != EntryPoint::Via::kView && !node.junction);
    if (behind_root) {
      // Also finds what is in the view no more.
      climb.direct = IsDirect(tree, entry, entry.columns, &climb.order);
    } else if (at_parent && node.parent == 0) {
      climb.direct = IsDirect(tree, entry, UpperColumns(node), &climb.order);
    }
    if (climb.direct) return climb;
  }
  SelectList list;
  list.AddIdTexts("n0", tree.id_columns, tree.id_types);
  if (routed) list.AddIdTexts("n0", {tree.routing_column}, {tree.routing_type});
  climb.sql = fmt::format("SELECT DISTINCT {} FROM {}", list.Text(), Way(tree, entry));
  return climb;
}

}  // namespace assemble::sql
