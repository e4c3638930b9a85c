/*
 * pgsync_faulty: an output plugin for tests that is pgsync, but raises ERROR when asked to. It takes the callbacks of the real
 * plugin and wraps each of them; nothing in the product knows of it. Three options of its own, which it takes out of the list:
 *
 *   faulty_callback   begin, change, commit, ... (the names below): the callback that fails
 *   faulty_at         at which call of it, 1 is the first (default 1)
 *   faulty_when       before (default) or after the real callback
 *
 * Also a type whose output function fails while the setting pgsync_faulty.output is on; see pgsync_faulty_out.
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

#if PG_VERSION_NUM < 190000
#define ReplOriginId RepOriginId
#endif

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

/* The real callbacks: always the same, so they may stay for the life of the process. */
static OutputPluginCallbacks real;

/* What shall fail in the present session; set at its start. */
static char fail_callback[64];
static bool fail_after;
static int	calls_left;

static void
fail_if_asked(const char *callback, bool after)
{
	if (fail_after != after || strcmp(fail_callback, callback) != 0)
		return;
	if (--calls_left == 0)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("injected failure %s callback \"%s\"", after ? "after" : "before", callback)));
}

#define WRAPPED(name, call) \
	fail_if_asked(name, false); \
	call; \
	fail_if_asked(name, true)

static List *
take_own_options(List *options)
{
	List	   *others = NIL;
	ListCell   *cell;

	fail_callback[0] = '\0';
	fail_after = false;
	calls_left = 1;
	foreach(cell, options)
	{
		DefElem    *element = (DefElem *) lfirst(cell);

		if (strcmp(element->defname, "faulty_callback") == 0)
			strlcpy(fail_callback, strVal(element->arg), sizeof(fail_callback));
		else if (strcmp(element->defname, "faulty_at") == 0)
			calls_left = atoi(strVal(element->arg));
		else if (strcmp(element->defname, "faulty_when") == 0)
			fail_after = strcmp(strVal(element->arg), "after") == 0;
		else
			others = lappend(others, element);
	}
	return others;
}

static void
wrapped_startup(LogicalDecodingContext *ctx, OutputPluginOptions *options, bool is_init)
{
	ctx->output_plugin_options = take_own_options(ctx->output_plugin_options);
	WRAPPED("startup", real.startup_cb(ctx, options, is_init));
}

static void
wrapped_shutdown(LogicalDecodingContext *ctx)
{
	WRAPPED("shutdown", real.shutdown_cb(ctx));
}

static void
wrapped_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	WRAPPED("begin", real.begin_cb(ctx, txn));
}

static void
wrapped_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *change)
{
	WRAPPED("change", real.change_cb(ctx, txn, relation, change));
}

static void
wrapped_truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int n, Relation relations[], ReorderBufferChange *change)
{
	WRAPPED("truncate", real.truncate_cb(ctx, txn, n, relations, change));
}

static void
wrapped_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	WRAPPED("commit", real.commit_cb(ctx, txn, lsn));
}

static void
wrapped_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn, bool transactional, const char *prefix, Size size,
		const char *content)
{
	WRAPPED("message", real.message_cb(ctx, txn, lsn, transactional, prefix, size, content));
}

static bool
wrapped_filter_by_origin(LogicalDecodingContext *ctx, ReplOriginId origin)
{
	bool		filtered;

	WRAPPED("filter_by_origin", filtered = real.filter_by_origin_cb(ctx, origin));
	return filtered;
}

static void
wrapped_stream_start(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	WRAPPED("stream_start", real.stream_start_cb(ctx, txn));
}

static void
wrapped_stream_stop(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	WRAPPED("stream_stop", real.stream_stop_cb(ctx, txn));
}

static void
wrapped_stream_abort(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	WRAPPED("stream_abort", real.stream_abort_cb(ctx, txn, lsn));
}

static void
wrapped_stream_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	WRAPPED("stream_commit", real.stream_commit_cb(ctx, txn, lsn));
}

static void
wrapped_stream_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *change)
{
	WRAPPED("stream_change", real.stream_change_cb(ctx, txn, relation, change));
}

static void
wrapped_stream_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn, bool transactional, const char *prefix, Size size,
			   const char *content)
{
	WRAPPED("stream_message", real.stream_message_cb(ctx, txn, lsn, transactional, prefix, size, content));
}

static void
wrapped_stream_truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int n, Relation relations[], ReorderBufferChange *change)
{
	WRAPPED("stream_truncate", real.stream_truncate_cb(ctx, txn, n, relations, change));
}

#define WRAP_IF_THERE(member, wrapper) callbacks->member = real.member ? wrapper : NULL

void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	LogicalOutputPluginInit init =
		(LogicalOutputPluginInit) load_external_function("pgsync", "_PG_output_plugin_init", true, NULL);

	memset(&real, 0, sizeof(real));
	init(&real);
	WRAP_IF_THERE(startup_cb, wrapped_startup);
	WRAP_IF_THERE(shutdown_cb, wrapped_shutdown);
	WRAP_IF_THERE(begin_cb, wrapped_begin);
	WRAP_IF_THERE(change_cb, wrapped_change);
	WRAP_IF_THERE(truncate_cb, wrapped_truncate);
	WRAP_IF_THERE(commit_cb, wrapped_commit);
	WRAP_IF_THERE(message_cb, wrapped_message);
	WRAP_IF_THERE(filter_by_origin_cb, wrapped_filter_by_origin);
	WRAP_IF_THERE(stream_start_cb, wrapped_stream_start);
	WRAP_IF_THERE(stream_stop_cb, wrapped_stream_stop);
	WRAP_IF_THERE(stream_abort_cb, wrapped_stream_abort);
	WRAP_IF_THERE(stream_commit_cb, wrapped_stream_commit);
	WRAP_IF_THERE(stream_change_cb, wrapped_stream_change);
	WRAP_IF_THERE(stream_message_cb, wrapped_stream_message);
	WRAP_IF_THERE(stream_truncate_cb, wrapped_stream_truncate);
	/* A callback that is not wrapped would not be tested: say so when the plugin gets one. */
	if (real.filter_prepare_cb || real.begin_prepare_cb || real.prepare_cb || real.commit_prepared_cb || real.rollback_prepared_cb ||
		real.stream_prepare_cb)
		elog(ERROR, "pgsync_faulty does not wrap the two-phase callbacks yet");
}

/*
 * text whose output function raises an ERROR for values that begin with "faulty" while pgsync_faulty.output is on, and for "aborted" the one
 * by which the server notices that a transaction, which it streams while in progress, was aborted under its hands.
 * Made in SQL with textin as the model: CREATE TYPE ... (INPUT = ..., OUTPUT = ..., LIKE = text).
 */
PG_FUNCTION_INFO_V1(pgsync_faulty_in);
PG_FUNCTION_INFO_V1(pgsync_faulty_out);

Datum
pgsync_faulty_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PG_GETARG_CSTRING(0)));
}

Datum
pgsync_faulty_out(PG_FUNCTION_ARGS)
{
	char	   *value = TextDatumGetCString(PG_GETARG_DATUM(0));
	const char *setting = GetConfigOption("pgsync_faulty.output", true, false);

	if (setting != NULL && strcmp(setting, "on") == 0 && strcmp(value, "aborted") == 0)
		ereport(ERROR, (errcode(ERRCODE_TRANSACTION_ROLLBACK), errmsg("injected abort in an output function")));
	if (setting != NULL && strcmp(setting, "on") == 0 && strncmp(value, "faulty", 6) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("injected failure of an output function: \"%s\"", value)));
	PG_RETURN_CSTRING(value);
}
