"""Random option strings, as any role with REPLICATION may send them: the answer is an ERROR of the caller's fault or success, never a crash, never an
internal error, and the session keeps no memory. PGSYNC_OPTION_STRINGS (default 6000; 100000 for acceptance) calls of the SQL functions, and a tenth of
that, at least 2000, START_REPLICATION commands on connections that stay open. Seed: PGSYNC_SEED (default 1)."""
import random

import psycopg2

from replication import ConnectionLost, ServerError, Walsender
from server import number

SEED = number("PGSYNC_SEED", 1)
STRINGS = number("PGSYNC_OPTION_STRINGS", 6000)
# invalid_parameter_value, undefined_table, undefined_column, wrong_object_type, untranslatable or invalid bytes, nulls and odd counts in the array,
# name_too_long; feature_not_supported is what the functions for text say to a plugin of binary output. START_REPLICATION: also syntax_error.
ALLOWED = {"0A000", "22023", "42P01", "42703", "42809", "22P05", "22021", "2202E", "22004", "42622", "42601"}
VALID = ("public.t", "public.t(id)", "public.t(id, v; w)", "public.t(;w)", 'public."Order Line"("Id"; "a ""quoted"" name")', "public.t, public.p(id)",
         "public.p", "public.missing", "public.t(missing)", "public.a_view", "public.t(id, id)", "public.t, public.t", "pg_catalog.pg_class(oid)",
         "information_schema.sql_parts", "public.t(xmin)", "public.t_pkey")
NAMES = ("proto_version", "tables", "origin", "streaming", "statistics_interval", "publish_via_root", "message_prefix", "PROTO_VERSION", "binary", "")
VALUES = ("1", "2", "0", "-1", "on", "off", "true", "any", "none", "99999999999999999999", "", " ", "1e3", "0x10", "4294967296", "2147483647", "x" * 70)
PIECES = ('"', '""', "'", "(", ")", ";", ",", ".", " ", "\t", "\n", "\\", "%", "%s", "$", "/*", "--", "é", "数", "😀", "\u0301", "\u202e", "\ufeff", "\x01",
          "\x7f", "public", "t", "id", "((((((((", "))))", ";;", "..", ",,", "x" * 63, "x" * 64, "é" * 40, "x" * 5000, '"' * 999, "public.t,")
TABLES = ("CREATE TABLE t (id int PRIMARY KEY, v text, w text)", 'CREATE TABLE "Order Line" ("Id" int PRIMARY KEY, "a ""quoted"" name" text)',
          "CREATE TABLE p (id int) PARTITION BY LIST (id)", "CREATE TABLE p1 PARTITION OF p DEFAULT", "CREATE VIEW a_view AS SELECT * FROM t")
FUNCTIONS = ("pg_logical_slot_peek_binary_changes",) * 18 + ("pg_logical_slot_peek_changes", "pg_logical_slot_get_binary_changes")


def mutate(rng, text):
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        at = rng.randint(0, len(text))
        to = min(len(text), at + rng.choice((0, 0, 1, 2, 10)))
        text = text[:at] + rng.choice(PIECES) + text[to:]
    return text


def random_text(rng):
    characters = [chr(rng.choice((rng.randint(1, 127), rng.randint(128, 0xd7ff), rng.randint(0x10000, 0x10ffff)))) for _ in range(rng.randint(0, 40))]
    return "".join(characters) * rng.choice((1, 1, 1, 50))


def option(rng):
    roll = rng.random()
    if roll < 0.5:
        return "tables", mutate(rng, rng.choice(VALID))
    if roll < 0.6:
        return "tables", ", ".join(mutate(rng, rng.choice(VALID)) for _ in range(rng.choice((2, 3, 40))))
    if roll < 0.9:
        return rng.choice(NAMES), rng.choice(VALUES)
    return (mutate(rng, rng.choice(NAMES)) if roll < 0.95 else random_text(rng)), random_text(rng)


def option_list(rng):
    options = [option(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 20)))]
    if rng.random() < 0.9:
        options.insert(rng.randint(0, len(options)), ("proto_version", "1"))
    return options


def memory(database, session):
    return database.value("SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts", session=session)


def bad(outcomes):
    return {code: v for code, v in outcomes.items() if code != "ok" and code[:5] not in ALLOWED}


def test_options_of_the_sql_functions(database):
    database.run(*TABLES)
    rng, outcomes, sizes = random.Random(SEED), {}, []
    sessions = [database.connect() for _ in range(2)]
    for n, _ in enumerate(sessions):
        database.slot(f"fuzzed{n}")
    database.run("INSERT INTO t SELECT n, 'v', 'w' FROM generate_series(1, 3) n")
    for n in range(STRINGS):
        words = [word for pair in option_list(rng) for word in pair]
        if rng.random() < 0.02:
            words = words[:-1]
        if rng.random() < 0.02 and words:
            words[rng.randrange(len(words))] = None
        function = rng.choice(FUNCTIONS)
        try:
            database.rows(f"SELECT count(*) FROM {function}('fuzzed{n % 2}', NULL, NULL, VARIADIC %s::text[])", (words,), sessions[n % 2])
            code = "ok"
        except psycopg2.Error as e:
            code = e.pgcode if e.pgcode in ALLOWED else f"{e.pgcode} {e}"
        outcomes.setdefault(code, [0, (function, words)])[0] += 1
        assert not sessions[n % 2].closed, f"seed {SEED}, call {n}: the connection was lost after {words!r}"
        if n in (STRINGS // 5, STRINGS // 5 + 1) or n >= STRINGS - 2:
            sizes.append((memory(database, sessions[n % 2]), resident(sessions[n % 2].info.backend_pid)))
    print(f"\nseed {SEED}: {({code: times for code, (times, _) in outcomes.items()})}, bytes in contexts and kB of memory {sizes}")
    assert not bad(outcomes), f"seed {SEED}: {bad(outcomes)}"
    assert outcomes["ok"][0] > STRINGS / 50 and outcomes["22023"][0] > STRINGS / 5
    for first, last in zip(sizes[:2], sizes[2:]):
        assert last[0] - first[0] < 256 * 1024 and last[1] - first[1] < 2048, f"a session grew from {first} to {last}"


def command(rng):
    """Text between the parentheses of START_REPLICATION, mostly quoted as it should be, sometimes bytes that are not even that."""
    options = []
    for name, text in option_list(rng):
        quoted = '"%s"' % name.replace('"', '""') if rng.random() < 0.95 else name
        value = " '%s'" % text.replace("'", "''") if rng.random() < 0.95 else rng.choice(("", " 1", f" '{text}'"))
        options.append(quoted + value)
    out = ", ".join(options).encode()
    if rng.random() < 0.05:
        at = rng.randint(0, len(out))
        out = out[:at] + bytes(rng.randint(1, 255) for _ in range(rng.randint(1, 6))) + out[at:]
    return out


def test_options_of_start_replication(database):
    """After a success the client ends the stream, after an ERROR the connection must be as good as new."""
    database.run(*TABLES)
    database.slot("fuzzed")
    database.run("INSERT INTO t SELECT n, 'v', 'w' FROM generate_series(1, 3) n")
    rng, outcomes, connections = random.Random(SEED), {}, 0
    rss = []
    for _ in range(4):
        with Walsender(database.name) as sender:
            connections += 1
            for n in range(max(2000, STRINGS // 10) // 4):
                text = command(rng)
                if not text:
                    text = b'"proto_version" \'1\''
                try:
                    sender.start_raw(b"START_REPLICATION SLOT fuzzed LOGICAL 0/0 (" + text + b")")
                    sender.stop()
                    code = "ok"
                except ServerError as e:
                    code = e.sqlstate if e.sqlstate in ALLOWED else f"{e.sqlstate} {e.message}"
                except ConnectionLost:
                    raise AssertionError(f"seed {SEED}: the connection was lost after {text!r}") from None
                outcomes.setdefault(code, [0, text[:300]])[0] += 1
                if n in (100, max(2000, STRINGS // 10) // 4 - 1):
                    rss.append(resident(sender.pid))
            assert sender.query("SHOW work_mem") == [["4MB"]]
    print(f"\nseed {SEED}: {connections} connections, {({code: times for code, (times, _) in outcomes.items()})}, kB of memory {rss}")
    assert not bad(outcomes), f"seed {SEED}: {bad(outcomes)}"
    assert outcomes["ok"][0] > 100 and outcomes["22023"][0] > 400
    for first, last in zip(rss[::2], rss[1::2]):
        assert last - first < 2048, f"a walsender grew from {first} to {last} kB"


def resident(pid):
    """Anonymous memory of a process in kB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon:"))
