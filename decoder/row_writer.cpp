#include "decoder/row_writer.h"

namespace pgsync {
namespace {

using pgsync_wire::OldRow;

// Sets what the entry needs of the tuple. Attributes that were added after the tuple was written
// have their default, or are null. Returns null if there is no tuple.
const RowValues* Deform(const RowValues& row, HeapTuple tuple, const RelationEntry& entry,
                        TupleDesc desc) {
  if (tuple == nullptr) return nullptr;
  if (entry.needed == nullptr) {
    heap_deform_tuple(tuple, desc, row.values, row.is_null);
    return &row;
  }
  for (int i = 0; i < entry.needed_count; ++i) {
    const AttrNumber attnum = entry.needed[i];
    row.values[attnum - 1] = heap_getattr(tuple, attnum, desc, &row.is_null[attnum - 1]);
  }
  return &row;
}

OldRow KindOfOldRow(const RelationEntry& entry, const RowValues* old_row) {
  if (old_row == nullptr) return OldRow::kAbsent;
  return entry.identity == REPLICA_IDENTITY_FULL ? OldRow::kFull : OldRow::kKey;
}

inline void WriteColumn(Encoder* encoder, const Column* column, const RowValues* row,
                        TextEncoding* encoding) {
  const int i = column->attnum - 1;
  if (row->is_null[i]) return encoder->Null();
  WriteValue(encoder, column, row->values[i], encoding);
}

void WriteOldRow(Session* session, Encoder* encoder, const Target& target, const RowValues* row,
                 OldRow kind) {
  if (kind == OldRow::kAbsent) return encoder->NoRow();
  encoder->RowHead(static_cast<uint32_t>(target.column_count));
  for (int i = 0; i < target.column_count; ++i) {
    const Column* const column = &target.columns[i];
    if (kind == OldRow::kKey && !column->in_identity) {
      // The server writes NULL there; only the identity tells that it means nothing.
      encoder->Missing();
    } else {
      WriteColumn(encoder, column, row, &session->encoding);
    }
  }
}

// `full_old_row` (or null) supplies TOASTed values that the UPDATE did not touch.
void WriteNewRow(Session* session, Encoder* encoder, const Target& target, const RowValues* row,
                 const RowValues* full_old_row) {
  for (int i = 0; i < target.column_count; ++i) {
    const Column* const column = &target.columns[i];
    const int at = column->attnum - 1;
    const bool from_old = full_old_row != nullptr && !row->is_null[at] &&
                          IsUnchangedToast(column->length, row->values[at]);
    WriteColumn(encoder, column, from_old ? full_old_row : row, &session->encoding);
  }
}

bool SameValue(const ComparedColumn& column, const RowValues* a, const RowValues* b) {
  const int i = column.attnum - 1;
  if (a->is_null[i] || b->is_null[i]) return a->is_null[i] == b->is_null[i];
  if (IsUnchangedToast(column.length, b->values[i])) return true;
  return datum_image_eq(a->values[i], b->values[i], column.by_value, column.length);
}

// Whether the UPDATE provably changed nothing that the target emits or watches.
bool NothingChanged(const Target& target, OldRow kind, const RowValues* old_row,
                    const RowValues* new_row) {
  if (kind != OldRow::kFull) return false;
  for (int i = 0; i < target.compared_count; ++i) {
    if (!SameValue(target.compared[i], old_row, new_row)) return false;
  }
  return true;
}

// One change, sent as one target. The tuples are deformed already.
struct RowChange {
  ReorderBufferChangeType action;
  TransactionId member;
  OldRow old_kind;
  const RowValues* old_row;
  const RowValues* new_row;
};

void WriteRecord(Session* session, StringInfoSink* sink, const Target& target,
                 const RowChange& change) {
  const uint32_t columns = static_cast<uint32_t>(target.column_count);
  Encoder encoder(*sink);
  switch (change.action) {
    case REORDER_BUFFER_CHANGE_INSERT:
      encoder.Insert(target.relid, columns);
      WriteNewRow(session, &encoder, target, change.new_row, nullptr);
      return;
    case REORDER_BUFFER_CHANGE_UPDATE:
      encoder.Update(target.relid, change.old_kind);
      WriteOldRow(session, &encoder, target, change.old_row, change.old_kind);
      encoder.RowHead(columns);
      WriteNewRow(session, &encoder, target, change.new_row,
                  change.old_kind == OldRow::kFull ? change.old_row : nullptr);
      return;
    case REORDER_BUFFER_CHANGE_DELETE:
      encoder.Delete(target.relid, change.old_kind);
      WriteOldRow(session, &encoder, target, change.old_row, change.old_kind);
      return;
    default:
      elog(ERROR, "unexpected kind of change: %d", static_cast<int>(change.action));
  }
}

// Returns whether a record was sent.
bool WriteTarget(Session* session, ReorderBufferTXN* txn, Counters* counters, const Target& target,
                 const RowChange& change) {
  if (change.action == REORDER_BUFFER_CHANGE_UPDATE && !session->options->every_update &&
      NothingChanged(target, change.old_kind, change.old_row, change.new_row)) {
    return false;
  }
  StringInfoSink sink = OpenRecord(session, txn, change.member);
  Introduce(session, &sink, target);
  const int before = session->frame.Size();
  WriteRecord(session, &sink, target, change);
  session->frame.Complete();
  ++counters->sent;
  counters->bytes += static_cast<uint64>(session->frame.Size() - before);
  return true;
}

}  // namespace

void WriteRow(Session* session, ReorderBufferTXN* txn, RelationEntry* entry, TupleDesc desc,
              ReorderBufferChange* change) {
  RowChange row;
  row.action = change->action;
  row.member = session->in_block ? change->txn->xid : InvalidTransactionId;
  row.new_row = Deform(session->new_row, pg::NewTuple(change), *entry, desc);
  row.old_row = Deform(session->old_row, pg::OldTuple(change), *entry, desc);
  row.old_kind = KindOfOldRow(*entry, row.old_row);
  if (row.new_row == nullptr && row.action != REORDER_BUFFER_CHANGE_DELETE) {
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                    errmsg("change of relation with OID %u has no new row", entry->relid)));
  }
  bool sent = false;
  for (const Target* target = entry->targets; target != nullptr; target = target->next) {
    if (WriteTarget(session, txn, &entry->counters, *target, row)) sent = true;
  }
  ++entry->counters.kept;
  if (!sent) ++entry->counters.suppressed;
}

}  // namespace pgsync
