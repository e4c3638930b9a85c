"""Very many decodings in one session keep no memory, successful ones as well as those that end with an ERROR.
PGSYNC_PEEKS (default 10000; 100000 for acceptance) calls of pg_logical_slot_peek_binary_changes per case."""
import psycopg2
import pytest

from server import faulty_settings, number

PEEKS = number("PGSYNC_PEEKS", 10000)
# A decoding needs about 100 kB while it runs. What may stay is what the server's own caches and malloc round up.
KEPT_BYTES, KEPT_KB = 64 * 1024, 1024
LOOP = """CREATE FUNCTION peeks(times int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE bytes bigint := 0;
BEGIN
  FOR i IN 1..times LOOP
    bytes := bytes + (SELECT sum(length(data)) FROM pg_logical_slot_peek_binary_changes('peeked', NULL, NULL, 'proto_version', '1', 'tables', 'public.t'));
  END LOOP;
  RETURN bytes / times;
END $$"""
FAILING = ("'tables', 'public.missing'", "'faulty_callback', 'change', 'faulty_at', '2', 'faulty_when', 'after'", "'tables', 'public.t', 'faulty_callback', 'begin'",
           "'tables', 'public.t', 'faulty_callback', 'commit', 'faulty_when', 'after'")


def memory(database, session):
    contexts, pid, left = database.rows("""SELECT sum(total_bytes)::bigint, pg_backend_pid(), count(*) FILTER (WHERE name LIKE 'pgsync%')
                                             FROM pg_backend_memory_contexts""", session=session)[0]
    assert left == 0, "memory contexts of the plugin are left"
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return contexts, next(int(line.split()[1]) for line in f if line.startswith("RssAnon:"))


@pytest.mark.parametrize("fails", (False, True), ids=("all succeed", "every tenth fails"))
def test_peeks_keep_no_memory(database, fails):
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric[], w jsonb)", LOOP)
    session = database.connect(**faulty_settings())
    database.run("SELECT pg_create_logical_replication_slot('peeked', 'pgsync_faulty')", session=session)
    database.run("INSERT INTO t SELECT n, 'v', '{1,2}', '{}' FROM generate_series(1, 5) n", "UPDATE t SET v = 'w' WHERE id = 1")
    sizes = []
    for n in range(0, PEEKS, 10):
        # ERRORs at top level: the server keeps the slot when a subtransaction catches one.
        assert database.value("SELECT peeks(%s)", (9 if fails else 10,), session) > 150
        if fails:
            # An ERROR in the middle of decoding costs the session a file descriptor, with any plugin: the server does not close the WAL segment that
            # it was reading. So after some hundred of them only ERRORs of the start.
            kind = n // 10 % len(FAILING) if n < 5000 else 0
            with pytest.raises(psycopg2.Error, match="injected|does not exist"):
                database.rows(f"SELECT FROM pg_logical_slot_peek_binary_changes('peeked', NULL, NULL, 'proto_version', '1', {FAILING[kind]})",
                              session=session)
        if n % 1000 == 990:
            sizes.append(memory(database, session))
    first, last = sizes[max(0, len(sizes) // 10 - 1)], sizes[-1]
    print(f"\n{PEEKS} calls: contexts {first[0]} -> {last[0]} bytes, RssAnon {first[1]} -> {last[1]} kB")
    assert last[0] - first[0] <= KEPT_BYTES, f"memory contexts grew from {first[0]} to {last[0]} bytes: {sizes}"
    assert last[1] - first[1] <= KEPT_KB, f"RssAnon grew from {first[1]} to {last[1]} kB: {sizes}"
