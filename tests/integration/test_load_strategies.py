"""Every way to read a level gives the same documents, while others write: by an index, and by one pass over the table for each chunk. And what the
load costs the source: no temporary files, sessions that a role's timeouts end, and time.

PGSYNC_STRATEGY_ROOTS scales the first test (default 6000)."""
import json
import os
import pathlib
import threading

import pytest
from harness.postgres import ROLE
from harness.processes import wait_for
from harness.tcp_proxy import TcpLink

ROOTS = int(os.environ.get("PGSYNC_STRATEGY_ROOTS", "6000"))
TABLES = """
CREATE TABLE publisher (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE author (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE book (id int PRIMARY KEY, code text NOT NULL UNIQUE, title text NOT NULL, publisher_id int);
CREATE TABLE book_author (id bigint PRIMARY KEY, book_id bigint NOT NULL, author_id uuid NOT NULL);
CREATE TABLE review (id bigint PRIMARY KEY, book_id bigint, stars int, body text);
CREATE TABLE vote (id bigint PRIMARY KEY, review_id bigint NOT NULL, up boolean NOT NULL);
CREATE TABLE tag (id int PRIMARY KEY, code text, name text NOT NULL, weight int NOT NULL);
INSERT INTO publisher SELECT i, 'publisher ' || i FROM generate_series(1, 40) i;
INSERT INTO author SELECT md5(i::text)::uuid, 'author ' || i FROM generate_series(0, 299) i;
INSERT INTO book SELECT i, 'c' || i, 'book ' || md5(i::text), nullif(i % 50, 0) FROM generate_series(1, {roots}) i;
INSERT INTO book_author SELECT i, 1 + i * 7919 % {roots}, md5((i % 300)::text)::uuid FROM generate_series(1, {roots} * 3 / 2) i;
INSERT INTO review SELECT i, CASE WHEN i % 97 > 0 THEN 1 + i * 6151 % {roots} END, i % 5, 'review ' || md5(i::text)
  FROM generate_series(1, {roots} * 3) i;
INSERT INTO vote SELECT i, 1 + i * 4099 % ({roots} * 3), i % 3 > 0 FROM generate_series(1, {roots} * 2) i;
INSERT INTO tag SELECT i, 'c' || 1 + i * 3571 % {roots}, 'tag ' || i, i % 7 FROM generate_series(1, {roots} * 4) i;
ALTER TABLE review REPLICA IDENTITY FULL;
ALTER TABLE vote REPLICA IDENTITY FULL;
ALTER TABLE tag REPLICA IDENTITY FULL;
ALTER TABLE book_author REPLICA IDENTITY FULL;
ALTER TABLE book REPLICA IDENTITY FULL;
"""
INDEXES = """
CREATE INDEX ON book_author (book_id);
CREATE INDEX ON review (book_id);
CREATE INDEX ON vote (review_id);
CREATE INDEX ON tag (code);
"""


def many(table, columns, parent, child, *children, **more):
    return {"table": table, "columns": columns, "children": list(children), **more, "relationship": {
        "type": "one_to_many", "variant": "object", "foreign_key": {"parent": [parent], "child": [child]}}}


NODES = {"table": "book", "columns": ["id", "title"], "children": [
    {"table": "publisher", "columns": ["id", "name"], "relationship": {
        "type": "one_to_one", "variant": "object", "foreign_key": {"parent": ["publisher_id"], "child": ["id"]}}},
    {"table": "author", "columns": ["name"], "label": "authors", "relationship": {"type": "one_to_many", "variant": "object", "through_tables": [
        {"table": "book_author", "parent": {"parent": ["id"], "through": ["book_id"]}, "child": {"through": ["author_id"], "child": ["id"]}}]}},
    many("review", ["id", "stars", "body"], "id", "book_id", many("vote", ["id", "up"], "id", "review_id", label="votes"), label="reviews"),
    many("tag", ["name", "weight"], "code", "code", label="tags", limit=2, order_by=[{"column": "weight", "direction": "desc"}]),
]}
EXPECTED = """
SELECT b.id::text, json_build_object('id', b.id, 'title', b.title,
  'publisher', (SELECT json_build_object('id', p.id, 'name', p.name) FROM publisher p WHERE p.id = b.publisher_id),
  'authors', (SELECT json_agg(json_build_object('name', a.name) ORDER BY a.id, j.id) FROM book_author j JOIN author a ON a.id = j.author_id
              WHERE j.book_id = b.id),
  'reviews', (SELECT json_agg(json_build_object('id', r.id, 'stars', r.stars, 'body', r.body, 'votes',
      (SELECT json_agg(json_build_object('id', v.id, 'up', v.up) ORDER BY v.id) FROM vote v WHERE v.review_id = r.id)) ORDER BY r.id)
      FROM review r WHERE r.book_id = b.id),
  'tags', (SELECT json_agg(json_build_object('name', t.name, 'weight', t.weight) ORDER BY t.weight DESC, t.id) FROM
      (SELECT * FROM tag t WHERE t.code = b.code ORDER BY t.weight DESC, t.id LIMIT 2) t))
FROM book b"""


class Data:
    database, index, slot, template = "strategies", "book", "strategies_book", "template0"

    def __init__(self, work, nodes, query):
        self.schema = pathlib.Path(work) / "schema.json"
        self.schema.write_text(json.dumps([{"database": self.database, "index": self.index, "nodes": nodes}]))
        self.query = query


def fill(scenario, work, tables, nodes, query):
    scenario.use(Data(work, nodes, query))
    script = pathlib.Path(work) / "tables.sql"
    script.write_text(tables)
    scenario.server.psql("strategies", "-f", script)
    scenario.sql("VACUUM (ANALYZE)")
    return scenario.bootstrap()


class Writer(threading.Thread):
    """Moves, changes, adds and removes rows of every table, until it is told to stop. An error is the test's."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.stop, self.error, self.rounds = server, threading.Event(), None, 0

    def run(self):
        try:
            with self.server.connect("strategies", ROLE) as c, c.cursor() as cur:
                while not self.stop.is_set():
                    n = self.rounds = self.rounds + 1
                    root, other = 1 + n * 4799 % ROOTS, 1 + n * 2351 % ROOTS
                    cur.execute("UPDATE review SET book_id = %s, stars = %s WHERE id %% 500 = %s", (root, n % 5, n % 500))
                    cur.execute("UPDATE book SET title = %s, publisher_id = %s WHERE id = %s", (f"changed {n}", 1 + n % 40, other))
                    cur.execute("DELETE FROM book WHERE id = %s", (1 + n * 1009 % ROOTS,))
                    cur.execute("INSERT INTO book VALUES (%s, %s, 'new', 1)", (10 * ROOTS + n, f"n{n}"))
                    cur.execute("UPDATE book_author SET book_id = %s WHERE id %% 700 = %s", (10 * ROOTS + n, n % 700))
                    cur.execute("DELETE FROM vote WHERE id %% 900 = %s", (n % 900,))
                    cur.execute("UPDATE tag SET code = %s, weight = weight + 1 WHERE id %% 800 = %s", (f"c{root}", n % 800))
                    self.stop.wait(0.05)  # every change that is followed without an index takes passes over the tables, too
        except Exception as e:  # noqa: B902 - told by whoever stops it
            self.error = e

    def end(self):
        self.stop.set()
        self.join(60)
        assert self.error is None, self.error
        assert self.rounds > 5


@pytest.mark.parametrize("indexes, block", [("all", 20480), ("none", 20480), ("none", 300)])
def test_every_strategy_gives_the_same_documents(scenario, work, indexes, block):
    fill(scenario, work, TABLES.format(roots=ROOTS) + (INDEXES if indexes == "all" else ""), NODES, EXPECTED)
    plan = scenario.command("plan").expect(0).stdout
    keyed = 'level "publisher": keyed: index publisher_pkey'
    assert keyed in plan, plan
    for level, table, column in (("reviews", "review", "book_id"), ("votes", "vote", "review_id"), ("tags", "tag", "code"),
                                 ("authors", "book_author", "book_id")):
        if indexes == "all":
            assert f'level "{level}": keyed: index {table}_{column}_idx' in plan, plan
        else:
            assert f'level "{level}": scanned once per chunk, about ' in plan, plan
            assert f"no index on public.{table} ({column})" in plan, plan
    writer = Writer(scenario.server)
    writer.start()
    try:
        daemon = scenario.start("--workers", 2, env={"BLOCK_SIZE": block})
        scenario.wait_loaded(daemon)
    finally:
        writer.end()
    scenario.wait_synced(daemon)
    daemon.terminate()
    if indexes == "none":
        scenario.sql(INDEXES)  # for the query that judges
    scenario.assert_equal()


def test_a_pass_serves_many_roots(scenario, work):
    """As many passes over the table as chunks, not as many as roots; and nothing is written to temporary files, whatever a chunk holds."""
    roots = 20000
    fill(scenario, work, """
        CREATE TABLE book (id int PRIMARY KEY, title text NOT NULL);
        CREATE TABLE review (id bigint PRIMARY KEY, book_id int NOT NULL, body text NOT NULL);
        INSERT INTO book SELECT i, 'book ' || i FROM generate_series(1, 20000) i;
        INSERT INTO review SELECT i, 1 + i * 7919 % 20000, repeat('read ', 20) || i FROM generate_series(1, 100000) i;
        ALTER TABLE review REPLICA IDENTITY FULL""",
         {"table": "book", "columns": ["id", "title"], "children": [many("review", ["id", "body"], "id", "book_id", label="reviews")]},
         """SELECT b.id::text, json_build_object('id', b.id, 'title', b.title, 'reviews',
              (SELECT json_agg(json_build_object('id', r.id, 'body', r.body) ORDER BY r.id) FROM review r WHERE r.book_id = b.id)) FROM book b""")
    figures = """SELECT (SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'review'), d.temp_files
                 FROM pg_stat_database d WHERE datname = 'strategies'"""
    # A pass may be shared by parallel workers, and each of them counts.
    scenario.sql("ALTER DATABASE strategies SET max_parallel_workers_per_gather = 0")
    scans, files = scenario.sql(figures)[0]
    scenario.run_once("--workers", 1).expect(0)
    after = wait_for("the statistics of the load", lambda: (now := scenario.sql(figures)[0])[0] > scans and now, 30)
    assert after[0] - scans <= roots // 5000 + 2, f"{after[0] - scans} passes for {roots} roots"
    assert after[1] == files, "temporary files were written"
    scenario.sql("CREATE INDEX review_of_book ON review (book_id)")
    scenario.assert_equal()


# ---- sessions that the server ends ----
# Reading a row of the level takes two milliseconds, because its view says so.
SLOW = """
CREATE TABLE book (id int PRIMARY KEY, title text NOT NULL);
CREATE TABLE review (id bigint PRIMARY KEY, book_id int NOT NULL REFERENCES book, body text NOT NULL);
INSERT INTO book SELECT i, 'book ' || i FROM generate_series(1, 1500) i;
INSERT INTO review SELECT i, {book}, 'review ' || i FROM generate_series(1, 1500) i;
ALTER TABLE review REPLICA IDENTITY FULL;
{index}
CREATE FUNCTION slowly(text) RETURNS text STABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.002); RETURN $1; END $$;
CREATE VIEW slow AS SELECT id, book_id, slowly(body) AS body FROM review;
"""
SLOW_LEVEL = {"table": "book", "columns": ["id", "title"], "children": [
    many("slow", ["id", "body"], "id", "book_id", label="reviews", primary_key=["id"], base_tables=["review"])]}
SLOW_EXPECTED = """SELECT b.id::text, json_build_object('id', b.id, 'title', b.title, 'reviews', (SELECT json_agg(json_build_object('id', r.id, 'body',
    r.body) ORDER BY r.id) FROM review r WHERE r.book_id = b.id)) FROM book b"""


@pytest.fixture
def role_setting(scenario):
    """Sets something for the daemon's role, and takes all of it back."""
    def set_it(name, value):
        scenario.sql(f"ALTER ROLE {ROLE} IN DATABASE strategies SET {name} = '{value}'")
    yield set_it


def load(scenario, *args):
    daemon = scenario.start("--once", *args)
    assert daemon.wait(240) == 0, daemon.text()
    scenario.assert_equal()
    return daemon.text()


def test_a_chunk_that_times_out_shrinks(scenario, work, role_setting):
    fill(scenario, work, SLOW.format(book="i", index="CREATE INDEX ON review (book_id);"), SLOW_LEVEL, SLOW_EXPECTED)
    role_setting("statement_timeout", "1s")  # a third of what all of it takes
    text = load(scenario, "--workers", 1)
    assert "statement timeout" in text, text
    assert "do without it" not in text, text


def test_one_document_that_times_out_is_read_without_the_timeout(scenario, work, role_setting):
    fill(scenario, work, SLOW.format(book="7", index="CREATE INDEX ON review (book_id);"), SLOW_LEVEL, SLOW_EXPECTED)
    role_setting("statement_timeout", "1s")
    text = load(scenario, "--workers", 1)
    assert text.count("these sessions do without it from now on") == 1, text


def test_a_range_by_key_that_times_out_is_read_in_pieces(scenario, work, role_setting):
    query = "SELECT id::text, json_build_object('id', id, 'body', body) FROM review"
    fill(scenario, work, SLOW.format(book="i", index="CREATE INDEX ON review (book_id);"),
         {"table": "slow", "columns": ["id", "body"], "primary_key": ["id"], "base_tables": ["review"]}, query)
    plan = scenario.command("plan").expect(0).stdout
    assert "rows, by key" in plan, plan
    role_setting("statement_timeout", "1s")
    load(scenario, "--workers", 1)


def test_a_session_that_is_ended_while_idle_in_its_transaction(scenario, work, role_setting):
    fill(scenario, work, TABLES.format(roots=ROOTS) + INDEXES, NODES, EXPECTED)
    role_setting("idle_in_transaction_session_timeout", "1s")
    idle = """SELECT count(*) FROM pg_stat_activity WHERE datname = 'strategies' AND usename = 'syncer' AND backend_type = 'client backend'
              AND state = 'idle in transaction' AND query LIKE '%"public"."%'"""
    link = TcpLink(scenario.server.port)
    try:
        link.delay(0.05)  # most of a chunk's time is then spent between its statements
        daemon = scenario.start("--workers", 1, env={"BLOCK_SIZE": 300, "PG_PORT": link.port})

        def caught():
            daemon.must_run()
            if "index book: loading" not in daemon.text():
                return False
            state = scenario.target.state("book")
            assert not state or not state["load"].get("complete"), "the load was over before"
            if scenario.sql(idle)[0][0] == 0:
                return False
            link.silence()
            if scenario.sql(idle)[0][0] > 0:
                return True
            link.heal()
            link.delay(0.05)
            return False
        wait_for("a session between two statements", caught, 60, 0.001)
        wait_for("the server to end the session", lambda: scenario.sql(idle)[0][0] == 0, 30)
        link.heal()
        scenario.wait_synced(daemon)
        scenario.assert_equal()
        assert "idle-in-transaction timeout" in daemon.text() or "connection to PostgreSQL lost" in daemon.text(), daemon.text()
        daemon.terminate()
    finally:
        link.close()
