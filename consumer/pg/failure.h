// What a failed call on a connection means for the caller: SQLSTATEs and libpq's words turned into
// base::Error. Pure, so that it can be tested without a server. SQLSTATEs decide wherever there is
// one: server messages are translated, codes are not.
#pragma once

#include <string>
#include <string_view>

#include "consumer/base/result.h"

namespace pg {

// The kind of a failed statement: kReconnect when the session cannot go on, kRetry for what another
// try may mend, else kFatal.
base::ErrorKind KindOfSqlState(std::string_view sql_state);

// Whom we tried to reach; for messages.
struct Peer {
  std::string host, port, user, database;
};

// `text` is libpq's message of a failed connection attempt, taken at PQERRORS_VERBOSE, so that it
// holds the server's SQLSTATE
// ("FATAL:  28P01: …") and routine ("LOCATION:  auth_failed, auth.c:340") when it was the server
// that refused.
struct ConnectFailure {
  std::string sql_state;  // "" = the server never answered
  std::string routine;    // server function that raised it
  std::string message;    // one line, without prefix, code and location
};
ConnectFailure ParseConnectFailure(std::string_view text);

// The error of a failed connection attempt: kRefused with its remedy for what waiting cannot mend,
// else kReconnect. `password_missing`: the server asked for a password and we had none.
base::Error ConnectError(const ConnectFailure& failure, const Peer& peer, bool replication,
                         bool password_missing);

}  // namespace pg
