// plan: what would be done for every document, without doing any of it: its nodes, how it is
// loaded, the SQL of every level, tables with their replica identities, missing indexes, and what
// bootstrap and run would make. With --explain also the server's query plans.
#include <cstdio>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/generations.h"
#include "consumer/app/identity.h"
#include "consumer/app/setup.h"
#include "consumer/assemble/load_plan.h"
#include "consumer/assemble/statements.h"
#include "consumer/assemble/table_statistics.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

void PrintNodes(const schema::DocumentTree& tree, uint32_t id, int depth) {
  const schema::Node& node = tree.nodes[id];
  std::string keys;
  for (const schema::Column& column : node.columns) {
    keys += keys.empty() ? column.key : ", " + column.key;
  }
  const std::string indent(static_cast<size_t>(depth) * 2 + 4, ' ');
  if (node.parent < 0) {
    fmt::print("{}{}: {}\n", indent, schema::ToString(node.table), keys);
  } else {
    fmt::print("{}{} {}{} {}{}: {}\n", indent, node.label, node.IsArray() ? "[" : "",
               node.variant == schema::Variant::kScalar ? "scalar" : "object",
               schema::ToString(node.table), node.IsArray() ? "]" : "", keys);
  }
  for (const uint32_t child : node.children) PrintNodes(tree, child, depth + 1);
}

void PrintTables(const ResolvedSchema& resolved) {
  for (const schema::TableUse& use : schema::TablesUsed(resolved.trees)) {
    fmt::print("    {}\n", schema::ToString(use.table));
    fmt::print("      emitted   {}\n", fmt::join(use.emitted, ", "));
    if (!use.watched.empty()) fmt::print("      watched   {}\n", fmt::join(use.watched, ", "));
    const schema::CatalogTable* table = resolved.catalog.Find(use.table);
    if (table == nullptr || (table->kind != 'r' && table->kind != 'p')) continue;
    const IdentityPlan plan = PlanIdentity(use, *table);
    fmt::print("      identity  {}", IdentityName(table->replica_identity, table->identity_index));
    fmt::print("{}", plan.sufficient ? std::string(", sufficient\n")
                                     : fmt::format(", insufficient: {}{}\n", plan.statement,
                                                   table->is_owner ? "" : " (as its owner)"));
    if (!plan.needed.empty()) {
      fmt::print("      weakest   {}: {}\n", IdentityName(plan.weakest, plan.index), plan.reason);
    }
  }
}

void PrintIndexes(const ResolvedSchema& resolved) {
  const auto missing = MissingIndexes(resolved.trees, resolved.catalog);
  if (missing.empty()) return;
  fmt::print("  missing indexes\n");
  for (const MissingIndex& index : missing) {
    fmt::print("    {} ({}): {}\n", schema::ToString(index.table), fmt::join(index.columns, ", "),
               index.statement);
  }
}

// The file changed since the index was made.
void PrintRebuild(const ResolvedSchema& resolved, const schema::DocumentTree& tree,
                  const model::SyncState& state, sink::Target& target) {
  if (!target.KeepsGenerations(tree)) {
    fmt::print("the file changed; run loads it again in place\n");
    return;
  }
  auto all = target.Generations(tree);
  if (!all) {
    fmt::print("cannot be read: {}\n", all.error().message);
    return;
  }
  // As if it had come as far as its slot: that only a start can tell.
  const Origin origin{state.system_identifier, state.database, state.slot, {}};
  const auto plan = PlanGenerations(*all, tree, ShapesOf(tree, resolved.shapes), origin);
  const int number = all->empty() ? 1 : all->back().number + 1;
  const std::string served = plan.served != nullptr ? plan.served->name : tree.index;
  if (plan.next.empty()) {
    fmt::print("the file changed; run builds {}_{} beside {}\n", tree.index, number, served);
  } else {
    fmt::print("the file changed; run goes on building {} beside {}\n", plan.next, served);
  }
}

// What is there already, and what bootstrap and run would make.
void PrintActions(const Config& config, const ResolvedSchema& resolved, pg::Connection& connection,
                  base::Logger& log) {
  fmt::print("  actions\n");
  auto slot = source::InspectSlot(connection, resolved.slot);
  if (!slot) {
    fmt::print("    slot {}: cannot be read: {}\n", resolved.slot, slot.error().message);
  } else if (*slot) {
    fmt::print("    slot {}: exists, stays\n", resolved.slot);
  } else {
    fmt::print("    slot {}: bootstrap --apply makes it\n", resolved.slot);
  }
  const auto target = MakeTarget(config, resolved.trees, log);
  const auto probed = target->Probe();
  for (const schema::DocumentTree& tree : resolved.trees) {
    fmt::print("    index {}: ", tree.index);
    if (!probed) {
      fmt::print("cannot be read: {}\n", probed.error().message);
      continue;
    }
    auto state = target->ReadState(tree);
    if (!state) {
      fmt::print("cannot be read: {}\n", state.error().message);
    } else if (!*state) {
      fmt::print("run makes it{} and loads {}\n", tree.alias ? " behind an alias" : "",
                 schema::ToString(tree.nodes[0].table));
    } else if (FileChanged(**state, tree)) {
      PrintRebuild(resolved, tree, **state, *target);
    } else if ((*state)->fingerprint != tree.fingerprint) {
      fmt::print("its tables changed, run loads it again in place\n");
    } else if ((*state)->load.complete) {
      fmt::print("exists, run goes on from {}\n", base::ToString((*state)->applied));
    } else {
      fmt::print("exists, run goes on with its load\n");
    }
  }
}

// The plan that the daemon's prepared statement would get for any values.
base::Status PrintQueryPlan(pg::Connection& connection,
                            const assemble::ListedStatement& statement) {
  std::string nulls;
  for (size_t i = 0; i < statement.parameter_types.size(); ++i) nulls += i == 0 ? "NULL" : ", NULL";
  const std::string prepare =
      fmt::format("PREPARE pgsync_plan{} AS {}",
                  statement.parameter_types.empty()
                      ? ""
                      : fmt::format(" ({})", fmt::join(statement.parameter_types, ", ")),
                  statement.sql);
  if (auto prepared = connection.Query(prepare); !prepared) return std::move(prepared).error();
  auto rows = connection.Query(nulls.empty() ? "EXPLAIN EXECUTE pgsync_plan"
                                             : "EXPLAIN EXECUTE pgsync_plan(" + nulls + ")");
  if (!rows) return std::move(rows).error();
  for (int row = 0; row < rows->size(); ++row) fmt::print("      {}\n", rows->Cell(row, 0));
  auto gone = connection.Query("DEALLOCATE pgsync_plan");
  return gone ? base::Status() : base::Status(std::move(gone).error());
}

// How the initial load would cut the root table and read each level, from the statistics of now.
base::Status PrintLoad(const schema::DocumentTree& tree, const assemble::LoadStrategy& strategy,
                       pg::Connection& connection) {
  auto plan = assemble::LoadPlan::Make(connection, tree, strategy.rows_per_chunk);
  if (!plan) return plan.error();
  const std::string chunks = plan->ByKey() ? "by key" : fmt::format("{} by pages", plan->Chunks());
  fmt::print("  load of {}: chunks of about {} rows, {}\n", schema::ToString(tree.nodes[0].table),
             strategy.rows_per_chunk, chunks);
  for (size_t i = 1; i < tree.nodes.size(); ++i) {
    const assemble::LevelStrategy& level = strategy.levels[i];
    fmt::print("    level \"{}\": {}: {}\n", tree.nodes[i].label,
               level.scanned ? fmt::format("scanned once per chunk, about {} rows each time",
                                           level.scanned_rows)
                             : "keyed",
               level.reason);
  }
  return {};
}

base::Status PrintStatements(const schema::DocumentTree& tree,
                             const assemble::LoadStrategy& strategy, bool explain,
                             pg::Connection& connection) {
  for (const assemble::ListedStatement& statement : assemble::ListStatements(tree, &strategy)) {
    fmt::print(
        "  {}:\n    {}\n", statement.heading,
        statement.sql.empty() ? "(no SQL: the values are the document's address)" : statement.sql);
    if (!explain || statement.sql.empty()) continue;
    if (auto status = PrintQueryPlan(connection, statement); !status) {
      return std::move(status).error().While("explaining " + statement.heading);
    }
  }
  return {};
}

}  // namespace

base::Status CommandPlan(const Config& config, base::Logger& log) {
  auto resolved = LoadResolvedSchema(config);
  if (!resolved) return std::move(resolved).error();
  auto connection = pg::Connection::Open(config.postgres, resolved->database);
  if (!connection) return std::move(connection).error();
  if (config.explain) {
    // What a prepared statement has after a few uses.
    auto set = connection->Query("SET plan_cache_mode = force_generic_plan");
    if (!set) return std::move(set).error();
  }
  fmt::print("database {}, slot {}\n", resolved->database, resolved->slot);
  for (const schema::DocumentTree& tree : resolved->trees) {
    fmt::print("  document {}: index {}{}, id ({})\n", tree.number, tree.index,
               tree.alias ? " (alias)" : "", fmt::join(tree.id_columns, ", "));
    PrintNodes(tree, 0, 0);
    const assemble::StrategyLimits limits{static_cast<uint32_t>(config.block_size),
                                          assemble::ScannedChunkBytes(config.workers)};
    auto strategy = assemble::ChooseStrategy(*connection, tree, limits);
    if (!strategy) return strategy.error();
    if (auto s = PrintLoad(tree, *strategy, *connection); !s) return s;
    if (auto s = PrintStatements(tree, *strategy, config.explain, *connection); !s) return s;
  }
  fmt::print("  tables\n");
  PrintTables(*resolved);
  PrintIndexes(*resolved);
  PrintActions(config, *resolved, *connection, log);
  return {};
}

}  // namespace app
