"""A changed schema file: another generation is filled beside the one that searches see, and swapped in, while people search and write.

PGSYNC_GENERATION_ROWS=N    rows of the root table (default 12000)
"""
import os

import pytest

from harness import generations as g
from harness.generations import AFTER, BEFORE, QUERY_AFTER, QUERY_BEFORE
from harness.http import request
from harness.processes import wait_for

ROWS = int(os.environ.get("PGSYNC_GENERATION_ROWS", "12000"))
QUICK = {"PGSYNC_DEVELOPER": "grace_ms=1000 record_ms=50", "BLOCK_SIZE": "200"}


def wait_filling(scenario, engine, daemon, name="shelf_2"):
    """Until some of the new generation's load is recorded, and not all."""
    def some():
        daemon.must_run()
        load = g.load_of(engine, name)
        return load.get("done_below", 0) > 0 and load
    load = wait_for(f"{name} to be filled in part", some, 120, 0.005)
    assert not load["complete"], "the middle was missed"


def die_filling(scenario, engine, shelf):
    """The file changes, and the daemon is killed while it fills the new generation."""
    shelf.write(AFTER, QUERY_AFTER)
    daemon = scenario.start(env=QUICK)
    wait_filling(scenario, engine, daemon)
    daemon.kill9()


def test_swap_under_search_and_writes(scenario, engine, queue, work):
    shelf = g.fill(scenario, work, engine, ROWS, queue)
    shelf.write(AFTER, QUERY_AFTER)
    planned = scenario.command("plan", queue=False).expect(0).stdout
    assert "index shelf: the file changed; run builds shelf_2 beside shelf_1" in planned, planned
    searcher = g.Searcher(engine, (str(n) for n in range(1, ROWS + 1)))
    writer = g.Writer(scenario.server, ROWS)
    searcher.start()
    writer.start()
    daemon = scenario.start(env=QUICK)
    wait_filling(scenario, engine, daemon)
    settings = request("GET", f"{engine.url}/shelf_2/_settings")["shelf_2"]["settings"]["index"]
    assert settings["refresh_interval"] == "-1" and settings["number_of_replicas"] == "0"
    assert "refresh_interval" in request("GET", f"{engine.url}/shelf_1/_settings")["shelf_1"]["settings"]["index"]
    status = scenario.command("status").expect(0).stdout
    assert "of another schema" in status and "shelf_2: is built to take its place" in status, status
    wait_seen = list(writer.inserted)
    g.wait_seen(searcher, wait_seen)
    g.wait_only(engine, "shelf_2", daemon)
    inserted = writer.stop()
    g.wait_seen(searcher, inserted)
    scenario.wait_acknowledged(daemon)
    searcher.check()
    assert set(searcher.indices) == {"shelf_1", "shelf_2"}, "the client has to see both"
    assert searcher.indices == ["shelf_1", "shelf_2"], f"never back: {searcher.indices}"
    before_swap = [id for id in inserted if searcher.first_seen[id] == "shelf_1"]
    assert before_swap, "rows that came while the next generation was filled have to be in the present one"
    scenario.assert_equal()
    settings = request("GET", f"{engine.url}/shelf_2/_settings")["shelf_2"]["settings"]["index"]
    assert settings["refresh_interval"] == "300ms" and settings["number_of_replicas"] == "0"
    assert request("GET", f"{engine.url}/shelf_2/_mapping")["shelf_2"]["mappings"]["properties"]["kind"] == {"type": "keyword"}
    assert "pgsync_settings" not in engine.mapping("shelf_2")["_meta"]
    assert daemon.terminate() == 0
    print(f"{searcher.polls} polls, {len(inserted)} rows inserted, {len(before_swap)} of them seen before the swap")


def test_the_old_file_comes_back_in_the_middle(scenario, engine, work):
    shelf = g.fill(scenario, work, engine, ROWS)
    searcher = g.Searcher(engine, (str(n) for n in range(1, ROWS + 1)))
    writer = g.Writer(scenario.server, ROWS)
    searcher.start()
    writer.start()
    die_filling(scenario, engine, shelf)
    shelf.write(BEFORE, QUERY_BEFORE)
    daemon = scenario.start(env=QUICK)
    g.wait_only(engine, "shelf_1", daemon)
    g.wait_seen(searcher, writer.stop())
    scenario.wait_acknowledged(daemon)
    searcher.check()
    assert set(searcher.indices) == {"shelf_1"}
    scenario.assert_equal()
    assert "loaded again" not in daemon.text(), "what was followed needs no new load"
    assert daemon.terminate() == 0


def test_a_third_file_in_the_middle(scenario, engine, work):
    shelf = g.fill(scenario, work, engine, ROWS)
    die_filling(scenario, engine, shelf)
    third = {**BEFORE, "nodes": {"table": "item", "columns": ["id", "size"]}}
    shelf.write(third, "SELECT id::text, json_build_object('id', id, 'size', size) FROM item")
    daemon = scenario.start(env=QUICK)
    g.wait_only(engine, "shelf_3", daemon)
    assert "cannot be followed" not in daemon.text(), "a table that the file no longer names is still followed for the present one"
    scenario.wait_acknowledged(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0


def forget_source(engine):
    """As an older version left it."""
    meta = engine.mapping("shelf_1")["_meta"]
    del meta["pgsync"]["source"]
    request("PUT", f"{engine.url}/shelf_1/_mapping", {"_meta": meta})


def test_what_cannot_be_followed_stays_as_it_is_until_the_swap(scenario, engine, work):
    shelf = g.fill(scenario, work, engine, 2000)
    shelf.write({**AFTER, "nodes": {**AFTER["nodes"], "columns": ["id", "kind"]}},
                "SELECT id::text, json_build_object('id', id, 'kind', kind, 'remarks', (SELECT json_agg(words ORDER BY id) FROM note n WHERE item_id = i.id)) FROM item i")
    scenario.sql("ALTER TABLE item DROP COLUMN name")
    searcher = g.Searcher(engine, (str(n) for n in range(1, 2001)))
    searcher.start()
    result = scenario.run_once()
    searcher.check(at_least=2)
    result.expect(0)
    assert "it cannot be followed: its part of the schema file no longer fits the tables" in result.stderr, result.stderr
    assert g.generations(engine) == {"shelf_2": True}
    scenario.assert_equal()


def test_one_that_was_not_followed_is_loaded_again_when_its_file_comes_back(scenario, engine, work):
    shelf = g.fill(scenario, work, engine, ROWS)
    forget_source(engine)
    shelf.write(AFTER, QUERY_AFTER)
    daemon = scenario.start(env=QUICK)
    wait_filling(scenario, engine, daemon)
    scenario.sql("UPDATE item SET name = 'changed meanwhile' WHERE id % 10 = 0; DELETE FROM item WHERE id % 10 = 1")
    scenario.wait_acknowledged(daemon, timeout=60)  # past what shelf_1 holds
    if g.served(engine) == "shelf_1":
        assert engine.state("shelf_1")["frozen"]
    daemon.kill9()
    assert g.served(engine) == "shelf_1", "the middle was missed"
    shelf.write(BEFORE, QUERY_BEFORE)
    scenario.run_once().expect(0)
    scenario.assert_equal()
    assert g.generations(engine) == {"shelf_1": True}
    assert "frozen" not in engine.state("shelf_1") and engine.state("shelf_1")["source"]


@pytest.mark.parametrize("where", ["sqlite", "plain"])
def test_without_generations_documents_are_loaded_again_in_place(scenario, work, where, request):
    target = request.getfixturevalue("engine") if where == "plain" else None
    more = {"alias": False} if where == "plain" else {}
    shelf = g.fill(scenario, work, target, 2000, **more)
    shelf.write({**AFTER, **more, "id": "x{id}"}, QUERY_AFTER.replace("i.id::text", "'x' || i.id"))
    assert "the file changed; run loads it again in place" in scenario.command("plan", queue=False).expect(0).stdout
    result = scenario.run_once().expect(0)
    assert "the schema file changed; its documents are loaded again" in result.stderr
    assert scenario.assert_equal() == 2000


def test_teardown_removes_both(scenario, engine, work):
    shelf = g.fill(scenario, work, engine, ROWS)
    die_filling(scenario, engine, shelf)
    wait_for("the slot to be free", lambda: not scenario.sql("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (shelf.slot,))[0][0])
    scenario.command("teardown", "--yes").expect(0)
    assert g.generations(engine) == {}
