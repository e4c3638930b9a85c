#include "consumer/app/preflight.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/identity.h"
#include "consumer/app/preflight_server.h"
#include "consumer/assemble/view_refresh.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

using Checks = std::vector<CheckResult>;

void CheckPrivileges(const std::string& role, const PreflightInput& input, Checks* checks);
void CheckIdentities(const PreflightInput& input, Checks* checks);
base::Status CheckPartitions(pg::Connection& connection, const PreflightInput& input,
                             Checks* checks);
void CheckViews(const std::string& role, const PreflightInput& input, Checks* checks);
base::Status CheckRowSecurity(pg::Connection& connection, const std::string& role,
                              const PreflightInput& input, Checks* checks);
void CheckIndexes(const PreflightInput& input, Checks* checks);
std::string Joined(const std::vector<std::string>& columns);

// What the tables have to be and to allow.
base::Status CheckTables(pg::Connection& connection, const std::string& role,
                         const PreflightInput& input, Checks* checks) {
  CheckPrivileges(role, input, checks);
  CheckIdentities(input, checks);
  if (auto status = CheckPartitions(connection, input, checks); !status) return status;
  CheckViews(role, input, checks);
  return CheckRowSecurity(connection, role, input, checks);
}

}  // namespace

std::string ToString(const CheckResult& check) {
  const char* level = "ok";
  switch (check.level) {
    case CheckLevel::kOk:
      level = "ok";
      break;
    case CheckLevel::kWarning:
      level = "warning";
      break;
    case CheckLevel::kError:
      level = "error";
      break;
    case CheckLevel::kUnknown:
      level = "unknown";
      break;
  }
  std::string text = fmt::format("{:<8} {}\n", level, check.what);
  if (!check.remedy.empty()) text += fmt::format("         remedy: {}\n", check.remedy);
  return text;
}

bool HasErrors(const std::vector<CheckResult>& checks) {
  return std::any_of(checks.begin(), checks.end(), [](const CheckResult& check) {
    return check.level == CheckLevel::kError || check.level == CheckLevel::kUnknown;
  });
}

bool OnlySlotIsMissing(const std::vector<CheckResult>& checks) {
  bool missing = false;
  for (const CheckResult& check : checks) {
    if (check.level != CheckLevel::kError && check.level != CheckLevel::kUnknown) continue;
    if (!check.apply_slot) return false;
    missing = true;
  }
  return missing;
}

base::Result<Checks> Preflight(pg::Connection& connection, const PreflightInput& input) {
  Checks checks;
  auto server = ReadServer(connection);
  if (!server) return std::move(server).error();
  auto slot = source::InspectSlot(connection, input.slot);
  if (!slot) return std::move(slot).error();

  CheckServer(*server, slot->has_value(), &checks);
  const bool can_try = !HasErrors(checks);
  CheckSlot(*slot, input, &checks);
  // An active slot of ours shows that the plugin loads; otherwise only trying tells.
  const bool shown = slot->has_value() && (*slot)->active && (*slot)->plugin == source::kPlugin;
  if (can_try && !shown) {
    if (auto status = TryPlugin(connection, &checks); !status) return std::move(status).error();
  }
  if (can_try) CheckReplicationConnection(input, &checks);
  if (auto status = CheckTables(connection, server->role, input, &checks); !status) {
    return std::move(status).error();
  }
  CheckIndexes(input, &checks);
  return checks;
}

base::Result<Checks> CheckServerAndTables(pg::Connection& connection, const PreflightInput& input) {
  Checks checks;
  auto server = ReadServer(connection);
  if (!server) return std::move(server).error();
  auto slot = source::InspectSlot(connection, input.slot);
  if (!slot) return std::move(slot).error();
  CheckServer(*server, slot->has_value(), &checks);
  if (auto status = CheckTables(connection, server->role, input, &checks); !status) {
    return std::move(status).error();
  }
  return checks;
}

base::Status CheckBeforeRun(pg::Connection& connection, const PreflightInput& input,
                            base::Logger* log) {
  Checks checks;
  auto server = ReadServer(connection);
  if (!server) return std::move(server).error();
  auto slot = source::InspectSlot(connection, input.slot);
  if (!slot) return std::move(slot).error();
  CheckServer(*server, true, &checks);
  CheckSlot(*slot, input, &checks);
  CheckPrivileges(server->role, input, &checks);
  CheckIdentities(input, &checks);
  if (auto status = CheckPartitions(connection, input, &checks); !status) return status;
  CheckViews(server->role, input, &checks);
  const size_t before = checks.size();
  if (auto status = CheckRowSecurity(connection, server->role, input, &checks); !status) {
    return status;
  }
  for (size_t i = before; log != nullptr && i < checks.size(); ++i) {
    log->Warning("run", fmt::format("{}; to have all: {}", checks[i].what, checks[i].remedy));
  }
  std::vector<std::string> paragraphs;
  for (const CheckResult& check : checks) {
    if (check.level != CheckLevel::kError) continue;
    paragraphs.push_back(fmt::format("{}; remedy: {}", check.what, check.remedy));
  }
  if (paragraphs.empty()) return {};
  return base::Refused(fmt::format("{}", fmt::join(paragraphs, "\n")));
}

std::vector<std::string> ParsePluginList(const std::string& setting) {
  std::vector<std::string> names;
  std::string name;
  bool quoted = false, any = false;
  for (size_t i = 0; i < setting.size(); ++i) {
    const char c = setting[i];
    if (c == '"') {
      any = true;
      if (quoted && i + 1 < setting.size() && setting[i + 1] == '"') {
        name += c;
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (c == ',' && !quoted) {
      if (any) names.push_back(std::exchange(name, ""));
      any = false;
    } else if (quoted || c != ' ') {
      name += c;
      any = true;
    }
  }
  if (any) names.push_back(name);
  return names;
}

CheckResult IdentityCheck(const schema::TableUse& use, const schema::CatalogTable& table) {
  const IdentityPlan plan = PlanIdentity(use, table);
  const std::string name = schema::ToString(table.name);
  const std::string present = IdentityName(table.replica_identity, table.identity_index);
  CheckResult check;
  if (plan.sufficient) {
    check.what =
        fmt::format("{}: replica identity {} carries ({})", name, present, Joined(plan.needed));
    return check;
  }
  check.level = CheckLevel::kError;
  check.what = fmt::format(
      "{}: replica identity {}: deletes and updates carry {}, but documents are found "
      "by "
      "{}",
      name, present,
      plan.carried.empty() ? "no old values"
                           : fmt::format("only the old values of ({})", Joined(plan.carried)),
      Joined(plan.missing));
  check.what += fmt::format("; weakest that does: {}, as {}",
                            IdentityName(plan.weakest, plan.index), plan.reason);
  check.remedy = plan.statement;
  if (!table.is_owner) check.remedy += " (as the table's owner)";
  check.apply_sql = {plan.statement};
  return check;
}

namespace {

void CheckPrivileges(const std::string& role, const PreflightInput& input, Checks* checks) {
  size_t readable = 0;
  const std::string grantee = schema::QuotedIdentifier(role);
  for (const schema::TableUse& use : schema::TablesUsed(input.trees)) {
    const schema::CatalogTable* table = input.catalog.Find(use.table);
    if (table == nullptr) continue;  // Resolve has said so
    if (table->may_select) {
      ++readable;
      continue;
    }
    CheckResult check;
    check.level = CheckLevel::kError;
    check.what = fmt::format("{}: role \"{}\" may not read it", schema::ToString(use.table), role);
    check.remedy = fmt::format("GRANT USAGE ON SCHEMA {} TO {}; GRANT SELECT ON {} TO {};",
                               schema::QuotedIdentifier(use.table.schema), grantee,
                               schema::Quoted(use.table), grantee);
    checks->push_back(std::move(check));
  }
  if (readable > 0) {
    checks->push_back({CheckLevel::kOk,
                       fmt::format("role \"{}\" may read {} tables", role, readable),
                       "",
                       {},
                       false});
  }
}

void CheckIdentities(const PreflightInput& input, Checks* checks) {
  for (const schema::TableUse& use : schema::TablesUsed(input.trees)) {
    const schema::CatalogTable* table = input.catalog.Find(use.table);
    if (table == nullptr || (table->kind != 'r' && table->kind != 'p')) continue;
    checks->push_back(IdentityCheck(use, *table));
  }
}

// A change is logged under the identity of the partition that holds the row; the parent's own means
// nothing, and ALTER TABLE on the parent does not reach the partitions.
base::Status CheckPartitions(pg::Connection& connection, const PreflightInput& input,
                             Checks* checks) {
  for (const schema::TableUse& use : schema::TablesUsed(input.trees)) {
    const schema::CatalogTable* table = input.catalog.Find(use.table);
    if (table == nullptr || table->kind != 'p' || use.old_values.empty()) continue;
    const char weakest = PlanIdentity(use, *table).weakest;
    const pg::Param oid = std::to_string(table->oid);
    auto rows = connection.Query(
        "SELECT n.nspname, c.relname, c.relreplident FROM pg_partition_tree($1::oid::regclass) t "
        "JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE t.isleaf AND c.relkind = 'r' ORDER BY 1, 2",
        {&oid, 1});
    if (!rows) return std::move(rows).error();
    for (int row = 0; row < rows->size(); ++row) {
      const schema::TableName leaf{std::string(rows->Cell(row, 0)),
                                   std::string(rows->Cell(row, 1))};
      const char identity = rows->Cell(row, 2).empty() ? 'n' : rows->Cell(row, 2).front();
      if (identity == 'f' || (weakest == 'd' && identity == 'd')) continue;
      CheckResult check;
      check.level = CheckLevel::kError;
      check.what = fmt::format(
          "{} (partition of {}): its replica identity does not carry ({}), by which documents are "
          "found",
          schema::ToString(leaf), schema::ToString(use.table), Joined(use.old_values));
      check.remedy = IdentityStatement(schema::Quoted(leaf), weakest, "");
      check.apply_sql = {check.remedy};
      checks->push_back(std::move(check));
    }
  }
  return {};
}

void CheckViews(const std::string& role, const PreflightInput& input, Checks* checks) {
  for (const schema::Node* view : assemble::RefreshedViews(input.trees)) {
    const schema::CatalogTable* table = input.catalog.Find(view->table);
    if (table == nullptr || table->is_owner) continue;
    checks->push_back(
        {CheckLevel::kError,
         fmt::format("{}: role \"{}\" has to refresh this materialized view, and is not its owner",
                     schema::ToString(view->table), role),
         fmt::format("ALTER MATERIALIZED VIEW {} OWNER TO {};", schema::Quoted(view->table),
                     schema::QuotedIdentifier(role)),
         {},
         false});
  }
}

// Documents of what a role may see can be meant; then nobody has to do anything. But rows that are
// missing for want of a right would look just the same.
base::Status CheckRowSecurity(pg::Connection& connection, const std::string& role,
                              const PreflightInput& input, Checks* checks) {
  std::vector<std::string> oids;
  for (const schema::TableUse& use : schema::TablesUsed(input.trees)) {
    const schema::CatalogTable* table = input.catalog.Find(use.table);
    if (table != nullptr) oids.push_back(std::to_string(table->oid));
  }
  const pg::Param list = pg::ArrayLiteral(oids);
  auto rows = connection.Query(
      "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.oid = ANY ($1::oid[]) AND row_security_active(c.oid) ORDER BY 1, 2",
      {&list, 1});
  if (!rows) return std::move(rows).error();
  for (int row = 0; row < rows->size(); ++row) {
    const schema::TableName table{std::string(rows->Cell(row, 0)), std::string(rows->Cell(row, 1))};
    checks->push_back(
        {CheckLevel::kWarning,
         fmt::format("{}: row level security: documents hold only the rows that its policies show "
                     "to role \"{}\"",
                     schema::ToString(table), role),
         fmt::format("ALTER ROLE {} BYPASSRLS; (as a superuser)", schema::QuotedIdentifier(role)),
         {},
         false});
  }
  return {};
}

void CheckIndexes(const PreflightInput& input, Checks* checks) {
  for (const MissingIndex& missing : MissingIndexes(input.trees, input.catalog)) {
    checks->push_back(
        {CheckLevel::kWarning,
         fmt::format("{}: no index on ({}): every change and every document of this link reads the "
                     "whole table",
                     schema::ToString(missing.table), Joined(missing.columns)),
         missing.statement,
         {},
         false});
  }
}

std::string Joined(const std::vector<std::string>& columns) {
  return fmt::format("{}", fmt::join(columns, ", "));
}

}  // namespace
}  // namespace app
