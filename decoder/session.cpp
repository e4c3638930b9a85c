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

StringInfoSink OpenRecord(Session* session, ReorderBufferTXN* txn, TransactionId member) {
  StringInfoSink sink = session->frame.Open();
  if (!session->begun) {
    if (session->in_block) {
      Encoder(sink).StreamStart(txn->xid, txn->output_plugin_private == nullptr);
      txn->output_plugin_private = session;  // not null: a block was sent
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
