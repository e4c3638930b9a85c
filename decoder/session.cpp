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

CatalogState StateOf(Snapshot snapshot) {
  const auto bytes = static_cast<int>(snapshot->xcnt * sizeof(TransactionId));
  return {snapshot->xmin, snapshot->xmax, snapshot->xcnt,
          hash_bytes(reinterpret_cast<const unsigned char*>(snapshot->xip), bytes)};
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

void BeginBlock(LogicalDecodingContext* ctx, ReorderBufferTXN* txn) {
  SessionOf(ctx)->in_block = true;
  SessionOf(ctx)->begun = false;
  Streamed* streamed = StreamedOf(txn);
  if (streamed == nullptr) {
    const MemoryContext caller = pg::Enter(ctx->context);
    txn->output_plugin_private = streamed = pg::AllocZero<Streamed>();
    pg::Enter(caller);
  }
  if (streamed->catalogs != Streamed::kToCheck) return;
  // While changes are decoded this is the snapshot that catalogs are read with.
  const CatalogState present = StateOf(GetTransactionSnapshot());
  streamed->catalogs = present == streamed->right ? Streamed::kSure : Streamed::kLost;
  streamed->right = present;
}

// When a look into the catalogs for a subtransaction in progress finds that it was rolled back
// meanwhile, the server ends the block there and forgets what it had queued behind, even the new
// catalog snapshots that commits of others left there (ReorderBufferResetTXN, 14 to 18). Rows that
// the transaction writes later would be decoded by catalogs of before: under an old name of the
// table or of a column.
void EndBlock(LogicalDecodingContext* ctx, ReorderBufferTXN* txn) {
  SessionOf(ctx)->in_block = false;
  // The server's macros for lists are C.
  const dlist_node* const head = &txn->subtxns.head;
  for (const dlist_node* at = head->next; at != nullptr && at != head; at = at->next) {
    const auto* const member = reinterpret_cast<const ReorderBufferTXN*>(
        reinterpret_cast<const char*>(at) - offsetof(ReorderBufferTXN, node));
    if (!pg::FoundAborted(member)) continue;
    StreamedOf(txn)->catalogs = Streamed::kToCheck;
    StreamedOf(txn)->right = StateOf(pg::CatalogSnapshotOfDecoding(ctx, txn));
    return;
  }
}

void CheckCatalogs(ReorderBufferTXN* txn) {
  Streamed* const streamed = StreamedOf(txn);
  if (streamed->catalogs != Streamed::kLost) return;
  if (StateOf(GetTransactionSnapshot()) == streamed->right) {
    ereport(ERROR,
            (errcode(ERRCODE_INTERNAL_ERROR),
             errmsg("cannot decode a transaction in progress any further"),
             errdetail("A subtransaction of transaction %u was rolled back while it was decoded, "
                       "and the server lost which changes of other transactions to the catalogs "
                       "this one has to see.",
                       txn->xid),
             errhint("Start again without option \"streaming\".")));
  }
  // A later commit has brought the present ones.
  streamed->catalogs = Streamed::kSure;
}

void Forget(ReorderBufferTXN* txn) {
  if (txn->output_plugin_private == nullptr) return;
  pfree(txn->output_plugin_private);
  txn->output_plugin_private = nullptr;
}

StringInfoSink OpenRecord(Session* session, ReorderBufferTXN* txn, TransactionId member) {
  StringInfoSink sink = session->frame.Open();
  if (!session->begun) {
    if (session->in_block) {
      Encoder(sink).StreamStart(txn->xid, !StreamedOf(txn)->sent);
      StreamedOf(txn)->sent = true;
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
