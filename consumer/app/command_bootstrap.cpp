// bootstrap: every check with its remedy; with --apply the remedies that we can execute are
// executed, then all is checked again, and if only the slot is missing, it is made. Safe to repeat:
// what is there is kept, position and index included.
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "consumer/app/bootstrap.h"
#include "consumer/app/commands.h"
#include "consumer/app/preflight.h"
#include "consumer/app/setup.h"
#include "consumer/app/typed_command.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

constexpr int kReloadChecks =
    100;  // times 50 ms: until the server has read its changed configuration

PreflightInput InputFor(const Config& config, const ResolvedSchema& resolved) {
  return {resolved.database, resolved.slot, resolved.trees, resolved.catalog, [&config, &resolved] {
            return pg::Connection::Open(config.postgres, resolved.database, true);
          }};
}

// A changed setting is read by each server process on its own, some time after pg_reload_conf().
base::Status AwaitPluginList(pg::Connection& connection) {
  for (int i = 0; i < kReloadChecks; ++i) {
    const std::vector<std::string> names =
        ParsePluginList(source::Setting(connection, "output_plugin_libraries"));
    if (std::find(names.begin(), names.end(), source::kPlugin) != names.end()) return {};
    if (auto wait = connection.Query("SELECT pg_sleep(0.05)"); !wait) {
      return std::move(wait).error();
    }
  }
  return base::Refused(
      "the server did not take over the changed output_plugin_libraries; is it overridden on its "
      "command line or for this role or database?");
}

base::Status ApplyStatements(pg::Connection& connection, const CheckResult& check, FILE* out) {
  for (const std::string& statement : check.apply_sql) {
    fmt::print(out, "applied  {}\n", statement);
    auto done = connection.Query(statement);
    if (!done) {
      const std::string_view bare = std::string_view(statement).substr(0, statement.rfind(';'));
      return base::Refused(fmt::format("{}: {}; execute it as an owner of the table or a superuser",
                                       bare, done.error().message));
    }
    if (statement == "SELECT pg_reload_conf()") {
      if (auto status = AwaitPluginList(connection); !status) return status;
    }
  }
  return {};
}

base::Status ApplySlot(const Config& config, const ResolvedSchema& resolved, FILE* out) {
  auto replication = pg::Connection::Open(config.postgres, resolved.database, true);
  if (!replication) return std::move(replication).error();
  auto created = source::CreateSlot(*replication, resolved.slot);
  if (!created) return std::move(created).error();
  fmt::print(out, "applied  created slot \"{}\" at {}\n", resolved.slot, base::ToString(*created));
  return {};
}

// Executes the statements of all failed checks; one that fails does not keep the others.
base::Status ApplyAllStatements(pg::Connection& connection, const std::vector<CheckResult>& checks,
                                FILE* out) {
  std::string failures;
  for (const CheckResult& check : checks) {
    if (check.level != CheckLevel::kError || check.apply_sql.empty()) continue;
    if (auto status = ApplyStatements(connection, check, out); !status) {
      failures += (failures.empty() ? "" : "\n") + status.error().message;
    }
  }
  if (failures.empty()) return {};
  return base::Refused(std::move(failures));
}

void Print(FILE* out, const Config& config, const ResolvedSchema& resolved,
           const std::vector<CheckResult>& checks) {
  fmt::print(out, "database {}, slot {}\n", resolved.database, resolved.slot);
  for (const CheckResult& check : checks) {
    fmt::print(out, "{}", WithSchemaArguments(ToString(check), config));
  }
}

}  // namespace

base::Status Bootstrap(const Config& config, bool apply, FILE* out) {
  auto resolved = LoadResolvedSchema(config);
  if (!resolved) return std::move(resolved).error();
  auto connection = pg::Connection::Open(config.postgres, resolved->database);
  if (!connection) return std::move(connection).error();
  auto checks = Preflight(*connection, InputFor(config, *resolved));
  if (!checks) return std::move(checks).error();
  Print(out, config, *resolved, *checks);

  if (apply && HasErrors(*checks)) {
    const auto check_again = [&]() -> base::Status {
      auto file = ReadSchemaFile(config);
      if (!file) return std::move(file).error();
      resolved = ResolveSchema(config, *file, *connection);
      if (!resolved) return std::move(resolved).error();
      checks = Preflight(*connection, InputFor(config, *resolved));
      if (!checks) return std::move(checks).error();
      return {};
    };
    const auto status = ApplyAllStatements(*connection, *checks, out);
    if (!status) return base::Error(status.error()).While("bootstrap --apply");
    if (auto checked = check_again(); !checked) return checked;
    // The slot last, and only when all else is right: it begins after the changes of identities, so
    // that no change without old values is ever streamed.
    if (OnlySlotIsMissing(*checks)) {
      if (auto made = ApplySlot(config, *resolved, out); !made) {
        return std::move(made).error().While("bootstrap --apply");
      }
      if (auto checked = check_again(); !checked) return checked;
    }
    fmt::print(out, "checked again\n");
    Print(out, config, *resolved, *checks);
  }
  if (!HasErrors(*checks)) {
    fmt::print(out, "ready: pgsync-consumer {}\n", SchemaArguments(config));
    return {};
  }
  return base::Refused(
      apply
          ? "not ready: the remedies above need an operator; then again: pgsync-consumer bootstrap "
            "--apply SCHEMA"
          : "not ready: type the remedies above, or pgsync-consumer bootstrap --apply SCHEMA");
}

base::Status CommandBootstrap(const Config& config, base::Logger&) {
  return Bootstrap(config, config.apply, stdout);
}

}  // namespace app
