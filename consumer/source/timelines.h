// Timelines: what a server was before it was promoted. A promotion ends a timeline at a position,
// and what its old server wrote beyond that is in no WAL of the new one, although the positions go
// on as if it were. Format: PostgreSQL's timeline history files (src/backend/access/transam,
// "timeline.c"), as TIMELINE_HISTORY of the replication protocol sends them.
#pragma once

#include <string_view>
#include <vector>

#include "consumer/base/lsn.h"
#include "consumer/base/result.h"
#include "consumer/pg/connection.h"

namespace source {

struct Timelines {
  struct Ended {
    int timeline = 0;
    base::Lsn end;  // from here on, the next one's counts
  };
  int current = 0;  // 0 = not known
  std::vector<Ended> before;

  // Whether `position` of `timeline` is in this server's history. What is not known is believed.
  bool Have(int timeline, base::Lsn position) const;
};

// The part before the present one. Lines that are no entries are left out.
std::vector<Timelines::Ended> ParseTimelineHistory(std::string_view text);

// Of a server whose present timeline is `current`. REQUIRES: a replication connection. One that has
// lost its history file (it is only WAL to those who copy a cluster) has a present timeline and
// none before it.
base::Result<Timelines> ReadTimelines(pg::Connection& connection, int current);

}  // namespace source
