// Preflight: is the server ready for this schema file? Every check has a result and, if it failed,
// its remedy as exact SQL or command. "It is wrong" and "it could not be checked" are different
// results. Checks change nothing, except that one of them tries the plugin on a temporary slot,
// which is dropped at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "consumer/base/log.h"
#include "consumer/base/result.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/catalog.h"
#include "consumer/schema/tree.h"

namespace app {

enum class CheckLevel : uint8_t { kOk, kWarning, kError, kUnknown };

struct CheckResult {
  CheckLevel level = CheckLevel::kOk;
  std::string what;  // "wal_level is logical", "public.c: deletes carry only (id), but …"
  std::string
      remedy;  // what to type, in commands of ours with SCHEMA (WithSchemaArguments); "" for kOk
  // What `bootstrap --apply` does about it; neither = only an operator can.
  std::vector<std::string> apply_sql;  // statements, in order, each on its own
  bool apply_slot = false;             // create the slot
};

// "ok       wal_level is logical" or "error    …" with the remedy on lines of its own.
std::string ToString(const CheckResult& check);
bool HasErrors(const std::vector<CheckResult>& checks);  // kError or kUnknown

// Whether creating the slot is all that is left to do. A slot that is made while anything else is
// wrong loses: changes of a table whose replica identity is too weak come without old values.
bool OnlySlotIsMissing(const std::vector<CheckResult>& checks);

struct PreflightInput {
  std::string database;
  std::string slot;
  const std::vector<schema::DocumentTree>& trees;
  const schema::Catalog& catalog;
  std::function<base::Result<pg::Connection>()> open_replication;
};

// Runs all checks. Errors only when the connection itself is lost.
base::Result<std::vector<CheckResult>> Preflight(pg::Connection& connection,
                                                 const PreflightInput& input);

// For `validate`: the checks that need neither the slot nor a connection of another kind; input's
// open_replication is not called.
base::Result<std::vector<CheckResult>> CheckServerAndTables(pg::Connection& connection,
                                                            const PreflightInput& input);

// For `run`: the checks without which data would be lost or missing. kRefused names table, column
// and statement, or slot and command, one paragraph each. What only may be meant so is
// logged, if there is a `log`.
base::Status CheckBeforeRun(pg::Connection& connection, const PreflightInput& input,
                            base::Logger* log);

// The entries of the setting output_plugin_libraries as the server reads it: blanks ignored, double
// quotes removed.
std::vector<std::string> ParsePluginList(const std::string& setting);

// The finding about one table's identity; also used by plan.
CheckResult IdentityCheck(const schema::TableUse& use, const schema::CatalogTable& table);

}  // namespace app
