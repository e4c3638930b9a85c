#include "decoder/statistics.h"

namespace pgsync {
namespace {

// Whether a report is due. The time begins with the first transaction of the session.
bool Due(Session* session, TimestampTz commit_time) {
  const int interval_ms = session->options->statistics_interval_ms;
  if (interval_ms < 0) return false;
  if (session->statistics_sent == 0) session->statistics_sent = commit_time;
  const int64 elapsed_us = commit_time - session->statistics_sent;
  // Clocks of other sessions: a time before the last one says nothing.
  if (elapsed_us >= 0 && elapsed_us < int64{interval_ms} * 1000) return false;
  session->statistics_sent = commit_time;
  return true;
}

}  // namespace

void ReportStatistics(LogicalDecodingContext* ctx, Session* session, TimestampTz commit_time) {
  if (!Due(session, commit_time)) return;
  const MemoryContext caller = pg::Enter(session->change_context);
  const std::span<RelationEntry*> changed = TakeUnreported(session->cache);
  if (!changed.empty()) {
    StringInfoSink sink = session->frame.Open();
    Encoder encoder(sink);
    encoder.Statistics(static_cast<uint32_t>(changed.size()));
    for (const RelationEntry* entry : changed) {
      const Counters& n = entry->counters;
      encoder.RelationCounters(entry->relid, n.filtered + n.kept, n.filtered, n.suppressed, n.sent,
                               n.bytes);
    }
    session->frame.Complete();
    Flush(ctx, session);
  }
  pg::Enter(caller);
  MemoryContextReset(session->change_context);
}

}  // namespace pgsync
