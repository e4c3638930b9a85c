// CommittedCheck: has a transaction whose changes the server sends before its commit record
// committed already? Of a backlog it has: it is only the walsender that does not know yet. One
// stream session, one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "consumer/pg/connection.h"

namespace app {

class CommittedCheck {
 public:
  CommittedCheck(pg::Target postgres, std::string database)
      : postgres_(std::move(postgres)), database_(std::move(database)) {}

  // False also when it cannot be said: then the commit record will. The connection is opened when
  // needed and kept until Rest.
  bool Committed(uint32_t xid);

  // Nothing is in progress: closes the connection.
  void Rest() { connection_.reset(); }

 private:
  pg::Target postgres_;
  std::string database_;
  std::optional<pg::Connection> connection_;
};

}  // namespace app
