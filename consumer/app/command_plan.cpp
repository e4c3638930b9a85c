// plan: what would be done for every document, without doing any of it.
#include <cstdio>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/identity.h"
#include "consumer/app/setup.h"
#include "consumer/assemble/statements.h"

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
                                     : fmt::format(", insufficient: {}\n", plan.statement));
  }
}

}  // namespace

base::Status CommandPlan(const Config& config, base::Logger&) {
  auto resolved = LoadResolvedSchema(config);
  if (!resolved) return std::move(resolved).error();
  fmt::print("database {}, slot {}\n", resolved->database, resolved->slot);
  for (const schema::DocumentTree& tree : resolved->trees) {
    fmt::print("  document {}: index {}{}, id ({})\n", tree.number, tree.index,
               tree.alias ? " (alias)" : "", fmt::join(tree.id_columns, ", "));
    PrintNodes(tree, 0, 0);
    fmt::print("{}", assemble::DescribePlan(tree));
  }
  fmt::print("  tables\n");
  PrintTables(*resolved);
  return {};
}

}  // namespace app
