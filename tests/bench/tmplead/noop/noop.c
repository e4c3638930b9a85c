/*
 * pgsync_noop: an output plugin that does nothing, the floor of the benchmark. What a walsender
 * costs with it is reading WAL, the reorder buffer (spilling and TOAST reassembly included) and one
 * indirect call per change; no plugin can cost less. No streaming callbacks: with them the server
 * would stream, which is other work than the floor of an ordinary decoding.
 */
#include "postgres.h"

#include "fmgr.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks* callbacks);

static void on_startup(LogicalDecodingContext* ctx, OutputPluginOptions* options, bool is_init) {
  options->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
}

static void on_begin(LogicalDecodingContext* ctx, ReorderBufferTXN* txn) {}

static void on_change(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, Relation relation,
                      ReorderBufferChange* change) {}

static void on_commit(LogicalDecodingContext* ctx, ReorderBufferTXN* txn, XLogRecPtr commit_lsn) {}

void _PG_output_plugin_init(OutputPluginCallbacks* callbacks) {
  callbacks->startup_cb = on_startup;
  callbacks->begin_cb = on_begin;
  callbacks->change_cb = on_change;
  callbacks->commit_cb = on_commit;
}
