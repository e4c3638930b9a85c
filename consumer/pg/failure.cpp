#include "consumer/pg/failure.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

namespace pg {
namespace {

bool IsSqlState(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isdigit(c) || (c >= 'A' && c <= 'Z');
         });
}

std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c != '\n' && c != '\t' && c != '\r') {
      line.push_back(c);
    } else if (!line.empty() && line.back() != ' ') {
      line.push_back(' ');
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

// The client's own complaints that no waiting mends. libpq speaks English here: nobody calls
// setlocale.
bool IsClientRefusal(std::string_view message) {
  static constexpr std::array<std::string_view, 9> kRefusals = {
      "server does not support SSL",
      "certificate verify failed",
      "server certificate for",
      "root certificate file",
      "certificate file",
      "private key file",
      "authentication method",
      "GSSAPI",
      "SSL error: ",
  };
  // An SSL handshake cut short is a server going down, not a refusal.
  if (message.find("SSL SYSCALL error") != std::string_view::npos) return false;
  return std::any_of(kRefusals.begin(), kRefusals.end(), [&](std::string_view words) {
    return message.find(words) != std::string_view::npos;
  });
}

// What the operator can do about a refusal by the server; "" when the message has to speak for
// itself.
std::string Remedy(const ConnectFailure& failure, const Peer& peer, bool replication,
                   bool password_missing) {
  const std::string& state = failure.sql_state;
  if (password_missing) {
    return "the server asks for a password: set PG_PASSWORD, put it into PG_URL, or use PGPASSFILE";
  }
  if (state == "28P01") {
    return "check the user and the password in PG_PASSWORD, PG_URL or PGPASSFILE";
  }
  if (state == "28000" && failure.routine == "ClientAuthentication") {
    return fmt::format(
        "add a line for user \"{}\" and database \"{}\" to pg_hba.conf, then SELECT "
        "pg_reload_conf();",
        peer.user, peer.database);
  }
  if (state == "28000") {
    return fmt::format(
        "check the user in PG_USER or PG_URL, or create it: CREATE ROLE \"{}\" LOGIN REPLICATION;",
        peer.user);
  }
  if (state == "3D000") {
    return fmt::format(
        "check \"database\" in the schema file, or create it: CREATE DATABASE \"{}\";",
        peer.database);
  }
  if (state == "42501" && failure.routine == "InitPostgres" && replication) {
    return fmt::format("ALTER ROLE \"{}\" REPLICATION;", peer.user);
  }
  if (state == "42501") {
    return fmt::format("GRANT CONNECT ON DATABASE \"{}\" TO \"{}\";", peer.database, peer.user);
  }
  if (state == "08P01" && replication) {
    return "replication needs a direct connection to PostgreSQL, not one through a pooler";
  }
  return "";
}

}  // namespace

base::ErrorKind KindOfSqlState(std::string_view sql_state) {
  using base::ErrorKind;
  const std::string_view cls = sql_state.substr(0, 2);
  // 25P03 to 25P04 and 57P01 to 57P05 end the session: idle timeouts, shutdown, crash of another
  // backend, dropped database.
  if (cls == "08" || sql_state.substr(0, 4) == "57P0" || sql_state == "25P03" ||
      sql_state == "25P04") {
    return ErrorKind::kReconnect;
  }
  // Serialization and deadlock; resources; cancelled by a timeout; lock_timeout; snapshot too old.
  if (cls == "40" || cls == "53" || sql_state == "57014" || sql_state == "55P03" ||
      sql_state == "72000") {
    return ErrorKind::kRetry;
  }
  return ErrorKind::kFatal;
}

ConnectFailure ParseConnectFailure(std::string_view text) {
  ConnectFailure failure;
  // With several hosts there are several reports; the last one is the last that was tried.
  size_t message_begin = std::string_view::npos;
  for (size_t at = text.find(":  "); at != std::string_view::npos; at = text.find(":  ", at + 1)) {
    const std::string_view rest = text.substr(at + 3);
    if (rest.size() > 7 && rest.substr(5, 2) == ": " && IsSqlState(rest.substr(0, 5))) {
      failure.sql_state = rest.substr(0, 5);
      message_begin = at + 3 + 7;
    }
  }
  if (message_begin == std::string_view::npos) {
    failure.message = OneLine(text);
    return failure;
  }
  const std::string_view message = text.substr(message_begin);
  failure.message = OneLine(message.substr(0, message.find('\n')));
  // The label is translated, the form is not: "<label>:  <routine>, <file>:<line>".
  const size_t comma = message.rfind(", ");
  if (comma != std::string_view::npos) {
    const std::string_view before = message.substr(0, comma);
    const size_t space = before.rfind(' ');
    if (space != std::string_view::npos && message.find('\n') < space) {
      failure.routine = before.substr(space + 1);
    }
  }
  return failure;
}

base::Error ConnectError(const ConnectFailure& failure, const Peer& peer, bool replication,
                         bool password_missing) {
  const std::string where = fmt::format("PostgreSQL at {}:{} as user \"{}\", database \"{}\"",
                                        peer.host, peer.port, peer.user, peer.database);
  bool refused = password_missing;
  if (failure.sql_state.empty()) {
    refused = refused || IsClientRefusal(failure.message);
  } else {
    const std::string_view cls = std::string_view(failure.sql_state).substr(0, 2);
    // 08P01 is how poolers refuse a startup parameter or an unknown database.
    const bool may_pass = (cls == "08" && failure.sql_state != "08P01") || cls == "53" ||
                          cls == "57" || cls == "58" || cls == "40" || cls == "XX";
    refused = !may_pass;
  }
  if (!refused) return base::Reconnect(fmt::format("cannot reach {}: {}", where, failure.message));
  const std::string remedy = Remedy(failure, peer, replication, password_missing);
  return base::Refused(fmt::format("{} refuses the connection: {}{}{}", where, failure.message,
                                   remedy.empty() ? "" : "; remedy: ", remedy));
}

}  // namespace pg
