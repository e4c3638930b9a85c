// `validate`: every finding about the schema file and what it names in the database; --offline: of
// the file alone.
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/identity.h"
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
  if (config.several_databases) {
    fmt::print("{}: valid for database {}\n", config.schema_path, resolved->database);
  } else {
    fmt::print("{}: valid\n", config.schema_path);
  }
  return {};
}

}  // namespace app
