"""A schema file with documents of two databases: every command works on both, `run` follows both at once."""
import json
import re

import pytest

from harness import oracle
from harness.http import request
from harness.processes import free_port, wait_for
from harness.sqlite import SqliteTarget

DATABASES = ("shop_east", "shop_west")


class Shops:
    """Two copies of the bookstore's database under one schema file."""

    def __init__(self, scenario, data, work):
        self.scenario, self.data = scenario, data
        document = json.loads(data.schema.read_text())[0]
        self.schema = work / "schema.json"
        self.schema.write_text(json.dumps([{**document, "database": d, "index": f"book-{d[5:]}"} for d in DATABASES]))
        for database in DATABASES:
            scenario.server.create_database(database, data.template)
        scenario.target = SqliteTarget(work / "documents.db")
        scenario.schema = self.schema

    def drop(self):
        for database in DATABASES:
            self.scenario.server.drop_database(database)

    def sql(self, database, text):
        self.scenario.server.rows(database, text)

    def slots(self):
        rows = self.scenario.server.rows("postgres", "SELECT slot_name::text, database::text FROM pg_replication_slots")
        return {slot: database for slot, database in rows if database in DATABASES}

    def difference(self):
        out = ""
        for database in DATABASES:
            want = oracle.expected(self.scenario.server, database, self.data.query)
            out += oracle.difference(want, self.scenario.target.documents(f"book-{database[5:]}"))
        return out


@pytest.fixture
def shops(scenario, bookstore, work):
    shops = Shops(scenario, bookstore, work)
    yield shops
    for daemon in scenario.consumers:
        daemon.end()
    shops.drop()


def test_both_are_loaded_followed_and_removed(shops, queue):
    s = shops.scenario
    if not isinstance(queue, str):
        queue.flushall()
        s.queue = queue.url
    r = s.command("validate", "--offline", server=False).expect(0)
    assert r.stdout.count("valid as far as") == 1, repr(r)
    r = s.command("bootstrap", "--apply").expect(0)
    assert r.stdout.count("ready:") == 2, repr(r)
    assert shops.slots() == {"shop_east_book_east": "shop_east", "shop_west_book_west": "shop_west"}
    r = s.command("validate").expect(0)
    assert all(f"valid for database {d}" in r.stdout for d in DATABASES), repr(r)

    s.command("run", "--once").expect(0)
    assert not shops.difference()

    port = free_port()
    daemon = s.start("--http", port)
    shops.sql("shop_east", "UPDATE author SET name = name || ' (east)'")
    shops.sql("shop_west", "DELETE FROM book WHERE id IN (SELECT id FROM book ORDER BY id LIMIT 3)")

    def equal():
        daemon.must_run()
        return not shops.difference()
    wait_for(shops.difference, equal, 60, 0.1)
    metrics = request("GET", f"http://127.0.0.1:{port}/metrics", raw=True)
    for database in DATABASES:
        count = re.search(rf'pgsync_sink_documents_total{{database="{database}"}} (\d+)', metrics)
        assert count and int(count[1]) > 0, metrics
    assert metrics.count("# HELP pgsync_sink_documents_total ") == 1
    daemon.terminate()
    log = daemon.text()
    assert all(f"[{d}] " in log for d in DATABASES), log

    r = s.command("status").expect(0)
    assert all(f"database {d} at" in r.stdout for d in DATABASES), repr(r)
    s.command("teardown", "--yes").expect(0)
    assert not shops.slots()


def test_one_of_them_alone(shops):
    s = shops.scenario
    s.command("bootstrap", "--apply", "--database", "shop_west").expect(0)
    assert set(shops.slots().values()) == {"shop_west"}
    s.command("run", "--once", "--database", "shop_west").expect(0)
    assert s.target.count("book-west") and not s.target.count("book-east")
    r = s.command("run", "--once", "--database", "shop_wets").expect(2)
    assert 'no document of database "shop_wets"' in r.stderr and 'did you mean "shop_west"?' in r.stderr, repr(r)


def test_what_is_missing_in_one_keeps_the_other_from_running_alone(shops):
    s = shops.scenario
    s.command("bootstrap", "--apply", "--database", "shop_east").expect(0)
    r = s.command("run", "--once").expect(3)
    assert "database shop_west" in r.stderr and "--database shop_west" in r.stderr, repr(r)


def test_an_ndjson_file_takes_one_database(shops, work):
    s = shops.scenario
    r = s.bare("run", shops.schema, "--target", f"ndjson:{work / 'out.ndjson'}").expect(2)
    assert "--database" in r.stderr, repr(r)
