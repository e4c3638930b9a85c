// The one place that includes PostgreSQL headers: standard headers first (server macros break
// them), then the server's inside extern "C", in a fixed order. Also the export attribute and, as
// named shims, everything that differs between major versions (scripts/test-matrix runs 14 to 18).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

extern "C" {
#include "postgres.h"

#include "access/attnum.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "parser/scansup.h"
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "replication/snapbuild.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}

// PGDLLEXPORT is empty before 16, so under -fvisibility=hidden entry points need their own.
#define PGSYNC_EXPORT extern "C" __attribute__((visibility("default")))

// From 18 on a library says its name and version, for pg_get_loaded_modules().
#if PG_VERSION_NUM >= 180000
#define PGSYNC_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "pgsync", .version = "0.1")
#else
#define PGSYNC_MODULE_MAGIC PG_MODULE_MAGIC
#endif

namespace pgsync::pg {

// The tuples of a row change; null where the server has none.
#if PG_VERSION_NUM >= 170000
inline HeapTuple NewTuple(const ReorderBufferChange* change) { return change->data.tp.newtuple; }
inline HeapTuple OldTuple(const ReorderBufferChange* change) { return change->data.tp.oldtuple; }
#else
inline HeapTuple NewTuple(const ReorderBufferChange* change) {
  return change->data.tp.newtuple ? &change->data.tp.newtuple->tuple : nullptr;
}
inline HeapTuple OldTuple(const ReorderBufferChange* change) {
  return change->data.tp.oldtuple ? &change->data.tp.oldtuple->tuple : nullptr;
}
#endif

inline TimestampTz CommitTime(const ReorderBufferTXN* txn) {
#if PG_VERSION_NUM >= 150000
  return txn->xact_time.commit_time;
#else
  return txn->commit_time;
#endif
}

// The transaction that a subtransaction is part of; itself, if it is none.
inline ReorderBufferTXN* TopTransaction(ReorderBufferTXN* txn) {
#if PG_VERSION_NUM >= 160000
  return rbtxn_get_toptxn(txn);
#else
  return txn->toptxn != nullptr ? txn->toptxn : txn;
#endif
}

// The server found, while it sent this (sub)transaction in progress, that it was rolled back
// meanwhile.
inline bool FoundAborted(const ReorderBufferTXN* txn) {
#if PG_VERSION_NUM >= 180000
  return rbtxn_is_aborted(txn);
#else
  return txn->concurrent_abort;
#endif
}

// The catalogs as decoding sees them at the end of what it has read.
inline Snapshot CatalogSnapshotOfDecoding(const LogicalDecodingContext* ctx,
                                          const ReorderBufferTXN* txn) {
#if PG_VERSION_NUM >= 160000
  (void)txn;
  return SnapBuildGetOrBuildSnapshot(ctx->snapshot_builder);
#else
  return SnapBuildGetOrBuildSnapshot(ctx->snapshot_builder, txn->xid);
#endif
}

inline void UpdateProgress(LogicalDecodingContext* ctx, bool skipped_transaction) {
#if PG_VERSION_NUM >= 150000
  OutputPluginUpdateProgress(ctx, skipped_transaction);
#else
  (void)skipped_transaction;
  OutputPluginUpdateProgress(ctx);
#endif
}

// From 16 on the core itself reports progress inside of long transactions.
inline constexpr bool kCoreReportsProgress = PG_VERSION_NUM >= 160000;

// Virtual generated columns (18) have no value in the tuple.
inline bool IsVirtual(const FormData_pg_attribute* attribute) {
  return !attribute->attisdropped && attribute->attgenerated == 'v';
}
inline bool HasStoredValue(const FormData_pg_attribute* attribute) {
  return !attribute->attisdropped && !IsVirtual(attribute);
}

#if PG_VERSION_NUM >= 190000
using OriginId = ReplOriginId;
#else
using OriginId = RepOriginId;
#endif

// Switches to `context` and returns the one that was current; the only way contexts are switched
// here. Not RAII: an ERROR jumps past destructors, and the server restores the context itself.
inline MemoryContext Enter(MemoryContext context) { return MemoryContextSwitchTo(context); }

template <typename T>
T* AllocZero(size_t count = 1) {
  static_assert(std::is_trivially_destructible_v<T>);
  return static_cast<T*>(palloc0(sizeof(T) * (count == 0 ? 1 : count)));
}

}  // namespace pgsync::pg
