"""An index whose schema file changes, a client that searches it all the while, and people who write.

The client asks for all documents, again and again. What it must never see: an error, a search over fewer than all shards, an answer without a
document that was there before (nobody deletes those that it watches), or, after their commit, no sign of new rows.
"""
import json
import pathlib
import threading
import time

from .http import request
from .processes import wait_for

DATABASE = "shelves"
INDEX = "shelf"
TABLES = """
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL, kind text, size integer);
CREATE TABLE note (id integer PRIMARY KEY, item_id integer REFERENCES item ON DELETE CASCADE, words text);
CREATE INDEX ON note (item_id);
ALTER TABLE note REPLICA IDENTITY FULL;
INSERT INTO item SELECT n, 'item ' || n, 'kind ' || n % 7, n % 100 FROM generate_series(1, {rows}) n;
INSERT INTO note SELECT n, 1 + n % {rows}, 'words ' || n FROM generate_series(1, {rows}) n;
"""
NOTES = {"table": "note", "label": "notes", "columns": ["id", "words"], "relationship": {"type": "one_to_many", "variant": "object"}}
SETTING = {"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "300ms"}
BEFORE = {"database": DATABASE, "index": INDEX, "setting": SETTING, "nodes": {"table": "item", "columns": ["id", "name"], "children": [NOTES]}}
AFTER = {"database": DATABASE, "index": INDEX, "setting": SETTING, "nodes": {
    "table": "item", "columns": ["id", "name", "kind"], "transform": {"mapping": {"kind": {"type": "keyword"}}},
    "children": [{**NOTES, "label": "remarks", "columns": ["words"], "relationship": {"type": "one_to_many", "variant": "scalar"}}]}}
QUERY_BEFORE = """SELECT i.id::text, json_build_object('id', i.id, 'name', i.name,
  'notes', (SELECT json_agg(json_build_object('id', n.id, 'words', n.words) ORDER BY n.id) FROM note n WHERE n.item_id = i.id)) FROM item i"""
QUERY_AFTER = """SELECT i.id::text, json_build_object('id', i.id, 'name', i.name, 'kind', i.kind,
  'remarks', (SELECT json_agg(n.words ORDER BY n.id) FROM note n WHERE n.item_id = i.id)) FROM item i"""


class Shelf:
    """The dataset; `document` is the file's only one."""
    database, index, slot, template = DATABASE, INDEX, f"{DATABASE}_{INDEX}", "template0"

    def __init__(self, directory):
        self.schema = pathlib.Path(directory) / "shelf.json"
        self.write(BEFORE, QUERY_BEFORE)

    def write(self, document, query):
        self.schema.write_text(json.dumps([document], indent=1))
        self.query = query


def fill(scenario, work, target, rows, queue=None, **more):
    """A shelf of `rows` items, loaded by the first file; no daemon runs."""
    shelf = Shelf(work)
    shelf.write({**BEFORE, **more}, QUERY_BEFORE)
    scenario.use(shelf, target, queue)
    scenario.server.psql(DATABASE, "-c", TABLES.format(rows=rows))
    scenario.bootstrap()
    scenario.run_once().expect(0)
    return shelf


def generations(engine):
    """{name: whether the alias leads to it}"""
    found = request("GET", f"{engine.url}/{INDEX}_*/_alias")
    return {name: INDEX in about["aliases"] for name, about in found.items()}


def load_of(engine, name):
    return (engine.state(name) or {}).get("load", {})


def served(engine):
    names = [name for name, leads in generations(engine).items() if leads]
    assert len(names) == 1, names
    return names[0]


class Searcher(threading.Thread):
    """Searches until it is stopped; what it saw is judged by `check`."""

    def __init__(self, engine, watched):
        super().__init__(daemon=True)
        self.url, self.watched = engine.url, set(watched)
        self.stopped = threading.Event()
        self.problems, self.polls, self.indices = [], 0, []
        self.first_seen = {}  # id -> the index in which a new one was first seen

    def run(self):
        known = set(self.watched)
        while not self.stopped.is_set():
            try:
                seen = self.ask()
            except Exception as e:
                self.problems.append(f"poll {self.polls}: {type(e).__name__}: {e}")
                continue
            gone = known - seen.keys()
            if gone:
                self.problems.append(f"poll {self.polls}, {self.indices[-1]}: {len(gone)} documents are gone, as {sorted(gone)[:5]}")
            for id in seen.keys() - known:
                self.first_seen[id] = seen[id]
            known |= seen.keys()
            self.polls += 1

    def ask(self):
        """The id of every document, in pages of one search each."""
        out, after = {}, None
        while True:
            body = {"size": 10000, "_source": False, "sort": [{"id": "asc"}], "query": {"match_all": {}}}
            if after is not None:
                body["search_after"] = after
            answer = request("POST", f"{self.url}/{INDEX}/_search", body)
            shards = answer["_shards"]
            if answer["timed_out"] or shards["failed"] or shards["successful"] != shards["total"]:
                raise RuntimeError(f"not a whole answer: {shards}")
            hits = answer["hits"]["hits"]
            for hit in hits:
                out[hit["_id"]] = hit["_index"]
                if not self.indices or self.indices[-1] != hit["_index"]:
                    self.indices.append(hit["_index"])
            if len(hits) < 10000:
                return out
            after = hits[-1]["sort"]

    def check(self, at_least=10):
        self.stopped.set()
        self.join(60)
        assert not self.problems, f"{len(self.problems)} problems in {self.polls} polls: {self.problems[:5]}"
        assert self.polls >= at_least, f"only {self.polls} polls"


class Writer(threading.Thread):
    """Inserts rows, one by one, each with a note, and changes and moves what is there; deletes nothing that is watched."""

    def __init__(self, server, rows, first=10_000_000):
        super().__init__(daemon=True)
        self.server, self.rows, self.first = server, rows, first
        self.stopped = threading.Event()
        self.inserted, self.failure = [], None

    def run(self):
        try:
            with self.server.connect(DATABASE) as c, c.cursor() as cur:
                while not self.stopped.is_set():
                    n = self.first + len(self.inserted)
                    some = 1 + len(self.inserted) * 37 % self.rows
                    cur.execute("BEGIN; INSERT INTO item VALUES (%s, 'new', 'k', 1); INSERT INTO note VALUES (%s, %s, 'of the new'); COMMIT", (n, n, n))
                    self.inserted.append(str(n))
                    cur.execute("UPDATE item SET name = name || '!', kind = %s WHERE id = %s", (f"kind {n % 9}", some))
                    cur.execute("UPDATE note SET item_id = %s WHERE id = %s", (1 + (some + 11) % self.rows, some))
                    cur.execute("DELETE FROM note WHERE id = %s", (1 + (some + 5) % self.rows,))
                    time.sleep(0.01)  # a pace, nothing is waited for
        except Exception as e:
            self.failure = e

    def stop(self):
        self.stopped.set()
        self.join(60)
        assert self.failure is None, self.failure
        return self.inserted


def wait_seen(searcher, ids, timeout=60):
    """Until the client has seen every one of these new rows."""
    wanted = set(ids)
    wait_for(lambda: f"the client to see {sorted(wanted - searcher.first_seen.keys())[:5]} of {len(wanted)}; {searcher.problems[:3]}",
             lambda: wanted <= searcher.first_seen.keys(), timeout)


def wait_only(engine, name, daemon, timeout=180):
    """Until searches see this generation, and there is no other."""
    def alone():
        daemon.must_run()
        return generations(engine) == {name: True}
    wait_for(lambda: f"{name} to be the only generation; there are {generations(engine)}", alone, timeout, 0.05)
