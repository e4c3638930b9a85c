"""DDL while the daemon runs or is down: documents follow what can be followed; all else is refused with the remedy, nothing lost."""
import json
import threading
import time

import pytest

from harness.processes import wait_for


def test_rewritten_tables_never_look_empty(scenario, bookstore, queue):
    """ALTER TABLE with a rewrite commits again and again between snapshots and reads; to an older snapshot the rewritten table is empty."""
    scenario.use(bookstore, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    stop = threading.Event()

    def rewrite():
        with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
            c.autocommit = True
            while not stop.is_set():
                for table in ("review", "book_author", "book"):
                    cur.execute(f"ALTER TABLE {table} ADD COLUMN filler double precision DEFAULT random()")
                    cur.execute(f"ALTER TABLE {table} DROP COLUMN filler")

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        for n in range(60):
            scenario.sql(f"UPDATE book SET pages = {100 + n} WHERE id % 10 = {n % 10}")
    finally:
        stop.set()
        thread.join(60)
    scenario.wait_synced(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0


def test_retyped_column_goes_on(scenario, bookstore, queue):
    """integer to bigint: statements that are prepared must not change their result type, so they are prepared anew."""
    scenario.use(bookstore, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    scenario.sql("UPDATE book SET pages = pages + 1 WHERE id % 2 = 0")
    scenario.wait_synced(daemon)
    scenario.sql("ALTER TABLE book ALTER COLUMN pages TYPE bigint; UPDATE book SET pages = pages + 1 WHERE id % 3 = 0")
    scenario.wait_synced(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0


# ---- what the daemon notices by looking at the tables ----
def wait_loaded_again(scenario, daemon, times=1):
    """Until the daemon has begun another load `times` times, and ended it."""
    def again():
        daemon.must_run()
        text = daemon.log.read_text()
        return text.count("are loaded again") >= times and text.count(": loaded, ") > times
    wait_for(lambda: f"{times} more load(s); log: {daemon.log.read_text()[-2000:]}", again, 60, 0.1)


def refused(daemon, *words):
    """The daemon ends by itself, as refused, and says `words`."""
    assert daemon.wait(60) == 3, daemon.log.read_text()[-3000:]
    text = daemon.log.read_text()
    for word in words:
        assert word in text, f"{word!r} is not in {text[-3000:]}"


@pytest.fixture
def following(scenario, bookstore):
    """A daemon that has loaded the bookstore."""
    scenario.use(bookstore).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    return daemon


def test_rewritten_values_are_loaded_again(scenario, following):
    """ALTER TYPE … USING changes values without a row change, even when the type stays."""
    scenario.sql("ALTER TABLE book ALTER COLUMN pages TYPE integer USING pages + 1000")
    wait_loaded_again(scenario, following)
    scenario.wait_synced(following)
    scenario.assert_equal()
    scenario.sql("ALTER TABLE review ALTER COLUMN stars TYPE integer USING stars")
    wait_loaded_again(scenario, following, 2)
    scenario.wait_synced(following)
    scenario.assert_equal()
    assert following.terminate() == 0


def test_unused_columns_do_not_matter(scenario, following):
    scenario.sql("ALTER TABLE book ADD COLUMN note text DEFAULT 'x'; ALTER TABLE book RENAME COLUMN note TO remark")
    scenario.sql("ALTER TABLE book ALTER COLUMN remark TYPE varchar(9); ALTER TABLE reviewer ADD COLUMN age integer")
    scenario.sql("UPDATE book SET remark = 'y', pages = 7 WHERE id = 3; ALTER TABLE book DROP COLUMN remark")
    scenario.wait_synced(following)
    time_of_three_looks(following)
    scenario.assert_equal()
    assert following.terminate() == 0
    assert "changed" not in following.log.read_text()


def time_of_three_looks(daemon):
    """The watch looks every 2 s: nothing else tells that it saw nothing."""
    deadline = time.monotonic() + 6.5
    while time.monotonic() < deadline:
        daemon.must_run()
        time.sleep(0.1)


@pytest.mark.parametrize("change, repair, words", [
    ("ALTER TABLE book DROP COLUMN pages", "ALTER TABLE book ADD COLUMN pages integer", ["pages", "does not exist"]),
    ("ALTER TABLE book RENAME COLUMN pages TO sheets", "ALTER TABLE book RENAME COLUMN sheets TO pages", ["pages", "does not exist"]),
    ("ALTER TABLE reply RENAME TO answer", "ALTER TABLE answer RENAME TO reply", ["public.reply", "does not exist"]),
    ("CREATE SCHEMA old; GRANT USAGE ON SCHEMA old TO PUBLIC; ALTER TABLE reply SET SCHEMA old", "ALTER TABLE old.reply SET SCHEMA public", ["public.reply", "does not exist"]),
    ("DROP TABLE reply", """CREATE TABLE reply (id bigint PRIMARY KEY, review_id bigint NOT NULL REFERENCES review ON DELETE CASCADE,
       body text NOT NULL); ALTER TABLE reply REPLICA IDENTITY FULL; GRANT SELECT ON reply TO PUBLIC""", ["public.reply", "does not exist"]),
    ("ALTER TABLE reply SET UNLOGGED", "ALTER TABLE reply SET LOGGED", ["public.reply", "SET LOGGED"]),
], ids=["drop column", "rename column", "rename table", "set schema", "drop table", "unlogged"])
def test_what_no_longer_fits_is_refused_and_goes_on_after_the_repair(scenario, following, change, repair, words):
    scenario.sql(change)
    refused(following, *words)
    scenario.sql("UPDATE book SET title = title || '!' WHERE id % 7 = 0; DELETE FROM review WHERE id % 5 = 0")
    scenario.run_once().expect(2 if "SET LOGGED" not in words else 3)
    scenario.sql(repair)
    scenario.run_once().expect(0)
    scenario.assert_equal()


def test_renamed_away_and_back_unseen(scenario, following):
    """Rows that were changed under another name are not in the stream; the daemon looks too late to see the name."""
    scenario.sql("BEGIN; ALTER TABLE reply RENAME TO answer; UPDATE answer SET body = body || '?'; ALTER TABLE answer RENAME TO reply; COMMIT")
    wait_loaded_again(scenario, following)
    scenario.wait_synced(following)
    scenario.assert_equal()
    assert following.terminate() == 0


def test_dropped_and_made_anew(scenario, following):
    scenario.sql("""BEGIN; CREATE TABLE kept AS SELECT * FROM reply WHERE id % 2 = 0; DROP TABLE reply;
        ALTER TABLE kept RENAME TO reply; ALTER TABLE reply ADD PRIMARY KEY (id), ADD FOREIGN KEY (review_id) REFERENCES review;
        ALTER TABLE reply REPLICA IDENTITY FULL; GRANT SELECT ON reply TO PUBLIC; COMMIT""")
    wait_loaded_again(scenario, following)
    scenario.wait_synced(following)
    scenario.assert_equal()
    assert following.terminate() == 0


# ---- replica identities that get weaker ----
@pytest.mark.parametrize("weaken", ["ALTER TABLE review REPLICA IDENTITY DEFAULT", "ALTER TABLE review REPLICA IDENTITY NOTHING"])
def test_weakened_identity_is_noticed(scenario, following, weaken):
    """While it runs; and nothing is lost if it is mended before rows change."""
    scenario.sql(weaken)
    refused(following, "public.review", "book_id", 'ALTER TABLE "public"."review" REPLICA IDENTITY FULL')
    scenario.run_once().expect(3)
    scenario.sql("ALTER TABLE review REPLICA IDENTITY FULL; UPDATE review SET book_id = 1 WHERE id % 3 = 0")
    scenario.run_once().expect(0)
    scenario.assert_equal()


def test_dropped_identity_index_is_noticed(scenario, bookstore):
    scenario.use(bookstore)
    scenario.sql("ALTER TABLE reply ADD UNIQUE (review_id, id); ALTER TABLE reply REPLICA IDENTITY USING INDEX reply_review_id_id_key")
    scenario.bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    scenario.sql("ALTER TABLE reply DROP CONSTRAINT reply_review_id_id_key")
    refused(daemon, "public.reply", "review_id", 'ALTER TABLE "public"."reply" REPLICA IDENTITY FULL')


@pytest.mark.parametrize("change", ["UPDATE review SET book_id = book_id % 300 + 1 WHERE id = (SELECT min(id) FROM review)", "DELETE FROM review WHERE id = (SELECT min(id) FROM review)"])
@pytest.mark.parametrize("identity", ["DEFAULT", "NOTHING"])
@pytest.mark.parametrize("running", [True, False], ids=["live", "down"])
def test_rows_written_under_a_weak_identity(scenario, bookstore, change, identity, running):
    """In one transaction that leaves the identity as it was: only the rows themselves can tell."""
    scenario.use(bookstore).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    if not running:
        assert daemon.terminate() == 0
    scenario.sql("UPDATE review SET book_id = 2 WHERE id = (SELECT max(id) FROM review)")
    scenario.sql(f"BEGIN; ALTER TABLE review REPLICA IDENTITY {identity}; {change}; ALTER TABLE review REPLICA IDENTITY FULL; COMMIT")
    if not running:
        daemon = scenario.start()
    refused(daemon, "public.review", "book_id", "pgsync-consumer teardown", "bootstrap --apply")
    scenario.run_once().expect(3)
    scenario.command("teardown", "--yes").expect(0)
    scenario.bootstrap()
    scenario.run_once().expect(0)
    scenario.assert_equal()


def test_inserts_under_a_weak_identity_are_right(scenario, following):
    scenario.sql("""BEGIN; ALTER TABLE review REPLICA IDENTITY NOTHING;
        INSERT INTO review SELECT id + 1000000, book_id, reviewer_id, stars, body, written_at FROM review WHERE id < 300;
        ALTER TABLE review REPLICA IDENTITY FULL; COMMIT""")
    scenario.wait_synced(following)
    scenario.assert_equal()
    assert following.terminate() == 0


# ---- documents that follow their tables' columns ----
LEDGER = """
CREATE TABLE account (id integer PRIMARY KEY, name text);
CREATE TABLE entry (account_id integer NOT NULL REFERENCES account, id integer, at date NOT NULL, amount numeric,
    PRIMARY KEY (account_id, id, at)) PARTITION BY RANGE (at);
CREATE TABLE entry_1 PARTITION OF entry FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE entry_2 PARTITION OF entry FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
INSERT INTO account SELECT i, 'account ' || i FROM generate_series(1, 40) i;
INSERT INTO entry SELECT i % 40 + 1, i, date '2020-01-01' + i, i FROM generate_series(1, 600) i;
"""
LEDGER_QUERY = """SELECT a.id::text, to_jsonb(a) || jsonb_build_object('entry',
    (SELECT jsonb_agg(to_jsonb(e) ORDER BY e.account_id, e.id, e.at) FROM entry e WHERE e.account_id = a.id)) FROM account a"""


class Ledger:
    """Documents without "columns", over a partitioned child table."""
    index, database, slot, template, query = "ledger", "ledger", "ledger_ledger", "template0", LEDGER_QUERY

    def __init__(self, folder, **more):
        self.schema = folder / "ledger.json"
        self.schema.write_text(json.dumps([{"database": self.database, "index": self.index, **more, "nodes": {
            "table": "account", "children": [{"table": "entry", "relationship": {"type": "one_to_many", "variant": "object"}}]}}]))


def ledger(scenario, target=None, **more):
    scenario.use(Ledger(scenario.dir, **more), target=target)
    scenario.sql(LEDGER)
    scenario.bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    return daemon


def test_added_and_dropped_columns_reach_all_documents(scenario):
    daemon = ledger(scenario)
    for n, ddl in enumerate(["ALTER TABLE account ADD COLUMN owner text DEFAULT 'nobody'",
                             "ALTER TABLE entry ADD COLUMN memo text; UPDATE entry SET memo = 'm' WHERE id % 9 = 0",
                             "ALTER TABLE entry RENAME COLUMN memo TO note",
                             "ALTER TABLE account DROP COLUMN owner"], 1):
        scenario.sql(ddl)
        wait_loaded_again(scenario, daemon, n)
        scenario.sql("UPDATE entry SET amount = amount + 1 WHERE id % 4 = 0")
        scenario.wait_synced(daemon)
        scenario.assert_equal()
    assert daemon.terminate() == 0


def test_added_column_while_it_was_down_and_killed_loads(scenario):
    """The load in place is remembered: a start that was killed in it goes on with it."""
    daemon = ledger(scenario)
    assert daemon.terminate() == 0
    scenario.sql("ALTER TABLE account ADD COLUMN owner text DEFAULT 'nobody'; ALTER TABLE entry DROP COLUMN amount")
    daemon = scenario.start()
    wait_for("the load to begin again", lambda: "are loaded again" in daemon.log.read_text(), 60, 0.01)
    daemon.kill9()
    scenario.run_once().expect(0)
    scenario.assert_equal()


def test_type_mapping_is_extended(scenario, engine):
    daemon = ledger(scenario, target=engine, type_mapping=True)
    scenario.sql("ALTER TABLE account ADD COLUMN code text DEFAULT '7'")
    wait_loaded_again(scenario, daemon)
    scenario.wait_synced(daemon)
    scenario.assert_equal()
    field = engine.mapping("ledger")["properties"]["code"]
    assert field["fields"]["keyword"]["ignore_above"] == 256, field
    scenario.sql("ALTER TABLE account DROP COLUMN name; ALTER TABLE account ADD COLUMN name bytea")
    refused(daemon, "index ledger", "mapping", "pgsync-consumer teardown")


@pytest.mark.parametrize("change", [
    "ALTER TABLE entry DETACH PARTITION entry_1",
    "DROP TABLE entry_2",
    """CREATE TABLE more (LIKE entry); INSERT INTO more SELECT i % 40 + 1, i, '2022-03-03', 1 FROM generate_series(1, 90) i;
       GRANT SELECT ON more TO PUBLIC; ALTER TABLE entry ATTACH PARTITION more FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')""",
], ids=["detach", "drop", "attach"])
def test_partitions_that_bring_or_take_rows(scenario, change):
    daemon = ledger(scenario)
    scenario.sql(change)
    wait_loaded_again(scenario, daemon)
    scenario.wait_synced(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0


def test_new_empty_partition_loads_nothing(scenario):
    daemon = ledger(scenario)
    scenario.sql("CREATE TABLE entry_3 PARTITION OF entry FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')")
    # The stream is also opened anew when all is loaded; only the one after these words says that the partition was seen while it was empty.
    wait_for("the daemon to begin again",
             lambda: "streaming slot" in daemon.log.read_text().partition("the tables changed; beginning again")[2], 60, 0.1)
    scenario.sql("INSERT INTO entry SELECT i % 40 + 1, i, '2022-03-03', 1 FROM generate_series(1, 90) i")
    scenario.wait_synced(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0
    assert "are loaded again" not in daemon.log.read_text()
    scenario.run_once().expect(0)
    assert "are loaded again" not in daemon.log.read_text()
