// `validate`: every finding about the schema file, what it names in the database, and what the
// server lacks to run it; --offline: about the file alone.
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/identity.h"
#include "consumer/app/preflight.h"
#include "consumer/app/setup.h"

namespace app {
namespace {

base::Status Invalid(const Config& config) {
  return base::Usage(config.schema_path + " is not valid; see the lines above");
}

void PrintMissingIndexes(const ResolvedSchema& resolved) {
  for (const MissingIndex& missing : MissingIndexes(resolved.trees, resolved.catalog)) {
    fmt::print(stderr, "warning: {}: no index on ({}); consider: {}\n",
               schema::ToString(missing.table), fmt::join(missing.columns, ", "),
               missing.statement);
  }
}

// What `bootstrap --apply` repairs by itself is no reason to call the file invalid.
bool PrintServerFindings(const std::vector<CheckResult>& checks, const ResolvedSchema& resolved) {
  bool errors = false;
  for (const CheckResult& check : checks) {
    if (check.level == CheckLevel::kOk) continue;
    const bool applied = !check.apply_sql.empty();
    const bool error = check.level != CheckLevel::kWarning && !applied;
    errors = errors || error;
    fmt::print(stderr, "{}: database {}: {}; {}{}\n", error ? "error" : "warning",
               resolved.database, check.what,
               applied ? "`bootstrap --apply` runs " : "remedy: ", check.remedy);
  }
  return errors;
}

}  // namespace

base::Status CommandValidate(const Config& config, base::Logger&) {
  auto file = ReadSchemaFile(config);
  if (!file) return std::move(file).error();
  if (config.print_file_findings) PrintFindings(file->findings());
  if (!file->ok()) return Invalid(config);
  if (config.offline) {
    if (config.print_file_findings) {
      fmt::print("{}: valid as far as can be told without the database\n", config.schema_path);
    }
    return {};
  }

  // "It is wrong" and "it could not be checked" are different results: 2 and 3.
  auto connection = Connect(config, *file);
  if (!connection) {
    return base::Refused(
        fmt::format("{} was not checked against the database: {}; to check the file alone: "
                    "pgsync-consumer validate --offline SCHEMA",
                    config.schema_path, connection.error().message));
  }
  auto resolved = ResolveSchema(config, *file, *connection);
  if (!resolved) return std::move(resolved).error();
  PrintFindings(resolved->findings);
  if (schema::HasErrors(resolved->findings)) return Invalid(config);
  PrintMissingIndexes(*resolved);
  auto checks = CheckServerAndTables(
      *connection, {resolved->database, resolved->slot, resolved->trees, resolved->catalog, {}});
  if (!checks) return std::move(checks).error();
  if (PrintServerFindings(*checks, *resolved)) return Invalid(config);
  if (config.several_databases) {
    fmt::print("{}: valid for database {}\n", config.schema_path, resolved->database);
  } else {
    fmt::print("{}: valid\n", config.schema_path);
  }
  return {};
}

}  // namespace app
