#include "consumer/pg/failure.h"

#include <gtest/gtest.h>

namespace pg {
namespace {

using base::ErrorKind;

const Peer kPeer = {"db.example", "5432", "alice", "shop"};

TEST(KindOfSqlState, SessionIsOver) {
  for (const char* state : {"08006", "08003", "57P01", "57P02", "57P03", "57P05", "25P03"}) {
    EXPECT_EQ(KindOfSqlState(state), ErrorKind::kReconnect) << state;
  }
}

TEST(KindOfSqlState, AnotherTryMayDo) {
  for (const char* state : {"40001", "40P01", "53100", "53200", "53300", "57014", "55P03"}) {
    EXPECT_EQ(KindOfSqlState(state), ErrorKind::kRetry) << state;
  }
}

TEST(KindOfSqlState, AllElseIsFatal) {
  for (const char* state : {"", "42P01", "42501", "55006", "22P02", "XX000", "58P01", "9"}) {
    EXPECT_EQ(KindOfSqlState(state), ErrorKind::kFatal) << state;
  }
}

TEST(ParseConnectFailure, FindsTheServersCodeAndRoutine) {
  const auto failure = ParseConnectFailure(
      "connection to server at \"::1\", port 5432 failed: FATAL:  28P01: password authentication "
      "failed for user \"alice\"\nLOCATION:  auth_failed, auth.c:340\n");
  EXPECT_EQ(failure.sql_state, "28P01");
  EXPECT_EQ(failure.routine, "auth_failed");
  EXPECT_EQ(failure.message, "password authentication failed for user \"alice\"");
}

TEST(ParseConnectFailure, DoesNotDependOnTheLanguage) {
  const auto failure = ParseConnectFailure(
      "connection to server at \"::1\", port 5432 failed: SCHWERWIEGEND:  3D000: Datenbank "
      "»shop« existiert nicht\nORT:  InitPostgres, postinit.c:885\n");
  EXPECT_EQ(failure.sql_state, "3D000");
  EXPECT_EQ(failure.routine, "InitPostgres");
}

TEST(ParseConnectFailure, TakesTheLastOfSeveralHosts) {
  const auto failure = ParseConnectFailure(
      "connection to server at \"a\", port 1 failed: FATAL:  28000: no\nLOCATION:  x, y.c:1\n"
      "connection to server at \"b\", port 1 failed: FATAL:  57P03: starting up\nLOCATION:  z, "
      "w.c:1\n");
  EXPECT_EQ(failure.sql_state, "57P03");
  EXPECT_EQ(failure.routine, "z");
}

TEST(ParseConnectFailure, PutsTheClientsWordsOnOneLine) {
  const auto failure = ParseConnectFailure(
      "connection to server at \"::1\", port 1 failed: Connection refused\n\tIs the server "
      "running?\n");
  EXPECT_EQ(failure.sql_state, "");
  EXPECT_EQ(failure.message,
            "connection to server at \"::1\", port 1 failed: Connection refused Is the server "
            "running?");
}

TEST(ConnectError, UnreachableServerMayComeBack) {
  const auto error = ConnectError({"", "", "Connection refused"}, kPeer, false, false);
  EXPECT_EQ(error.kind, ErrorKind::kReconnect);
  EXPECT_EQ(error.message,
            "cannot reach PostgreSQL at db.example:5432 as user \"alice\", database \"shop\": "
            "Connection refused");
}

TEST(ConnectError, StartingUpAndFullAreWaitedFor) {
  for (const char* state : {"57P03", "53300", "57P01"}) {
    EXPECT_EQ(ConnectError({state, "", "m"}, kPeer, false, false).kind, ErrorKind::kReconnect);
  }
}

TEST(ConnectError, CutHandshakeIsWaitedFor) {
  EXPECT_EQ(ConnectError({"", "", "SSL SYSCALL error: EOF detected"}, kPeer, false, false).kind,
            ErrorKind::kReconnect);
}

TEST(ConnectError, RefusalsNameTheRemedy) {
  const auto remedy = [](ConnectFailure failure, bool replication, bool password_missing) {
    const auto error = ConnectError(failure, kPeer, replication, password_missing);
    EXPECT_EQ(error.kind, ErrorKind::kRefused) << error.message;
    return error.message;
  };
  EXPECT_NE(remedy({"28P01", "auth_failed", "m"}, false, false).find("PG_PASSWORD"),
            std::string::npos);
  EXPECT_NE(remedy({"", "", "fe_sendauth: no password supplied"}, false, true).find("PG_PASSWORD"),
            std::string::npos);
  EXPECT_NE(remedy({"28000", "ClientAuthentication", "m"}, false, false).find("pg_hba.conf"),
            std::string::npos);
  EXPECT_NE(remedy({"28000", "InitializeSessionUserId", "m"}, false, false).find("CREATE ROLE"),
            std::string::npos);
  EXPECT_NE(remedy({"3D000", "InitPostgres", "m"}, false, false).find("CREATE DATABASE \"shop\""),
            std::string::npos);
  EXPECT_NE(remedy({"42501", "InitPostgres", "m"}, true, false).find("ALTER ROLE \"alice\" REPL"),
            std::string::npos);
}

TEST(ConnectError, DemandedTlsIsARefusal) {
  EXPECT_EQ(ConnectError({"", "", "server does not support SSL, but SSL was required"}, kPeer,
                         false, false)
                .kind,
            ErrorKind::kRefused);
}

}  // namespace
}  // namespace pg
