// pgsync, the output plugin: what the server calls, and when bytes leave it.
//
//   change_cb -> LookUp (relation_cache) -> relevant? -> row_writer -> tuple_view -> encoder.h
//   -> frame of 64 KiB, or commit -> one OutputPluginWrite, which is one message to the client
//
// BEGIN waits for the first relevant change, so a transaction without one costs nothing and only
// reports progress. A frame holds records of one transaction, or of one block of a transaction in
// progress. The format is WIRE_FORMAT.md.
//
// Nothing here has a destructor: ERROR jumps. No two-phase callback is registered: setting any one
// would switch that mode on, and prepared transactions are delivered at COMMIT PREPARED.
#include "decoder/session.h"
// After it:
#include "decoder/row_writer.h"
#include "decoder/statistics.h"

#pragma GCC visibility push(default)
extern "C" {
PGSYNC_MODULE_MAGIC;
}
#pragma GCC visibility pop

namespace pgsync {
namespace {

// ---- contents of a transaction, or of a block of one in progress

void OnChange(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, Relation relation,
              ReorderBufferChange* change) {
  Session* const session = SessionOf(ctx);
  CountChange(ctx, session);
  if (session->in_block) CheckCatalogs(txn);
  RelationEntry* const entry = LookUp(session->cache, relation);
  if (entry->targets == nullptr) {
    ++entry->counters.filtered;
    return;
  }
  const MemoryContext caller = pg::Enter(session->change_context);
  WriteRow(session, txn, entry, RelationGetDescr(relation), change);
  pg::Enter(caller);
  MemoryContextReset(session->change_context);
  FlushIfFull(ctx, session);
}

// Returns the targets of all truncated relations, each once: a partitioned root is listed together
// with its leaves.
List* TruncatedTargets(Session* session, std::span<Relation> relations) {
  List* targets = NIL;
  List* seen = NIL;
  for (Relation relation : relations) {
    CHECK_FOR_INTERRUPTS();
    const RelationEntry* const entry = LookUp(session->cache, relation);
    for (Target* target = entry->targets; target != nullptr; target = target->next) {
      if (list_member_oid(seen, target->relid)) continue;
      seen = lappend_oid(seen, target->relid);
      targets = lappend(targets, target);
    }
  }
  return targets;
}

void OnTruncate(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, int count, Relation relations[],
                ReorderBufferChange* change) {
  Session* const session = SessionOf(ctx);
  CountChange(ctx, session);
  if (session->in_block) CheckCatalogs(txn);
  const MemoryContext caller = pg::Enter(session->change_context);
  List* const targets = TruncatedTargets(session, {relations, static_cast<size_t>(count)});
  if (targets != NIL) {
    StringInfoSink sink = OpenRecord(session, txn, change->txn->xid);
    ListCell* cell;
    foreach (cell, targets) Introduce(session, &sink, *static_cast<const Target*>(lfirst(cell)));
    const int flags =
        (change->data.truncate.cascade ? pgsync_wire::kTruncateCascade : 0) |
        (change->data.truncate.restart_seqs ? pgsync_wire::kTruncateRestartSequences : 0);
    Encoder encoder(sink);
    encoder.Truncate(static_cast<uint8_t>(flags), static_cast<uint32_t>(list_length(targets)));
    foreach (cell, targets) {
      encoder.TruncatedRelation(static_cast<const Target*>(lfirst(cell))->relid);
    }
    session->frame.Complete();
  }
  pg::Enter(caller);
  MemoryContextReset(session->change_context);
  FlushIfFull(ctx, session);
}

void OnMessage(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, XLogRecPtr lsn,
               bool transactional, const char* prefix, Size size, const char* content) {
  Session* const session = SessionOf(ctx);
  if (transactional) CountChange(ctx, session);
  const char* const wanted = session->options->message_prefix;
  if (strncmp(prefix, wanted, strlen(wanted)) != 0) return;
  const MemoryContext caller = pg::Enter(session->change_context);
  // The subtransaction of a message is not told; it is sent as one of the top level, so it survives
  // when only the subtransaction is aborted. Nobody takes a message for data.
  StringInfoSink sink = transactional ? OpenRecord(session, txn, txn->xid) : session->frame.Open();
  Encoder(sink).Message(transactional, lsn, session->encoding.NameToUtf8(prefix), {content, size});
  session->frame.Complete();
  pg::Enter(caller);
  MemoryContextReset(session->change_context);
  if (transactional) {
    FlushIfFull(ctx, session);
  } else {
    Flush(ctx, session);  // it belongs to no transaction, so to no other frame
  }
}

// ---- ends of a transaction

void OnBegin(LogicalDecodingContext* ctx) {
  Session* const session = SessionOf(ctx);
  session->begun = false;
  session->in_block = false;
}

// Whether anything was sent or not, a transaction has ended.
void AfterCommit(LogicalDecodingContext* ctx, const ReorderBufferTXN* txn, bool sent) {
  Session* const session = SessionOf(ctx);
  pg::UpdateProgress(ctx, !sent);
  if (sent) Flush(ctx, session);
  ReportStatistics(ctx, session, pg::CommitTime(txn));
}

void OnCommit(LogicalDecodingContext* ctx, const ReorderBufferTXN* txn, XLogRecPtr commit_lsn) {
  Session* const session = SessionOf(ctx);
  const bool sent = session->begun;
  if (sent) {
    StringInfoSink sink = session->frame.Open();
    Encoder(sink).Commit(commit_lsn, txn->end_lsn, pg::CommitTime(txn));
    session->frame.Complete();
    session->begun = false;
  }
  AfterCommit(ctx, txn, sent);
}

void OnStreamStop(LogicalDecodingContext* ctx, ReorderBufferTXN* txn) {
  EndBlock(ctx, txn);
  Session* const session = SessionOf(ctx);
  if (!session->begun) return;
  session->begun = false;
  StringInfoSink sink = session->frame.Open();
  Encoder(sink).StreamStop();
  session->frame.Complete();
  Flush(ctx, session);
}

void OnStreamCommit(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, XLogRecPtr commit_lsn) {
  Session* const session = SessionOf(ctx);
  const bool sent = WasSent(txn);
  if (sent) {
    StringInfoSink sink = session->frame.Open();
    Encoder(sink).StreamCommit(txn->xid, commit_lsn, txn->end_lsn, pg::CommitTime(txn));
    session->frame.Complete();
  }
  Forget(txn);
  AfterCommit(ctx, txn, sent);
}

void OnStreamAbort(LogicalDecodingContext* ctx, ReorderBufferTXN* txn) {
  Session* const session = SessionOf(ctx);
  ReorderBufferTXN* const top = pg::TopTransaction(txn);
  const bool sent = WasSent(top);
  if (txn == top) Forget(top);
  if (!sent) return;
  StringInfoSink sink = session->frame.Open();
  Encoder(sink).StreamAbort(top->xid, txn->xid);
  session->frame.Complete();
  Flush(ctx, session);
}

bool FilterOrigin(const LogicalDecodingContext* ctx, pg::OriginId origin) {
  const Session* const session = SessionOf(ctx);
  return session != nullptr && session->options->local_origin_only && origin != InvalidRepOriginId;
}

}  // namespace
}  // namespace pgsync

// ---- the boundary: what the server calls

extern "C" {

static void StartupCallback(LogicalDecodingContext* ctx, OutputPluginOptions* options,
                            bool is_init) {
  options->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
  // At the creation of a slot nothing will be decoded, and there are no options.
  if (!is_init) pgsync::StartSession(ctx);
}
static void ShutdownCallback(LogicalDecodingContext* ctx) { pgsync::EndSession(ctx); }
static void BeginCallback(LogicalDecodingContext* ctx, ReorderBufferTXN*) { pgsync::OnBegin(ctx); }
static void ChangeCallback(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, Relation relation,
                           ReorderBufferChange* change) {
  pgsync::OnChange(ctx, txn, relation, change);
}
static void TruncateCallback(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, int count,
                             Relation relations[], ReorderBufferChange* change) {
  pgsync::OnTruncate(ctx, txn, count, relations, change);
}
static void CommitCallback(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, XLogRecPtr lsn) {
  pgsync::OnCommit(ctx, txn, lsn);
}
static void MessageCallback(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, XLogRecPtr lsn,
                            bool transactional, const char* prefix, Size size,
                            const char* content) {
  pgsync::OnMessage(ctx, txn, lsn, transactional, prefix, size, content);
}
static bool FilterByOriginCallback(LogicalDecodingContext* ctx, pgsync::pg::OriginId origin) {
  return pgsync::FilterOrigin(ctx, origin);
}
static void StreamStartCallback(LogicalDecodingContext* ctx, ReorderBufferTXN* txn) {
  pgsync::BeginBlock(ctx, txn);
}
static void StreamStopCallback(LogicalDecodingContext* ctx, ReorderBufferTXN* txn) {
  pgsync::OnStreamStop(ctx, txn);
}
static void StreamCommitCallback(LogicalDecodingContext* ctx, ReorderBufferTXN* txn,
                                 XLogRecPtr lsn) {
  pgsync::OnStreamCommit(ctx, txn, lsn);
}
static void StreamAbortCallback(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, XLogRecPtr) {
  pgsync::OnStreamAbort(ctx, txn);
}

PGSYNC_EXPORT void _PG_output_plugin_init(OutputPluginCallbacks* callbacks);

void _PG_output_plugin_init(OutputPluginCallbacks* callbacks) {
  callbacks->startup_cb = StartupCallback;
  callbacks->shutdown_cb = ShutdownCallback;
  callbacks->begin_cb = BeginCallback;
  callbacks->change_cb = ChangeCallback;
  callbacks->truncate_cb = TruncateCallback;
  callbacks->commit_cb = CommitCallback;
  callbacks->message_cb = MessageCallback;
  callbacks->filter_by_origin_cb = FilterByOriginCallback;
  callbacks->stream_start_cb = StreamStartCallback;
  callbacks->stream_stop_cb = StreamStopCallback;
  callbacks->stream_abort_cb = StreamAbortCallback;
  callbacks->stream_commit_cb = StreamCommitCallback;
  callbacks->stream_change_cb = ChangeCallback;
  callbacks->stream_truncate_cb = TruncateCallback;
  callbacks->stream_message_cb = MessageCallback;
}

}  // extern "C"
