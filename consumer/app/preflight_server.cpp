#include "consumer/app/preflight_server.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "consumer/schema/tree.h"

namespace app {
namespace {

constexpr int kWalLevelByItself = 190000;  // from 19 on the first logical slot raises the level
constexpr int kTrialTimeoutMs = 5000;      // : a temporary slot waits for running transactions

int64_t Number(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void Add(std::vector<CheckResult>* checks, CheckLevel level, std::string what,
         std::string remedy = "") {
  checks->push_back({level, std::move(what), std::move(remedy), {}, false});
}

}  // namespace

base::Result<Server> ReadServer(pg::Connection& connection) {
  auto rows = connection.Query(
      "SELECT current_user, r.rolsuper OR r.rolreplication, current_setting('wal_level'),"
      " current_setting('max_replication_slots'), (SELECT count(*) FROM pg_replication_slots),"
      " current_setting('max_wal_senders'), (SELECT count(*) FROM pg_stat_replication)"
      " FROM pg_roles r WHERE r.rolname = current_user");
  if (!rows) return std::move(rows).error();
  if (rows->size() != 1) return base::Fatal("the role of this connection is not in pg_roles");
  Server server;
  server.version = connection.ServerVersion();
  server.role = rows->Cell(0, 0);
  server.may_replicate = rows->Cell(0, 1) == "t";
  server.wal_level = rows->Cell(0, 2);
  server.max_slots = Number(rows->Cell(0, 3));
  server.used_slots = Number(rows->Cell(0, 4));
  server.max_senders = Number(rows->Cell(0, 5));
  server.used_senders = Number(rows->Cell(0, 6));
  return server;
}

void CheckServer(const Server& server, bool slot_exists, std::vector<CheckResult>* checks) {
  if (server.wal_level == "logical") {
    Add(checks, CheckLevel::kOk, "wal_level is logical");
  } else {
    Add(checks, server.version >= kWalLevelByItself ? CheckLevel::kWarning : CheckLevel::kError,
        fmt::format("wal_level is {}, but the changes of rows are only in the WAL at level logical",
                    server.wal_level),
        "ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL");
  }
  if (server.may_replicate) {
    Add(checks, CheckLevel::kOk, fmt::format("role \"{}\" may replicate", server.role));
  } else {
    Add(checks, CheckLevel::kError, fmt::format("role \"{}\" may not replicate", server.role),
        fmt::format("ALTER ROLE {} REPLICATION; (as a superuser)",
                    schema::QuotedIdentifier(server.role)));
  }
  if (slot_exists || server.used_slots < server.max_slots) {
    Add(checks, CheckLevel::kOk,
        fmt::format("{} of {} replication slots are in use", server.used_slots, server.max_slots));
  } else {
    Add(checks, CheckLevel::kError,
        fmt::format("all {} replication slots are in use", server.max_slots),
        fmt::format("drop one that is not needed (SELECT * FROM pg_replication_slots), or ALTER "
                    "SYSTEM SET max_replication_slots = {}; then restart PostgreSQL",
                    server.max_slots + 4));
  }
  if (server.used_senders < server.max_senders) {
    Add(checks, CheckLevel::kOk,
        fmt::format("{} of {} WAL senders are in use", server.used_senders, server.max_senders));
  } else {
    Add(checks, server.max_senders == 0 ? CheckLevel::kError : CheckLevel::kWarning,
        fmt::format("all {} WAL senders are in use", server.max_senders),
        fmt::format("ALTER SYSTEM SET max_wal_senders = {}; then restart PostgreSQL",
                    server.max_senders + 4));
  }
}

void CheckSlot(const std::optional<source::SlotInfo>& slot, const PreflightInput& input,
               std::vector<CheckResult>* checks) {
  const std::string name = fmt::format("slot \"{}\"", input.slot);
  const std::string other = "choose another name with --slot";
  if (!slot) {
    CheckResult check;
    check.level = CheckLevel::kError;
    check.what = name + " does not exist";
    check.remedy = "pgsync-consumer bootstrap --apply SCHEMA";
    check.apply_slot = true;
    checks->push_back(std::move(check));
  } else if (slot->plugin != source::kPlugin) {
    Add(checks, CheckLevel::kError,
        fmt::format("{} belongs to {}, not to plugin {}", name,
                    slot->plugin.empty() ? "physical replication" : "plugin " + slot->plugin,
                    source::kPlugin),
        other);
  } else if (slot->database != input.database) {
    Add(checks, CheckLevel::kError,
        fmt::format("{} belongs to database \"{}\", not to \"{}\"", name, slot->database,
                    input.database),
        other);
  } else if (slot->invalidated) {
    Add(checks, CheckLevel::kError,
        fmt::format("{} was invalidated by the server ({}): changes since {} are lost to it", name,
                    slot->invalidation_reason, base::ToString(slot->confirmed_flush)),
        "pgsync-consumer teardown SCHEMA; pgsync-consumer bootstrap --apply SCHEMA; then all "
        "documents are loaded again");
  } else {
    Add(checks, CheckLevel::kOk,
        fmt::format("{} exists, confirmed up to {}{}", name, base::ToString(slot->confirmed_flush),
                    slot->active ? fmt::format(", in use by process {}", slot->active_pid) : ""));
  }
}

base::Status TryPlugin(pg::Connection& connection, std::vector<CheckResult>* checks) {
  const std::string list = source::Setting(connection, "output_plugin_libraries");

  if (auto set = connection.Query(fmt::format("SET statement_timeout = {}", kTrialTimeoutMs));
      !set) {
    return std::move(set).error();
  }
  auto made = connection.Query(fmt::format(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_create_logical_replication_slot("
      "'pgsync_preflight_' || pg_backend_pid(), '{}', true)",
      source::kPlugin));
  const std::string state = made ? "" : connection.SqlState();
  const std::string failure = made ? "" : made.error().message;
  if (!connection.Alive()) return made ? base::Status() : std::move(made).error();
  if (auto reset = connection.Query("RESET statement_timeout"); !reset) {
    return std::move(reset).error();
  }

  if (made || state == "57014") {  // query_canceled: it waited for running transactions, after the
                                   // plugin was loaded
    Add(checks, CheckLevel::kOk, "plugin pgsync is installed and admitted");
    return {};
  }
  if (state == "58P01") {  // undefined_file
    Add(checks, CheckLevel::kError, "plugin pgsync is not installed on the server",
        "install the package on the database server, or there: make -f Makefile.pgxs install");
    return {};
  }
  if (state == "42501" && failure.find("output plugin") != std::string::npos) {
    // One name with commas in it is what ALTER SYSTEM makes of a single quoted list: taken apart
    // again.
    std::vector<std::string> names;
    for (const std::string& entry : ParsePluginList(list)) {
      for (const std::string& name : ParsePluginList(entry)) {
        if (name != source::kPlugin) names.push_back(name);
      }
    }
    CheckResult check;
    check.level = CheckLevel::kError;
    check.what = "plugin pgsync is not in the server's setting output_plugin_libraries";
    for (std::string& name : names) {
      const bool plain =
          name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
      if (!plain) name = schema::QuotedIdentifier(name);
    }
    check.remedy = source::AllowPluginStatement(fmt::format("{}", fmt::join(names, ", ")));
    if (list.empty()) {
      check.remedy +=
          " (as a superuser; the present list is hidden from this role: keep its entries)";
    } else {
      const size_t end = check.remedy.find(';');
      check.apply_sql = {check.remedy.substr(0, end), "SELECT pg_reload_conf()"};
    }
    checks->push_back(std::move(check));
    return {};
  }
  Add(checks, CheckLevel::kUnknown, "plugin pgsync could not be tried: " + failure,
      "mend what the message says, then check again");
  return {};
}

void CheckReplicationConnection(const PreflightInput& input, std::vector<CheckResult>* checks) {
  auto connection = input.open_replication();
  if (!connection) {
    Add(checks, CheckLevel::kError, "no replication connection: " + connection.error().message,
        "see the message; pg_hba.conf has to admit this role from this host");
    return;
  }
  auto identity = source::IdentifySystem(*connection);
  if (!identity) {
    Add(checks, CheckLevel::kError, "replication connection: " + identity.error().message,
        "see the message");
    return;
  }
  Add(checks, CheckLevel::kOk, "a replication connection can be opened");
}

}  // namespace app
