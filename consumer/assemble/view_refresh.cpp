#include "consumer/assemble/view_refresh.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace assemble {
namespace {

using schema::EntryPoint;
using schema::Node;

bool IsRefreshed(const Node& node) { return node.kind == 'm' && !node.base_tables.empty(); }

void AddOnce(const Node& node, std::vector<const Node*>* views) {
  const bool known = std::any_of(views->begin(), views->end(),
                                 [&](const Node* view) { return view->table == node.table; });
  if (!known) views->push_back(&node);
}

base::Status RefreshNow(pg::Connection& connection, const Node& view) {
  const std::string name = schema::Quoted(view.table);
  const std::string whole = "REFRESH MATERIALIZED VIEW " + name;
  auto done = connection.Query(
      view.refresh_concurrently ? "REFRESH MATERIALIZED VIEW CONCURRENTLY " + name : whole);
  // 55000: it was never filled, and only a plain refresh can do that.
  if (!done && view.refresh_concurrently && connection.SqlState() == "55000") {
    done = connection.Query(whole);
  }
  if (done) return {};
  base::Error error = std::move(done).error().While("refreshing " + schema::ToString(view.table));
  if (connection.SqlState() != "42501") return error;
  return base::Refused(fmt::format(
      "{}; only its owner may (on PostgreSQL 17 and later: GRANT MAINTAIN): ALTER MATERIALIZED "
      "VIEW {} OWNER TO the role of pgsync-consumer",
      error.message, name));
}

// A refresh takes its snapshot before its lock: one that waited for another's could bring back what
// the view held before. So they wait for each other outside.
base::Status RefreshOne(pg::Connection& connection, const Node& view) {
  const std::vector<pg::Param> name{pg::Param(schema::Quoted(view.table))};
  auto turn = connection.Query(
      "SELECT pg_advisory_lock(hashtext('pgsync refresh'), hashtext($1::text))", name);
  if (!turn) return std::move(turn).error();
  base::Status refreshed = RefreshNow(connection, view);
  auto left = connection.Query(
      "SELECT pg_advisory_unlock(hashtext('pgsync refresh'), hashtext($1::text))", name);
  if (refreshed && !left) return std::move(left).error();
  return refreshed;
}

}  // namespace

std::vector<const Node*> RefreshedViews(std::span<const schema::DocumentTree> trees) {
  std::vector<const Node*> views;
  for (const schema::DocumentTree& tree : trees) {
    for (const Node& node : tree.nodes) {
      if (IsRefreshed(node)) AddOnce(node, &views);
    }
  }
  return views;
}

std::vector<const Node*> ViewsTouched(const std::vector<schema::DocumentTree>& trees,
                                      const std::vector<model::Touch>& touches) {
  std::vector<const Node*> views;
  for (const model::Touch& touch : touches) {
    if (touch.document >= trees.size()) continue;  // the builder says what is wrong
    const schema::DocumentTree& tree = trees[touch.document];
    if (touch.entry >= tree.entries.size()) continue;
    const EntryPoint& entry = tree.entries[touch.entry];
    const bool by_base =
        entry.via == EntryPoint::Via::kView || entry.via == EntryPoint::Via::kViewLink;
    if (by_base && IsRefreshed(tree.nodes[entry.node])) AddOnce(tree.nodes[entry.node], &views);
  }
  return views;
}

base::Status Refresh(pg::Connection& connection, std::span<const Node* const> views) {
  for (const Node* view : views) {
    if (auto refreshed = RefreshOne(connection, *view); !refreshed) return refreshed;
  }
  return {};
}

}  // namespace assemble
