// Session: what lives from START_REPLICATION, or from the call of an SQL slot function, to its end:
// options, relation cache, the frame being made, and where in which transaction the stream is.
//
// Everything is in memory contexts below the decoding context and goes with it, after an ERROR too.
#pragma once

#include "decoder/frame_buffer.h"
// After it:
#include "decoder/options.h"
#include "decoder/pg.h"
#include "decoder/relation_cache.h"

namespace pgsync {

// The attributes of a tuple, by attribute number - 1. Only those that its relation's entry asks for
// are set.
struct RowValues {
  Datum* values;
  bool* is_null;
};

struct Session {
  const Options* options;
  RelationCache* cache;
  TextEncoding encoding;
  MemoryContext change_context;  // what one change needs; reset after each
  RowValues new_row, old_row;    // room for the widest tuple
  FrameBuffer frame;
  bool begun;  // of the present transaction, or of the present block of one in progress, a record
               // is in the frame or sent
  bool in_block;                // between stream_start and stream_stop
  TransactionId member;         // in a block: the (sub)transaction that was named last
  uint32 quiet_changes;         // since the last message or progress report
  int guc_nest_level;           // 0: settings belong to the connection
  TimestampTz statistics_sent;  // commit time of the last report, or of the first transaction
};
static_assert(std::is_trivially_destructible_v<Session>);

inline Session* SessionOf(const LogicalDecodingContext* ctx) {
  return static_cast<Session*>(ctx->output_plugin_private);
}

// Makes the session of a decoding context: options read and checked, output settings fixed.
void StartSession(LogicalDecodingContext* ctx);
// Undoes what is not memory. Not called after an ERROR, which undoes it by itself.
void EndSession(LogicalDecodingContext* ctx);

// Which catalogs a snapshot of logical decoding shows: what had committed.
struct CatalogState {
  TransactionId xmin, xmax;
  uint32 count, hash;  // of the transactions in between that had committed
  bool operator==(const CatalogState&) const = default;
};

// What the session remembers about a transaction in progress, in its output_plugin_private, from
// its first block to its end.
struct Streamed {
  bool sent;  // a block of it reached the client
  enum { kSure, kToCheck, kLost } catalogs;
  CatalogState right;  // kToCheck: what its next block has to begin with. kLost: what it began with
};
inline Streamed* StreamedOf(const ReorderBufferTXN* txn) {
  return static_cast<Streamed*>(txn->output_plugin_private);
}
inline bool WasSent(const ReorderBufferTXN* txn) {
  return StreamedOf(txn) != nullptr && StreamedOf(txn)->sent;
}

// Ends of a block: the server may have forgotten catalog changes between them.
void BeginBlock(LogicalDecodingContext* ctx, ReorderBufferTXN* txn);
void EndBlock(LogicalDecodingContext* ctx, ReorderBufferTXN* txn);
// Before a row in a block is looked at: ERROR if the catalogs are those of before.
void CheckCatalogs(ReorderBufferTXN* txn);
// The transaction in progress has ended.
void Forget(ReorderBufferTXN* txn);

// Where a record of the transaction goes; begins the transaction, or its block, if this is the
// first. `member` is the (sub)transaction that the change belongs to; it matters in blocks only.
// Every record is followed by session->frame.Complete().
StringInfoSink OpenRecord(Session* session, ReorderBufferTXN* txn, TransactionId member);

inline void Flush(LogicalDecodingContext* ctx, Session* session) {
  session->frame.Flush(ctx);
  session->quiet_changes = 0;
}

inline void FlushIfFull(LogicalDecodingContext* ctx, Session* session) {
  if (session->frame.Full()) Flush(ctx, session);
}

// Before every change: lets the query be cancelled, and the walsender answer keepalives while
// everything is filtered.
inline void CountChange(LogicalDecodingContext* ctx, Session* session) {
  // As often as pgoutput. From 16 on the core does it.
  constexpr uint32 kChangesBetweenProgress = 100;
  CHECK_FOR_INTERRUPTS();
  if (pg::kCoreReportsProgress || ++session->quiet_changes < kChangesBetweenProgress) return;
  session->quiet_changes = 0;
  pg::UpdateProgress(ctx, false);
}

}  // namespace pgsync
