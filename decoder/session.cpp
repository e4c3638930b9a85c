#include "decoder/session.h"

namespace pgsync {
namespace {

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
// undone by EndSession, or by the abort.
void FixTextSettings(Session* session) {
  const bool connection_is_ours = !IsTransactionState();
  if (!connection_is_ours) session->guc_nest_level = NewGUCNestLevel();
  for (const Setting& setting : kTextSettings) {
    (void)set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION,
                            connection_is_ours ? GUC_ACTION_SET : GUC_ACTION_SAVE, true, 0, false);
  }
}

RowValues RoomForARow() {
  return {pg::AllocZero<Datum>(MaxTupleAttributeNumber),
          pg::AllocZero<bool>(MaxTupleAttributeNumber)};
}

bool SameCatalogs(Snapshot a, Snapshot b) {
  return a->xmin == b->xmin && a->xmax == b->xmax && a->xcnt == b->xcnt &&
         (a->xcnt == 0 || memcmp(a->xip, b->xip, a->xcnt * sizeof(TransactionId)) == 0);
}

}  // namespace

void StartSession(LogicalDecodingContext* ctx) {
  const MemoryContext caller = pg::Enter(ctx->context);
  auto* const session = pg::AllocZero<Session>();
  Options* const options = ParseOptions(ctx->output_plugin_options);
  session->options = options;
  CheckTablesExist(*options);
  // Registering the callbacks has switched it on; it is the client's choice.
  ctx->streaming = ctx->streaming && options->streaming;
  session->change_context =
      AllocSetContextCreate(ctx->context, "pgsync change", ALLOCSET_DEFAULT_SIZES);
  session->frame.Init(AllocSetContextCreate(ctx->context, "pgsync frame", ALLOCSET_DEFAULT_SIZES));
  session->new_row = RoomForARow();
  session->old_row = RoomForARow();
  session->encoding.Init();
  session->cache = CreateRelationCache(ctx->context, options, &session->encoding);
  ctx->output_plugin_private = session;
  pg::Enter(caller);
  FixTextSettings(session);
}

void EndSession(LogicalDecodingContext* ctx) {
  const Session* const session = SessionOf(ctx);
  if (session != nullptr && session->guc_nest_level > 0) {
    AtEOXact_GUC(true, session->guc_nest_level);
  }
}

void SetMark(ReorderBufferTXN* txn, Mark mark, bool on) {
  const auto bit = static_cast<uintptr_t>(mark);
  const auto marks = reinterpret_cast<uintptr_t>(txn->output_plugin_private);
  txn->output_plugin_private = reinterpret_cast<void*>(on ? marks | bit : marks & ~bit);
}

// When a look into the catalogs for a subtransaction in progress finds that it was rolled back
// meanwhile, the server ends the block there and forgets what it had queued behind, even the new
// catalog snapshots that commits of others left there (ReorderBufferResetTXN, 14 to 18). Rows that
// the transaction writes later are then decoded by catalogs of before: under an old name of the
// table or of a column.
void NoteConcurrentAborts(ReorderBufferTXN* txn) {
  // The server's macros for lists are C.
  const dlist_node* const head = &txn->subtxns.head;
  for (const dlist_node* at = head->next; at != nullptr && at != head; at = at->next) {
    const auto* const member = reinterpret_cast<const ReorderBufferTXN*>(
        reinterpret_cast<const char*>(at) - offsetof(ReorderBufferTXN, node));
    if (!pg::FoundAborted(member)) continue;
    SetMark(txn, Mark::kLostChanges, true);
    return;
  }
}

void CheckCatalogs(const LogicalDecodingContext* ctx, ReorderBufferTXN* txn) {
  // While changes are decoded this is the snapshot that catalogs are read with.
  if (!SameCatalogs(GetTransactionSnapshot(), pg::CatalogSnapshotOfDecoding(ctx, txn))) {
    ereport(ERROR,
            (errcode(ERRCODE_INTERNAL_ERROR),
             errmsg("cannot decode a transaction in progress any further"),
             errdetail("A subtransaction of transaction %u was rolled back while it was decoded, and "
                       "the server may have lost which changes of other transactions to the "
                       "catalogs this one has to see.",
                       txn->xid),
             errhint("Start again without option \"streaming\".")));
  }
  SetMark(txn, Mark::kLostChanges, false);
}

StringInfoSink OpenRecord(Session* session, ReorderBufferTXN* txn, TransactionId member) {
  StringInfoSink sink = session->frame.Open();
  if (!session->begun) {
    if (session->in_block) {
      Encoder(sink).StreamStart(txn->xid, !IsMarked(txn, Mark::kSent));
      SetMark(txn, Mark::kSent, true);
      session->member = txn->xid;
    } else {
      Encoder(sink).Begin(txn->final_lsn, pg::CommitTime(txn), txn->xid);
    }
    session->begun = true;
    session->frame.Complete();
  }
  if (session->in_block && member != session->member) {
    Encoder(sink).Subtransaction(member);
    session->member = member;
    session->frame.Complete();
  }
  return sink;
}

}  // namespace pgsync
