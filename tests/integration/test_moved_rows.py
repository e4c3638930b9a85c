"""An UPDATE of a column that no document shows moves its row to another page. While the table is loaded page by page, to one that was read before: then
only the stream can tell of the row. Afterwards such UPDATEs are left out again."""
import json
import pathlib


TABLES = """
CREATE TABLE thing (id integer PRIMARY KEY, name text NOT NULL, note text);
ALTER TABLE thing REPLICA IDENTITY FULL;
INSERT INTO thing SELECT n, 'thing ' || n, repeat('x', 200) FROM generate_series(1, 40000) n;
DELETE FROM thing WHERE id BETWEEN 1001 AND 15000;
VACUUM thing;
"""
SCHEMA = [{"database": "moving", "index": "thing", "nodes": {"table": "thing", "columns": ["id", "name"]}}]


class Data:
    database, index, slot, template = "moving", "thing", "moving_thing", "template0"
    query = "SELECT id::text, json_build_object('id', id, 'name', name) FROM thing"

    def __init__(self, schema):
        self.schema = schema


def test_rows_that_move_during_the_load(scenario, work):
    schema = pathlib.Path(work) / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    scenario.use(Data(schema))
    for statement in TABLES.split(";\n"):
        if statement.strip():
            scenario.server.psql("moving", "-c", statement)
    scenario.bootstrap()
    pages = "SELECT count(*) FROM thing WHERE id > 35000 AND (ctid::text::point)[0] < 500"
    assert scenario.sql(pages) == [(0,)]
    daemon = scenario.start("--workers", 1, env={"BLOCK_SIZE": "20"})
    scenario.wait_count_between(daemon, 1500, 20000)
    scenario.sql("UPDATE thing SET note = 'moved' WHERE id > 35000")
    assert scenario.sql(pages)[0][0] > 1000, "nothing moved to pages that were read"
    assert scenario.target.count("thing") < 25000, "the load was over before"
    scenario.wait_synced(daemon)
    scenario.assert_equal()

    # From now on they are left out, as soon as the slot is past the load.
    scenario.wait_settled_stream(daemon, 30)
    assert daemon.text().count("leaving out what touches nothing") == 1
    version = scenario.target.highest_version("thing")
    scenario.sql("UPDATE thing SET note = 'again'")
    scenario.wait_acknowledged(daemon)
    assert scenario.target.newer_than("thing", version) == 0
    daemon.terminate()
