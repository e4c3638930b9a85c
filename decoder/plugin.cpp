// pgsync, the output plugin: which records a decoded transaction becomes, and when bytes leave the
// server.
//
//   change_cb -> LookUp (relation_cache) -> relevant? -> values (tuple_view) -> bytes (encoder.h)
//   -> session buffer buffer of 64 KiB, or commit -> one OutputPluginWrite, which is one message to
//   the client: the frame
//
// BEGIN waits for the first relevant change, so a transaction without one costs nothing and only
// reports progress. A frame holds records of one transaction. The format is WIRE_FORMAT.md.
//
// Memory: the session (options, cache, buffer) lives in children of the decoding context and goes
// with it, after an ERROR too; what a change needs lives in a context that is reset after each
// change. Nothing here has a destructor: ERROR jumps. No streaming and no two-phase callbacks are
// registered yet: setting any one of them would switch its mode on.
#include "decoder/relation_cache.h"
#include "decoder/string_info_sink.h"

#include <cstring>

#pragma GCC visibility push(default)
extern "C" {
PG_MODULE_MAGIC;
}
#pragma GCC visibility pop

namespace pgsync {
namespace {

using pgsync_wire::OldRow;
using pgsync_wire::ValueView;
using Encoder = pgsync_wire::Encoder<StringInfoSink>;

// After this many changes without a message the walsender is given a chance to answer keepalives;
// as pgoutput does.
constexpr uint32 kChangesBetweenProgress = 100;
// A buffer that one large row has blown up is given back instead of being kept for the session.
constexpr int kKeptBufferBytes = 1024 * 1024;
// Only messages of pg_logical_emit_message with such a prefix are ours to send.
constexpr std::string_view kMessagePrefix = "pgsync";

struct Session {
  const Options* options;
  RelationCache* cache;
  TextEncoding encoding;
  MemoryContext change_context;
  MemoryContext buffer_context;
  StringInfoData buffer;   // the frame being made; empty = none
  bool transaction_begun;  // a begin record of the present transaction is in the buffer or sent
  uint32 quiet_changes;    // since the last message or progress report
  int guc_nest_level;      // 0: settings belong to the connection
};
static_assert(std::is_trivially_destructible_v<Session>);

Session* SessionOf(const LogicalDecodingContext* ctx) {
  return static_cast<Session*>(ctx->output_plugin_private);
}

// ---- text settings
// -------------------------------------------------------------------------------------------------

struct Setting {
  const char* name;
  const char* value;
};

// What output functions depend on. Documented in WIRE_FORMAT.md, "Text".
constexpr Setting kTextSettings[] = {
    {"DateStyle", "ISO, YMD"},     {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
    {"extra_float_digits", "3"},   {"bytea_output", "hex"},       {"lc_monetary", "C"},
    {"search_path", "pg_catalog"}, {"xmlbinary", "base64"},
};

// A walsender is outside of any transaction here and its connection does nothing else, so the
// settings are simply the connection's. The SQL functions are inside of one: there the settings are
// undone by Shutdown, or by the abort.
void FixTextSettings(Session* session) {
  const bool connection_is_ours = !IsTransactionState();
  if (!connection_is_ours) session->guc_nest_level = NewGUCNestLevel();
  for (const Setting& setting : kTextSettings) {
    (void)set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION,
                            connection_is_ours ? GUC_ACTION_SET : GUC_ACTION_SAVE, true, 0, false);
  }
}

// ---- frames
// --------------------------------------------------------------------------------------------------------

void NewBuffer(Session* session) {
  const MemoryContext caller = pg::Enter(session->buffer_context);
  initStringInfo(&session->buffer);
  pg::Enter(caller);
}

// The buffer, with a frame started in it.
StringInfoSink FrameSink(Session* session) {
  StringInfoSink sink = {&session->buffer};
  if (session->buffer.len == 0) Encoder(sink).Version();
  return sink;
}

StringInfoSink TransactionSink(Session* session, const ReorderBufferTXN* txn) {
  StringInfoSink sink = FrameSink(session);
  if (!session->transaction_begun) {
    Encoder(sink).Begin(txn->final_lsn, pg::CommitTime(txn), txn->xid);
    session->transaction_begun = true;
  }
  return sink;
}

void Flush(LogicalDecodingContext* ctx, Session* session) {
  OutputPluginPrepareWrite(ctx, true);
  appendBinaryStringInfo(ctx->out, session->buffer.data, session->buffer.len);
  OutputPluginWrite(ctx, true);
  session->quiet_changes = 0;
  if (session->buffer.maxlen > kKeptBufferBytes) {
    pfree(session->buffer.data);
    NewBuffer(session);
  } else {
    resetStringInfo(&session->buffer);
  }
}

void FlushIfFull(LogicalDecodingContext* ctx, Session* session) {
  if (session->buffer.len >= static_cast<int>(pgsync_wire::kFlushBytes)) Flush(ctx, session);
}

void CountChange(LogicalDecodingContext* ctx, Session* session) {
  if (pg::kCoreReportsProgress || ++session->quiet_changes < kChangesBetweenProgress) return;
  session->quiet_changes = 0;
  pg::UpdateProgress(ctx, false);
}

// Tells the reader what the target looks like, unless it knows.
void Introduce(StringInfoSink* sink, const Target& target) {
  if (target.known->layout == target.layout) return;
  sink->write(target.relation_record.data, static_cast<size_t>(target.relation_record.len));
  target.known->layout = target.layout;
}

// ---- rows
// ----------------------------------------------------------------------------------------------------------

TupleTableSlot* Deform(TupleTableSlot* slot, HeapTuple tuple, int last_attnum) {
  if (tuple == nullptr) return nullptr;
  ExecStoreHeapTuple(tuple, slot, false);
  slot_getsomeattrs(slot, last_attnum);
  return slot;
}

OldRow KindOfOldRow(const RelationEntry& entry, const TupleTableSlot* old_row) {
  if (old_row == nullptr) return OldRow::kAbsent;
  return entry.identity == REPLICA_IDENTITY_FULL ? OldRow::kFull : OldRow::kKey;
}

ValueView ValueOf(Session* session, Column* column, const TupleTableSlot* row) {
  const int i = column->attnum - 1;
  ValueView view;
  if (row->tts_isnull[i]) return view;
  return ReadValue(column, row->tts_values[i], &session->encoding);
}

void EncodeOldRow(Session* session, Encoder* encoder, const Target& target,
                  const TupleTableSlot* row, OldRow kind) {
  if (kind == OldRow::kAbsent) return encoder->NoRow();
  encoder->RowHead(static_cast<uint32_t>(target.column_count));
  for (int i = 0; i < target.column_count; ++i) {
    Column* const column = &target.columns[i];
    if (kind == OldRow::kKey && !column->in_identity) {
      // The server writes NULL there; only the identity tells that it means nothing.
      ValueView missing;
      missing.kind = ValueView::Kind::kMissing;
      encoder->Value(missing);
    } else {
      encoder->Value(ValueOf(session, column, row));
    }
  }
}

// `full_old_row` (or null) supplies TOASTed values that the UPDATE did not touch.
void EncodeNewRow(Session* session, Encoder* encoder, const Target& target,
                  const TupleTableSlot* row, const TupleTableSlot* full_old_row) {
  for (int i = 0; i < target.column_count; ++i) {
    Column* const column = &target.columns[i];
    const int at = column->attnum - 1;
    const bool from_old = full_old_row != nullptr && !row->tts_isnull[at] &&
                          IsUnchangedToast(column->length, row->tts_values[at]);
    encoder->Value(ValueOf(session, column, from_old ? full_old_row : row));
  }
}

bool SameValue(const Column& column, bool by_value, const TupleTableSlot* a,
               const TupleTableSlot* b) {
  const int i = column.attnum - 1;
  if (a->tts_isnull[i] || b->tts_isnull[i]) return a->tts_isnull[i] == b->tts_isnull[i];
  if (IsUnchangedToast(column.length, b->tts_values[i])) return true;
  return datum_image_eq(a->tts_values[i], b->tts_values[i], by_value, column.length);
}

// Whether the UPDATE provably changed nothing that the target emits or watches.
bool NothingChanged(const Target& target, OldRow kind, const TupleTableSlot* old_row,
                    const TupleTableSlot* new_row) {
  if (kind != OldRow::kFull) return false;
  for (int i = 0; i < target.compared_count; ++i) {
    const Column& column = target.compared[i];
    const bool by_value = TupleDescAttr(new_row->tts_tupleDescriptor, column.attnum - 1)->attbyval;
    if (!SameValue(column, by_value, old_row, new_row)) return false;
  }
  return true;
}

// One change, sent as one target. The tuples are deformed already.
struct RowChange {
  ReorderBufferChangeType action;
  OldRow old_kind;
  const TupleTableSlot* old_row;
  const TupleTableSlot* new_row;
};

void EncodeChange(Session* session, const ReorderBufferTXN* txn, const Target& target,
                  const RowChange& change) {
  const uint32_t columns = static_cast<uint32_t>(target.column_count);
  if (change.action == REORDER_BUFFER_CHANGE_UPDATE &&
      NothingChanged(target, change.old_kind, change.old_row, change.new_row)) {
    return;
  }
  StringInfoSink sink = TransactionSink(session, txn);
  Introduce(&sink, target);
  Encoder encoder(sink);
  switch (change.action) {
    case REORDER_BUFFER_CHANGE_INSERT:
      encoder.Insert(target.relid, columns);
      EncodeNewRow(session, &encoder, target, change.new_row, nullptr);
      return;
    case REORDER_BUFFER_CHANGE_UPDATE:
      encoder.Update(target.relid, change.old_kind);
      EncodeOldRow(session, &encoder, target, change.old_row, change.old_kind);
      encoder.RowHead(columns);
      EncodeNewRow(session, &encoder, target, change.new_row,
                   change.old_kind == OldRow::kFull ? change.old_row : nullptr);
      return;
    case REORDER_BUFFER_CHANGE_DELETE:
      encoder.Delete(target.relid, change.old_kind);
      EncodeOldRow(session, &encoder, target, change.old_row, change.old_kind);
      return;
    default:
      elog(ERROR, "unexpected kind of change: %d", static_cast<int>(change.action));
  }
}

void OnChange(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, Relation relation,
              ReorderBufferChange* change) {
  Session* const session = SessionOf(ctx);
  CountChange(ctx, session);
  const RelationEntry* const entry = LookUp(session->cache, relation);
  if (entry->targets == nullptr) return;

  const MemoryContext caller = pg::Enter(session->change_context);
  const int last = entry->last_attnum;
  RowChange row = {change->action, OldRow::kAbsent, nullptr, nullptr};
  row.new_row = Deform(entry->new_slot, pg::NewTuple(change), last);
  row.old_row = Deform(entry->old_slot, pg::OldTuple(change), last);
  row.old_kind = KindOfOldRow(*entry, row.old_row);
  if (row.new_row == nullptr && row.action != REORDER_BUFFER_CHANGE_DELETE) {
    elog(ERROR, "change of relation \"%s\" has no new row", RelationGetRelationName(relation));
  }
  for (const Target* target = entry->targets; target != nullptr; target = target->next) {
    EncodeChange(session, txn, *target, row);
  }
  // The tuples are freed after this callback; the slots must not remember them.
  ExecClearTuple(entry->new_slot);
  ExecClearTuple(entry->old_slot);
  pg::Enter(caller);
  MemoryContextReset(session->change_context);
  FlushIfFull(ctx, session);
}

// ---- the other records
// ---------------------------------------------------------------------------------------------

// Returns the targets of all truncated relations, each once: a partitioned root is listed together
// with its leaves.
List* TruncatedTargets(Session* session, std::span<Relation> relations) {
  List* targets = NIL;
  List* seen = NIL;
  for (Relation relation : relations) {
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
  const MemoryContext caller = pg::Enter(session->change_context);
  List* const targets = TruncatedTargets(session, {relations, static_cast<size_t>(count)});
  if (targets != NIL) {
    StringInfoSink sink = TransactionSink(session, txn);
    ListCell* cell;
    foreach (cell, targets) Introduce(&sink, *static_cast<const Target*>(lfirst(cell)));
    const int flags =
        (change->data.truncate.cascade ? pgsync_wire::kTruncateCascade : 0) |
        (change->data.truncate.restart_seqs ? pgsync_wire::kTruncateRestartSequences : 0);
    Encoder encoder(sink);
    encoder.Truncate(static_cast<uint8_t>(flags), static_cast<uint32_t>(list_length(targets)));
    foreach (cell, targets) {
      encoder.TruncatedRelation(static_cast<const Target*>(lfirst(cell))->relid);
    }
  }
  pg::Enter(caller);
  MemoryContextReset(session->change_context);
  FlushIfFull(ctx, session);
}

void OnMessage(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, XLogRecPtr lsn,
               bool transactional, const char* prefix, Size size, const char* content) {
  Session* const session = SessionOf(ctx);
  if (transactional) CountChange(ctx, session);
  if (strncmp(prefix, kMessagePrefix.data(), kMessagePrefix.size()) != 0) return;
  const MemoryContext caller = pg::Enter(session->change_context);
  StringInfoSink sink = transactional ? TransactionSink(session, txn) : FrameSink(session);
  Encoder(sink).Message(transactional, lsn, session->encoding.NameToUtf8(prefix), {content, size});
  pg::Enter(caller);
  MemoryContextReset(session->change_context);
  if (transactional) {
    FlushIfFull(ctx, session);
  } else {
    Flush(ctx, session);  // it belongs to no transaction, so to no other frame
  }
}

void OnBegin(LogicalDecodingContext* ctx, ReorderBufferTXN*) {
  SessionOf(ctx)->transaction_begun = false;
}

void OnCommit(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, XLogRecPtr commit_lsn) {
  Session* const session = SessionOf(ctx);
  pg::UpdateProgress(ctx, !session->transaction_begun);
  if (!session->transaction_begun) return;
  StringInfoSink sink = FrameSink(session);
  Encoder(sink).Commit(commit_lsn, txn->end_lsn, pg::CommitTime(txn));
  Flush(ctx, session);
  session->transaction_begun = false;
}

// ---- session
// -------------------------------------------------------------------------------------------------------

void OnStartup(LogicalDecodingContext* ctx, OutputPluginOptions* plugin_options, bool is_init) {
  plugin_options->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
  if (is_init) return;  // creation of a slot: nothing will be decoded, and there are no options

  const MemoryContext caller = pg::Enter(ctx->context);
  auto* const session = pg::AllocZero<Session>();
  Options* const options = ParseOptions(ctx->output_plugin_options);
  session->options = options;
  CheckTablesExist(*options);
  session->change_context =
      AllocSetContextCreate(ctx->context, "pgsync change", ALLOCSET_DEFAULT_SIZES);
  session->buffer_context =
      AllocSetContextCreate(ctx->context, "pgsync frame", ALLOCSET_DEFAULT_SIZES);
  NewBuffer(session);
  session->cache = CreateRelationCache(ctx->context, options, &session->encoding);
  ctx->output_plugin_private = session;
  pg::Enter(caller);
  FixTextSettings(session);
}

void OnShutdown(LogicalDecodingContext* ctx) {
  const Session* const session = SessionOf(ctx);
  if (session != nullptr && session->guc_nest_level > 0) {
    AtEOXact_GUC(true, session->guc_nest_level);
  }
}

bool FilterOrigin(LogicalDecodingContext* ctx, pg::OriginId origin) {
  const Session* const session = SessionOf(ctx);
  return session != nullptr && session->options->local_origin_only && origin != InvalidRepOriginId;
}

}  // namespace
}  // namespace pgsync

// ---- the boundary: what the server calls
// -----------------------------------------------------------------------------

extern "C" {

static void StartupCallback(LogicalDecodingContext* ctx, OutputPluginOptions* options,
                            bool is_init) {
  pgsync::OnStartup(ctx, options, is_init);
}
static void ShutdownCallback(LogicalDecodingContext* ctx) { pgsync::OnShutdown(ctx); }
static void BeginCallback(LogicalDecodingContext* ctx, ReorderBufferTXN* txn) {
  pgsync::OnBegin(ctx, txn);
}
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
}

}  // extern "C"
