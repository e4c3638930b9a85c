"""Every callback survives an ERROR and a cancel: afterwards the same session, SQL or replication, decodes everything as before, its settings are
its own, and it has not kept memory. ERRORs come from a plugin that wraps the real one (faulty/), from a type whose output function fails, from names
and records that cannot be sent; cancels come at random moments (seed PGSYNC_SEED, default 1)."""
import hashlib
import os
import random
import threading
import time

import psycopg2
import pytest

from replication import ServerError, Walsender, lsn_number
from server import Database, faulty_settings, number

SEED = number("PGSYNC_SEED", 1)
WORK = {"logical_decoding_work_mem": "64kB"}
CALLBACKS = ("startup", "shutdown", "begin", "change", "truncate", "commit", "message", "filter_by_origin")
STREAM_CALLBACKS = ("stream_start", "stream_stop", "stream_abort", "stream_commit", "stream_change", "stream_message", "stream_truncate")
# What the plugin sets for its output functions; a session must have its own again.
OWN = {"DateStyle": "German, DMY", "IntervalStyle": "iso_8601", "TimeZone": "Asia/Tokyo", "extra_float_digits": "-3", "bytea_output": "escape",
       "search_path": "public", "xmlbinary": "hex"}


def fill(database):
    """A transaction for every callback, and two large ones with subtransactions, which are streamed if that is asked for."""
    run = database.run
    run("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric, at date[])", "CREATE TABLE big (id int PRIMARY KEY, v text)",
        "INSERT INTO t SELECT n, 'v' || n, n / 7.0, '{2024-02-29}' FROM generate_series(1, 300) n")
    run("UPDATE t SET v = 'x' WHERE id % 2 = 0", "DELETE FROM t WHERE id > 290", "SELECT pg_logical_emit_message(true, 'pgsync.a', 'in')",
        "SELECT pg_logical_emit_message(false, 'pgsync.b', 'out')", "ALTER TABLE t ADD late int DEFAULT 7", "INSERT INTO t VALUES (1000, 'late')",
        "TRUNCATE t")
    run("BEGIN", "INSERT INTO big SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 3000) n", "SAVEPOINT a",
        "INSERT INTO big SELECT n, repeat(md5(n::text), 4) FROM generate_series(3001, 5000) n", "ROLLBACK TO a",
        "SELECT pg_logical_emit_message(true, 'pgsync.c', 'streamed')", "TRUNCATE big",
        "INSERT INTO big SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 2000) n", "COMMIT")
    run("BEGIN", "INSERT INTO big SELECT n, repeat(md5(n::text), 4) FROM generate_series(10001, 13000) n", "ROLLBACK")


def options_text(options):
    return "".join(f", '{word}'" for pair in (("proto_version", "1"), *options) for word in pair)


def digest(database, session, slot, *options):
    """What is decoded, as a checksum: frames are the same whenever the same WAL is decoded."""
    return database.value(f"""SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(data), '' ORDER BY n)), '')
        FROM pg_logical_slot_peek_binary_changes('{slot}', NULL, NULL{options_text(options)}) WITH ORDINALITY c(lsn, xid, data, n)""", session=session)


def memory(database, session):
    return database.rows("SELECT sum(total_bytes)::bigint, count(*) FILTER (WHERE name LIKE 'pgsync%') FROM pg_backend_memory_contexts", session=session)[0]


def settings_of(database, session):
    return {name: database.value("SELECT current_setting(%s)", (name,), session=session) for name in OWN}


@pytest.fixture
def filled(database):
    database.slot("plain")
    admin = database.connect(**faulty_settings())
    database.run("SELECT pg_create_logical_replication_slot('faulty', 'pgsync_faulty')", session=admin)
    fill(database)
    return database


# Options, and the callbacks that they add to the session. With streaming, the first ones are called for the small transactions.
MODES = (((), CALLBACKS), ((("streaming", "on"),), STREAM_CALLBACKS))


def failures(callbacks):
    for callback in callbacks:
        for when in ("before", "after"):
            for at in (1,) if callback in ("startup", "shutdown") else (1, 2, 57) if callback == "change" else (1, 2):
                yield (("faulty_callback", callback), ("faulty_when", when), ("faulty_at", str(at)))


def test_every_callback_in_an_sql_session(filled):
    session = filled.connect(**faulty_settings(), **WORK)
    for name, text in OWN.items():
        filled.run(f"SET {name} = '{text}'", session=session)
    own = settings_of(filled, session)
    raised = {}
    for mode, callbacks in MODES:
        expected = digest(filled, session, "faulty", *mode)
        assert int(expected.split()[0]) > 5
        for failure in failures(callbacks):
            name = failure[0][1]
            for subtransaction in (False, True):
                if subtransaction:  # the ERROR is caught, and the transaction goes on
                    filled.run("BEGIN", "SAVEPOINT s", session=session)
                try:
                    digest(filled, session, "faulty", *mode, *failure)
                except psycopg2.Error as e:
                    assert e.pgcode == "09000" and f'callback "{name}"' in str(e), e
                    raised[name] = raised.get(name, 0) + 1
                if subtransaction:
                    filled.run("ROLLBACK TO s", session=session)
                    assert digest(filled, session, "faulty", *mode) == expected, f"after {failure}, in the same transaction"
                    assert settings_of(filled, session) == own, f"settings after {failure}, in the same transaction"
                    filled.run("COMMIT", session=session)
                assert digest(filled, session, "faulty", *mode) == expected, f"after {failure}"
                assert settings_of(filled, session) == own, f"settings after {failure}"
                assert memory(filled, session)[1] == 0, f"memory contexts of the plugin are left after {failure}"
    missing = {c for _, callbacks in MODES for c in callbacks} - set(raised) - {"filter_by_origin"}
    assert not missing, f"never failed: {missing}"
    print(f"\nERRORs raised: {raised}")


def cancel(database):
    return lambda pid: database.value("SELECT pg_cancel_backend(%s)", (pid,))


def wait_until_free(database, slot):
    """A closed connection's walsender lets go of the slot a moment later."""
    deadline = time.monotonic() + 30
    while database.value("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (slot,)):
        assert time.monotonic() < deadline, f"slot {slot} is still active"
        time.sleep(0.01)


def test_every_callback_in_a_walsender(filled):
    until = lsn_number(filled.value("SELECT pg_current_wal_flush_lsn()"))
    settings = " ".join(f"-c {k}={v}" for k, v in {**faulty_settings(), **WORK}.items())
    raised = {}

    def frames(sender, *options):
        sender.start("faulty", [("proto_version", "1"), *options])
        out = sender.receive(until)
        sender.cancelled(cancel(filled))
        return len(out), hashlib.md5(b"".join(frame for _, frame in out)).hexdigest()

    with Walsender(filled.name, settings) as sender:
        for mode, callbacks in MODES:
            expected = frames(sender, *mode)
            assert expected[0] > 5
            for failure in failures([c for c in callbacks if c != "shutdown"]):
                try:
                    frames(sender, *mode, *failure)
                except ServerError as e:
                    assert e.sqlstate == "09000", e
                    raised[failure[0][1]] = raised.get(failure[0][1], 0) + 1
                assert frames(sender, *mode) == expected, f"after {failure}"
                assert sender.query("SHOW work_mem"), "the connection does not answer"
    # Only a polite end calls shutdown.
    for failure in failures(["shutdown"]):
        with Walsender(filled.name, settings) as sender:
            sender.start("faulty", [("proto_version", "1"), *failure])
            with pytest.raises(ServerError, match="injected failure"):
                sender.stop()
            assert sender.query("SHOW work_mem")
            sender.start("faulty", [("proto_version", "1")])
        wait_until_free(filled, "faulty")
    missing = {c for _, callbacks in MODES for c in callbacks} - set(raised) - {"filter_by_origin", "shutdown"}
    assert not missing, f"never failed: {missing}"
    print(f"\nERRORs raised: {raised}")


def test_many_errors_keep_no_memory(filled):
    session = filled.connect(**faulty_settings(), **WORK)
    callbacks = [callback for callback in CALLBACKS if callback != "filter_by_origin"]

    def fail(times):
        for n in range(times):
            with pytest.raises(psycopg2.Error, match="injected"):
                digest(filled, session, "faulty", ("faulty_callback", callbacks[n % len(callbacks)]), ("faulty_when", "after"))

    fail(50)
    before = memory(filled, session)[0]
    fail(600)  # each costs a file descriptor of the server's (see test_peeks), of which it may have 1024
    after = memory(filled, session)[0]
    assert after - before < 128 * 1024, f"{before} bytes before, {after} after 600 ERRORs"


def test_cancel_at_random_moments(filled):
    """statement_timeout in SQL sessions: the interrupt comes wherever decoding happens to be."""
    rng = random.Random(SEED)
    filled.run("INSERT INTO big SELECT n, repeat(md5(n::text), 8) FROM generate_series(20001, 50000) n")
    session = filled.connect(**WORK)
    expected = {mode: digest(filled, session, "plain", *mode) for mode, _ in MODES}
    started = time.monotonic()
    for mode in expected:
        digest(filled, session, "plain", *mode)
    milliseconds = max(20, int((time.monotonic() - started) * 1000 / len(expected)))
    outcomes = {"cancelled": 0, "finished": 0}

    def set_timeout(value):
        while True:
            try:
                return filled.run(f"SET statement_timeout = {value}", session=session)
            except psycopg2.errors.QueryCanceled:  # by the former timeout, of a millisecond or two
                pass

    for attempt in range(number("PGSYNC_CANCELS", 40)):
        for mode, want in expected.items():
            set_timeout(rng.randint(1, milliseconds + milliseconds // 4))
            try:
                assert digest(filled, session, "plain", *mode) == want
                outcomes["finished"] += 1
            except psycopg2.errors.QueryCanceled:
                outcomes["cancelled"] += 1
            if attempt % 10 == 9:
                set_timeout(0)
                assert digest(filled, session, "plain", *mode) == want, f"after cancel {attempt}, seed {SEED}"
    set_timeout(0)
    assert memory(filled, session)[1] == 0
    print(f"\nseed {SEED}: {outcomes}, undisturbed {milliseconds} ms")
    assert outcomes["cancelled"] >= 10, f"hardly any decoding was cancelled: {outcomes}"


def test_cancel_of_a_walsender(filled):
    """pg_cancel_backend ends START_REPLICATION with an ERROR at any moment; the connection stays and starts again."""
    rng = random.Random(SEED)
    filled.run("INSERT INTO big SELECT n, repeat(md5(n::text), 8) FROM generate_series(20001, 50000) n")
    until = lsn_number(filled.value("SELECT pg_current_wal_flush_lsn()"))
    with Walsender(filled.name, "-c logical_decoding_work_mem=64kB") as sender:
        started = time.monotonic()
        sender.start("plain", [("proto_version", "1")])
        expected = sender.receive(until)
        seconds = time.monotonic() - started
        sender.cancelled(cancel(filled))
        for _ in range(number("PGSYNC_CANCELS", 40) // 4):
            sender.start("plain", [("proto_version", "1")])
            canceller = threading.Timer(rng.random() * seconds, cancel(filled), (sender.pid,))
            canceller.start()
            try:
                sender.receive(until)
                canceller.join()
                sender.receive(1 << 62, seconds=30)  # nothing comes but the ERROR
            except ServerError as e:
                assert e.sqlstate == "57014", e
            canceller.join()
            sender.start("plain", [("proto_version", "1")])
            assert sender.receive(until) == expected, f"seed {SEED}"
            sender.cancelled(cancel(filled))


def create_faulty_type(database):
    library = f"{os.environ['PGSYNC_FAULTY_DIR']}/pgsync_faulty"
    database.run(f"""CREATE TYPE faulty;
        CREATE FUNCTION faulty_in(cstring) RETURNS faulty AS '{library}', 'pgsync_faulty_in' LANGUAGE C IMMUTABLE STRICT;
        CREATE FUNCTION faulty_out(faulty) RETURNS cstring AS '{library}', 'pgsync_faulty_out' LANGUAGE C IMMUTABLE STRICT;
        CREATE TYPE faulty (INPUT = faulty_in, OUTPUT = faulty_out, LIKE = text)""")


def test_abort_in_the_middle_of_a_row(database):
    """The server catches this ERROR, ends the block and goes on: what was written of the row before it must not be in any frame."""
    create_faulty_type(database)
    database.run("CREATE TABLE f (id int PRIMARY KEY, before text, v faulty, w text)")
    database.slot("plain")
    database.run("BEGIN", "INSERT INTO f SELECT n, 'before', 'fine', repeat('w', 100) FROM generate_series(1, 1000) n",
                 "INSERT INTO f VALUES (1001, 'torn', 'aborted')",
                 "INSERT INTO f SELECT n, 'behind', 'fine', repeat('w', 100) FROM generate_series(1002, 2000) n", "COMMIT",
                 "INSERT INTO f VALUES (3000, 'after', 'fine')")
    session = database.connect(**WORK, **{"pgsync_faulty.output": "on"})
    records = [r[0] for r in database.rows("""SELECT r FROM pg_logical_slot_peek_binary_changes('plain', NULL, NULL, 'proto_version', '1',
        'streaming', 'on') WITH ORDINALITY AS c(lsn, xid, data, n), pgsync_decode(c.data) WITH ORDINALITY AS d(r, m) ORDER BY n, m""", session=session)]
    rows = [r["row"] for r in records if r["record"] == "insert"]
    kinds = [r["record"] for r in records]
    assert kinds.count("stream_start") == kinds.count("stream_stop") > 2 and kinds.count("stream_commit") == kinds.count("relation") == 1
    assert kinds[-3:] == ["begin", "insert", "commit"]
    # All before the torn row; nothing behind it, because the server takes the transaction for aborted.
    assert [row[0] for row in rows] == [*range(1, 1001), 3000]


def test_output_function_that_fails(database):
    """A value that cannot be written: ERROR with the slot's context; the session goes on, and the same row comes when the function works."""
    create_faulty_type(database)
    database.run("CREATE TABLE f (id int PRIMARY KEY, v faulty)")
    database.slot("plain")
    database.run("INSERT INTO f SELECT n, 'fine' FROM generate_series(1, 500) n", "INSERT INTO f VALUES (501, 'faulty value')")
    session = database.connect()
    expected = digest(database, session, "plain")
    without = digest(database, session, "plain", ("tables", "public.f(id)"))
    for _ in range(20):
        database.run("SET pgsync_faulty.output = 'on'", session=session)
        with pytest.raises(psycopg2.Error, match="injected failure of an output function(.|\n)*in the change callback"):
            digest(database, session, "plain")
        # A column that is not emitted is not written, so it cannot fail.
        assert digest(database, session, "plain", ("tables", "public.f(id)")) == without
        database.run("SET pgsync_faulty.output = 'off'", session=session)
        assert digest(database, session, "plain") == expected
    assert memory(database, session)[1] == 0


def test_name_that_is_not_text():
    """A table name of an SQL_ASCII database that is not UTF-8: ERROR with a remedy, and the remedy works in the same session."""
    database = Database("robust_ascii", "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        database.run("CREATE TABLE fine (id int PRIMARY KEY, v text)")
        database.run("DO $$ BEGIN EXECUTE convert_from('\\x435245415445205441424c4520ff20286964206e756d6572696329'::bytea, 'SQL_ASCII'); END $$")
        database.slot("plain")
        database.run("INSERT INTO fine VALUES (1, convert_from('\\xff41'::bytea, 'SQL_ASCII'))",
                     "DO $$ BEGIN EXECUTE convert_from('\\x494e5345525420494e544f20ff2056414c554553202831303029'::bytea, 'SQL_ASCII'); END $$")
        for _ in range(20):
            with pytest.raises(psycopg2.Error, match="cannot be written as UTF-8(.|\n)*leave it out of option"):
                digest(database, database.session, "plain")
            assert digest(database, database.session, "plain", ("tables", "public.fine")).startswith("1 ")
        assert memory(database, database.session)[1] == 0
    finally:
        database.close()


def test_record_larger_than_it_may_be(database):
    """An UPDATE under REPLICA IDENTITY FULL of a value of 540 MB, which compresses well: with both rows the record would pass 1 GB. An ERROR that
    names the remedy, and the remedy works in the same session."""
    database.run("CREATE TABLE huge (id int PRIMARY KEY, v text)", "ALTER TABLE huge REPLICA IDENTITY FULL",
                 "INSERT INTO huge SELECT 1, repeat('x', 540 * 1024 * 1024)")
    database.slot("plain")
    database.run("UPDATE huge SET id = 2")
    session = database.connect()
    before = memory(database, session)[0]
    with pytest.raises(psycopg2.Error, match="larger than 1 GB(.|\n)*Leave the large column out") as raised:
        digest(database, session, "plain")
    assert raised.value.pgcode == "54000"
    assert digest(database, session, "plain", ("tables", "public.huge(id)")).startswith("1 ")
    after, contexts = memory(database, session)
    assert contexts == 0 and after - before < 2 * 1024 * 1024, f"{before} bytes before, {after} after"


def test_options_that_fail_at_the_start(filled):
    session = filled.connect()
    expected = digest(filled, session, "plain")
    before = memory(filled, session)[0]
    for _ in range(50):
        for options in ((("tables", "public.missing"),), (("tables", "public.t("),), (("tables", "public.t(missing)"),), (("origin", "maybe"),),
                        (("nonsense", "1"),), (("proto_version", "1"),)):
            with pytest.raises(psycopg2.Error) as raised:
                digest(filled, session, "plain", *options)
            assert raised.value.diag.message_hint, raised.value
    assert digest(filled, session, "plain") == expected
    after, contexts = memory(filled, session)
    assert contexts == 0 and after - before < 128 * 1024, f"{before} bytes before, {after} after"
