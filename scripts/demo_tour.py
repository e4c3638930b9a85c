#!/usr/bin/python3
# Debian's own interpreter: psycopg2 comes from scripts/deps.
"""The visible part of scripts/demo: follows the load, searches, changes rows, times the documents, compares.

Connects to PostgreSQL through PGHOST, PGPORT, …; reads the target directly (SQLite file or engine), never through pgsync.
Ends with status 1 as soon as the consumer is gone, a document does not follow in time, or a comparison fails.
"""
import argparse
import decimal
import json
import os
import random
import sqlite3
import sys
import time
import urllib.error
import urllib.request

import psycopg2

INDEX = "packages"
PATIENCE = 300  # seconds without any progress until we give up
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse(text):
    """JSON with exact numbers: 2.50 and 2.5 are told apart, as the documents promise."""
    return json.loads(text, parse_float=decimal.Decimal)


class SqliteTarget:
    count_every = 0.1  # seconds; counting is nearly free

    def __init__(self, file):
        self.file = file
        self.connection = None

    def query(self, sql, *parameters):
        """Rows, or None while the file or its tables are not there yet."""
        try:
            if self.connection is None:
                self.connection = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=10)
            return self.connection.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError:
            if not os.path.exists(self.file):
                return None
            tables = self.connection and self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'documents'")
            if tables and tables.fetchall():
                raise
            return None

    def count(self):
        rows = self.query('SELECT count(*) FROM documents WHERE "index" = ?', INDEX)
        return rows[0][0] if rows else 0

    def get(self, ids):
        """{id: document} of those that exist."""
        found = {}
        for start in range(0, len(ids), 500):
            part = ids[start:start + 500]
            marks = ",".join("?" * len(part))
            rows = self.query(f'SELECT id, body FROM documents WHERE "index" = ? AND id IN ({marks})', INDEX, *part)
            found.update((row[0], parse(row[1])) for row in rows or [])
        return found

    def search(self, words):
        rows = self.query("""SELECT d.body FROM documents_fts f JOIN documents d ON d.docid = f.rowid
                             WHERE documents_fts MATCH ? ORDER BY bm25(documents_fts) LIMIT 5""", words)
        return [parse(row[0]) for row in rows]

    def describe_search(self, words):
        return f"SELECT … FROM documents_fts WHERE documents_fts MATCH '{words}' ORDER BY bm25(documents_fts)"


class EngineTarget:
    count_every = 1.0  # seconds; counting refreshes the index, which costs the engine time it needs for the load

    def __init__(self, url):
        self.url = url.rstrip("/")

    def call(self, method, path, body=None):
        """The answer's JSON, or None for a 404."""
        request = urllib.request.Request(self.url + path, method=method, data=json.dumps(body).encode() if body else None,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return parse(answer.read().decode())
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def count(self):
        self.call("POST", f"/{INDEX}/_refresh")
        answer = self.call("GET", f"/{INDEX}/_count")
        return answer["count"] if answer else 0

    def get(self, ids):
        """{id: document} of those that exist, read in real time (without waiting for a refresh)."""
        found = {}
        for start in range(0, len(ids), 500):
            answer = self.call("POST", f"/{INDEX}/_mget", {"ids": ids[start:start + 500]})
            found.update((d["_id"], d["_source"]) for d in (answer or {}).get("docs", []) if d.get("found"))
        return found

    def search(self, words):
        self.call("POST", f"/{INDEX}/_refresh")
        fields = ["name^3", "summary^2", "tags.name"]
        answer = self.call("POST", f"/{INDEX}/_search", {
            "size": 5, "query": {"multi_match": {"query": words, "fields": fields, "type": "cross_fields", "operator": "and"}}})
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def describe_search(self, words):
        return f'POST /{INDEX}/_search {{"query": {{"multi_match": {{"query": "{words}", …}}}}}}'


class Tour:
    def __init__(self, target, consumer_pid):
        self.target = target
        self.consumer_pid = consumer_pid
        self.database = psycopg2.connect(dbname="debian")
        self.database.autocommit = True
        self.terminal = sys.stdout.isatty()

    def rows(self, sql, parameters=None):
        with self.database.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, parameters=None):
        return self.rows(sql, parameters)[0][0]

    def check_consumer(self):
        try:
            with open(f"/proc/{self.consumer_pid}/stat", encoding="utf-8") as stat:
                alive = stat.read().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            alive = False
        if not alive:
            sys.exit("  pgsync-consumer has ended")

    def wait(self, done, what):
        """Calls `done` in a tight loop until it returns true. Returns the seconds it took."""
        started = time.monotonic()
        checked = started
        while not done():
            now = time.monotonic()
            if now - started > PATIENCE:
                sys.exit(f"  {what}: not within {PATIENCE} s")
            if now - checked > 0.5:
                self.check_consumer()
                checked = now
            time.sleep(0.0005)
        return time.monotonic() - started

    # --- load --------------------------------------------------------------------------------------------------------------
    def follow_load(self):
        total = self.value("SELECT count(*) FROM package")
        started = moved = time.monotonic()
        last, printed = -1, 0.0
        while True:
            self.check_consumer()
            count = self.target.count()
            now = time.monotonic()
            if count != last:
                last, moved = count, now
            if now - moved > PATIENCE:
                sys.exit(f"  the load stands at {count:,} of {total:,} documents since {PATIENCE} s")
            if self.terminal or now - printed >= 2 or count >= total:
                rate = count / max(now - started, 0.001)
                bar = "█" * (30 * count // total) + "·" * (30 - 30 * count // total)
                line = f"  {bar} {count:,} of {total:,} documents, {rate:,.0f}/s"
                print(f"\r{line}  " if self.terminal else line, end="" if self.terminal else "\n", flush=True)
                printed = now
            if count >= total:
                break
            time.sleep(self.target.count_every)
        print(f"{chr(10) if self.terminal else ''}  loaded in {time.monotonic() - started:.1f} s, counted from the start of the daemon")

    # --- search ------------------------------------------------------------------------------------------------------------
    def show_search(self, words):
        heading(f"6. Search: {words}")
        print(f"  {self.target.describe_search(words)}")
        started = time.monotonic()
        hits = self.target.search(words)
        took = time.monotonic() - started
        for hit in hits:
            print(f"    {hit['name']:<24.24} {hit['section'] or '':<12.12} {hit['summary'] or '':.60}")
        print(f"  {took * 1000:.1f} ms")
        if not hits:
            sys.exit("  nothing found")

    # --- changes -----------------------------------------------------------------------------------------------------------
    def change(self, title, sql, parameters, ids, view, done):
        """Runs one statement; shows the first of `ids` before and after; times until `done(document)` holds for all."""
        first = ids[0]
        before = self.target.get([first]).get(first)
        with self.database.cursor() as cursor:
            statement = cursor.mogrify(sql, parameters).decode()
            print(f"\n  {title}\n    {statement};")
            cursor.execute(statement)
        left, at_first, started = list(ids), None, time.monotonic()

        def all_done():
            nonlocal at_first
            part = left[-200:]
            documents = self.target.get(list({first, *part}))
            waiting = [i for i in part if not done(documents.get(i))]
            if at_first is None and (done(documents.get(first)) or len(waiting) < len(part)):
                at_first = time.monotonic() - started
            left[len(left) - len(part):] = waiting
            return not left

        # The pages of 200 that are not done yet are asked for again and again, the last page first.
        took = self.wait(all_done, title)
        after = self.target.get([first]).get(first)
        print(f"    before  {view(before)}\n    after   {view(after)}")
        if len(ids) == 1:
            print(f"    in the target {took * 1000:.0f} ms after the commit")
        else:
            print(f"    in the target: the first {at_first * 1000:.0f} ms after the commit, all {len(ids):,} after {took * 1000:.0f} ms")

    def show_changes(self):
        heading("7. Rows change, documents follow")

        maintainer, name, packages = self.rows(
            "SELECT m.id, m.name, count(*) FROM package p JOIN maintainer m ON m.id = p.maintainer_id "
            "GROUP BY m.id ORDER BY count(*) DESC, m.id LIMIT 1")[0]
        ids = [str(r[0]) for r in self.rows("SELECT id FROM package WHERE maintainer_id = %s ORDER BY id", (maintainer,))]
        renamed = f"{name} and Friends"
        self.change(f"A maintainer of {packages:,} packages is renamed",
                    "UPDATE maintainer SET name = %s WHERE id = %s", (renamed, maintainer), ids,
                    lambda d: brief(d, "name", "maintainer"), lambda d: d and d["maintainer"]["name"] == renamed)

        package = self.value("SELECT id FROM package WHERE section_id IS NOT NULL ORDER BY name <> 'bash', id LIMIT 1")
        section, section_name = self.rows(
            "SELECT s.id, s.name FROM section s, package p WHERE p.id = %s AND s.id <> p.section_id "
            "ORDER BY s.name <> 'games', s.id LIMIT 1", (package,))[0]
        self.change("A package moves to another section",
                    "UPDATE package SET section_id = %s WHERE id = %s", (section, package), [str(package)],
                    lambda d: brief(d, "name", "section"), lambda d: d and d["section"] == section_name)

        self.change("A package gets one more dependency",
                    "INSERT INTO depends (id, package_id, position, alternative, target, comparison, version) "
                    "SELECT max(id) + 1, %s, 99, 1, 'pgsync', '>=', '0.1' FROM depends", (package,), [str(package)],
                    lambda d: brief(d, "name", "depends"),
                    lambda d: d and any(x["package"] == "pgsync" for x in d["depends"] or []))

        doomed = self.value("SELECT id FROM package WHERE id <> %s ORDER BY name <> 'nano', id DESC LIMIT 1", (package,))
        self.change("A package is deleted, and with it all that hangs on it",
                    "DELETE FROM package WHERE id = %s", (doomed,), [str(doomed)],
                    lambda d: brief(d, "name", "summary"), lambda d: d is None)

    # --- compare -----------------------------------------------------------------------------------------------------------
    def compare(self, sample):
        heading("8. Compare")
        packages, documents = self.value("SELECT count(*) FROM package"), self.target.count()
        print(f"  {packages:,} packages, {documents:,} documents: {'equal' if packages == documents else 'NOT EQUAL'}")
        seed = random.SystemRandom().randrange(1_000_000)
        ids = [str(r[0]) for r in self.rows("SELECT id FROM package ORDER BY id")]
        ids = random.Random(seed).sample(ids, min(sample, len(ids)))
        with open(os.path.join(ROOT, "schemas", "debian", "expected.sql"), encoding="utf-8") as file:
            query = file.read()
        # Not as a parameterized query: the file is plain SQL, where % needs no doubling.
        wanted = ",".join("'%d'" % int(i) for i in ids)
        expected = dict(self.rows(f"SELECT id, document::text FROM (\n{query}\n) AS expected WHERE id IN ({wanted})"))
        found = self.target.get(ids)
        different = [i for i in ids if found.get(i) != parse(expected[i])]
        print(f"  {len(ids)} random documents (seed {seed}) against schemas/debian/expected.sql: "
              f"{'all equal' if not different else f'{len(different)} DIFFER'}")
        for i in different[:3]:
            print(f"    {i}\n      expected {expected[i]}\n      found    {json.dumps(found.get(i), default=str)}")
        if different or packages != documents:
            sys.exit(1)


def heading(text):
    print(f"\n\033[1m{text}\033[0m", flush=True)


def brief(document, *keys):
    """Some keys of a document on one line; of a long array only the end."""
    if document is None:
        return "(no document)"
    parts = []
    for key in keys:
        value = document[key]
        if isinstance(value, list) and len(value) > 1:
            parts.append(f'"{key}": [… {len(value) - 1} …, {json.dumps(value[-1], default=str, ensure_ascii=False)}]')
        else:
            parts.append(f'"{key}": {json.dumps(value, default=str, ensure_ascii=False)}')
    return "{" + ", ".join(parts) + "}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", required=True, help="sqlite:FILE or the URL of an engine")
    parser.add_argument("--consumer-pid", type=int, required=True)
    parser.add_argument("--sample", type=int, default=200, metavar="N", help="documents to compare at the end")
    parser.add_argument("--search", default="text editor", metavar="WORDS")
    args = parser.parse_args()
    kind, _, rest = args.target.partition(":")
    tour = Tour(SqliteTarget(rest) if kind == "sqlite" else EngineTarget(args.target), args.consumer_pid)
    tour.follow_load()
    tour.show_search(args.search)
    tour.show_changes()
    tour.compare(args.sample)


if __name__ == "__main__":
    main()
