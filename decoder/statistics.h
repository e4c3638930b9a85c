// Statistics: what the plugin did with the rows of each relation, for the client that asked for it
// with option "statistics_interval". The record is described in WIRE_FORMAT.md.
#pragma once

#include "decoder/session.h"

namespace pgsync {

// After the end of a transaction that ended at `commit_time`: sends a statistics frame if one is
// due.
void ReportStatistics(LogicalDecodingContext* ctx, Session* session, TimestampTz commit_time);

}  // namespace pgsync
