#include "consumer/source/slot.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "consumer/schema/tree.h"

namespace source {

using base::Lsn;
using base::Result;

namespace {

constexpr int kFirstWithFailover = 170000;

int64_t Number(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Lsn LsnOf(std::string_view text) { return base::ParseLsn(text).value_or(Lsn{}); }

std::string InvalidatedError(const std::string& slot, const SlotInfo& info);

}  // namespace

std::string Setting(pg::Connection& connection, const std::string& name) {
  // Not by SHOW, which writes an ERROR to the server's log where this role may not see it.
  auto rows =
      connection.Query("SELECT setting FROM pg_settings WHERE name = " + pg::QuoteLiteral(name));
  return rows && rows->size() == 1 ? std::string(rows->Cell(0, 0)) : "";
}

std::string SlotNameFrom(const std::string& name) {
  constexpr size_t kMostBytes = 63;
  std::string slot;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      slot.push_back(static_cast<char>(c - 'A' + 'a'));
    } else {
      const bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      slot.push_back(allowed ? c : '_');
    }
  }
  slot.resize(std::min(slot.size(), kMostBytes));
  return slot;
}

Result<std::optional<SlotInfo>> InspectSlot(pg::Connection& connection, const std::string& name) {
  // invalidation_reason came with version 17, conflicting with 16. The difference to the end of WAL
  // is taken on the server that answers, which may be a standby.
  const int version = connection.ServerVersion();
  const char* const reason = version >= 170000 ? "coalesce(invalidation_reason, '')"
                             : version >= 160000
                                 ? "CASE WHEN conflicting THEN 'conflict' ELSE '' END"
                                 : "''";
  auto rows = connection.Query(fmt::format(
      "SELECT coalesce(plugin, ''), coalesce(database, ''), active, coalesce(active_pid, 0), "
      "coalesce(confirmed_flush_lsn, '0/0'), coalesce(restart_lsn, '0/0'), "
      "coalesce(wal_status, ''), safe_wal_size, coalesce(pg_wal_lsn_diff(CASE WHEN "
      "pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, "
      "restart_lsn), 0)::bigint, {} FROM pg_replication_slots WHERE slot_name = {}",
      reason, pg::QuoteLiteral(name)));
  if (!rows) return std::move(rows).error().While(fmt::format("reading slot \"{}\"", name));
  if (rows->size() == 0) return std::optional<SlotInfo>();
  SlotInfo info;
  info.plugin = rows->Cell(0, 0);
  info.database = rows->Cell(0, 1);
  info.active = rows->Cell(0, 2) == "t";
  info.active_pid = static_cast<int>(Number(rows->Cell(0, 3)));
  info.confirmed_flush = LsnOf(rows->Cell(0, 4));
  info.restart = LsnOf(rows->Cell(0, 5));
  info.wal_status = rows->Cell(0, 6);
  if (!rows->IsNull(0, 7)) info.safe_wal_bytes = Number(rows->Cell(0, 7));
  info.retained_bytes = Number(rows->Cell(0, 8));
  info.invalidation_reason = rows->Cell(0, 9);
  if (info.invalidation_reason.empty() && info.wal_status == "lost") {
    info.invalidation_reason = "wal_removed";
  }
  info.invalidated = !info.invalidation_reason.empty();
  return std::optional<SlotInfo>(std::move(info));
}

Result<Lsn> CreateSlot(pg::Connection& connection, const std::string& name) {
  // The snapshot is not wanted (design D7). The unparenthesised form is the only one before 15.
  const bool comes_along = connection.ServerVersion() >= kFirstWithFailover;
  auto rows = connection.Query(
      fmt::format("CREATE_REPLICATION_SLOT {} LOGICAL {} {}", schema::QuotedIdentifier(name),
                  kPlugin, comes_along ? "(SNAPSHOT 'nothing', FAILOVER)" : "NOEXPORT_SNAPSHOT"));
  if (!rows) {
    if (connection.SqlState() == "42710") {  // duplicate_object
      return base::Refused(fmt::format("slot \"{}\" exists already", name));
    }
    return WithSlotRemedy(connection, name, std::move(rows).error())
        .While(fmt::format("creating slot \"{}\"", name));
  }
  const auto lsn = rows->size() == 1 ? base::ParseLsn(rows->Cell(0, 1)) : std::nullopt;
  if (!lsn) return base::Fatal(fmt::format("slot \"{}\": no consistent point in the answer", name));
  return *lsn;
}

base::Status DropSlot(pg::Connection& connection, const std::string& name) {
  auto rows =
      connection.Query(fmt::format("DROP_REPLICATION_SLOT {}", schema::QuotedIdentifier(name)));
  if (rows || connection.SqlState() == "42704") return {};
  return WithSlotRemedy(connection, name, std::move(rows).error())
      .While(fmt::format("dropping slot \"{}\"", name));
}

Result<SystemIdentity> IdentifySystem(pg::Connection& connection) {
  auto rows = connection.Query("IDENTIFY_SYSTEM");
  if (!rows) return std::move(rows).error().While("IDENTIFY_SYSTEM");
  if (rows->size() != 1 || rows->columns() < 3) {
    return base::Fatal("IDENTIFY_SYSTEM: unexpected answer");
  }
  return SystemIdentity{std::string(rows->Cell(0, 0)), static_cast<int>(Number(rows->Cell(0, 1))),
                        LsnOf(rows->Cell(0, 2))};
}

Result<std::string> SystemIdentifier(pg::Connection& connection) {
  auto rows = connection.Query("SELECT system_identifier FROM pg_control_system()");
  if (!rows) return std::move(rows).error().While("reading the system identifier");
  return std::string(rows->Cell(0, 0));
}

Result<Lsn> CurrentWalLsn(pg::Connection& connection) {
  auto rows = connection.Query(
      "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
      "ELSE pg_current_wal_lsn() END");
  if (!rows) return std::move(rows).error().While("reading the WAL position");
  return LsnOf(rows->Cell(0, 0));
}

base::Error WithSlotRemedy(pg::Connection& connection, const std::string& slot, base::Error error) {
  const std::string state = connection.SqlState();
  if (error.kind == base::ErrorKind::kReconnect || !connection.Alive()) return error;
  if (state == "58P01") {  // undefined_file
    return base::Refused(fmt::format(
        "{}; remedy: install the plugin on the database server: its package, or make -f "
        "Makefile.pgxs install",
        error.message));
  }
  // A walsender's role has REPLICATION, so what it may lack is the plugin's place in
  // output_plugin_libraries.
  if (state == "42501") {
    return base::Refused(
        fmt::format("{}; remedy: {}", error.message,
                    AllowPluginStatement(Setting(connection, "output_plugin_libraries"))));
  }
  if (state == "53400") {  // configuration_limit_exceeded: all slots are in use
    return base::Refused(fmt::format(
        "{}; remedy: drop a slot that is not needed, or raise max_replication_slots (now {}) and "
        "restart the server",
        error.message, Setting(connection, "max_replication_slots")));
  }

  auto found = InspectSlot(connection, slot);
  if (!found) return error;
  const std::optional<SlotInfo>& info = *found;
  if (state == "55006") {  // object_in_use
    const std::string by = info && info->active_pid != 0
                               ? fmt::format("process {}", info->active_pid)
                               : std::string("another process");
    return base::Refused(
        fmt::format("slot \"{}\" is in use by {}: another pgsync-consumer runs on it; stop it, or "
                    "use --slot",
                    slot, by));
  }
  if (state == "42704" && !info) {  // undefined_object
    return base::Refused(fmt::format(
        "slot \"{}\" does not exist; remedy: pgsync-consumer bootstrap --apply SCHEMA", slot));
  }
  if (info && info->invalidated) return base::Refused(InvalidatedError(slot, *info));
  if (info && info->plugin != kPlugin) {
    return base::Refused(fmt::format(
        "slot \"{}\" belongs to {}, not to plugin pgsync; use --slot with another name", slot,
        info->plugin.empty() ? "physical replication" : "plugin " + info->plugin));
  }
  if (info && state == "55000" && !info->database.empty()) {
    auto here = connection.Query("SELECT current_database()");
    if (here && here->size() == 1 && here->Cell(0, 0) != info->database) {
      return base::Refused(fmt::format(
          "slot \"{}\" belongs to database \"{}\", not to \"{}\"; use --slot with another name",
          slot, info->database, here->Cell(0, 0)));
    }
  }
  // wal_level hinders logical decoding and has the same SQLSTATE as the other missing
  // prerequisites.
  if (const std::string level = Setting(connection, "wal_level");
      state == "55000" && level != "logical" && !level.empty()) {
    return base::Refused(
        fmt::format("{}; remedy: ALTER SYSTEM SET wal_level = logical; then restart the server "
                    "(now it is {})",
                    error.message, level));
  }
  // Another missing prerequisite; or a listed table or column that is not there (undefined,
  // wrong_object_type).
  if (state == "55000" || state == "42P01" || state == "42703" || state == "42809") {
    error.kind = base::ErrorKind::kRefused;
  }
  return error;
}

std::string AllowPluginStatement(const std::string& current) {
  // As a list of names: in ALTER SYSTEM one quoted text would become one name with commas in it.
  std::string list = current.empty() ? "pgoutput, test_decoding" : current;
  return fmt::format("ALTER SYSTEM SET output_plugin_libraries = {}, {}; SELECT pg_reload_conf();",
                     list, kPlugin);
}

namespace {

std::string InvalidatedError(const std::string& slot, const SlotInfo& info) {
  return fmt::format(
      "slot \"{}\" was invalidated by the server ({}): changes since {} are lost to it; remedy: "
      "pgsync-consumer teardown SCHEMA, then bootstrap --apply SCHEMA, which loads all documents "
      "again, or start with --on-lost-slot reload, which does it in place; a larger "
      "max_slot_wal_keep_size keeps it from happening again",
      slot, info.invalidation_reason, base::ToString(info.confirmed_flush));
}

}  // namespace
}  // namespace source
