"""The embedded target: table documents("index", id, routing, version, body) of a SQLite file."""
import json
import pathlib
import sqlite3


class SqliteTarget:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.url = f"sqlite:{self.path}"

    def _rows(self, sql, args=()):
        if not self.path.exists():
            return []
        c = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
        try:
            return c.execute(sql, args).fetchall()
        except sqlite3.OperationalError as e:
            if "no such table" in str(e):  # the file is there a moment before its tables
                return []
            raise
        finally:
            c.close()

    def count(self, index):
        rows = self._rows('SELECT count(*) FROM documents WHERE "index" = ?', (index,))
        return rows[0][0] if rows else 0

    def highest_version(self, index):
        rows = self._rows('SELECT max(version) FROM documents WHERE "index" = ?', (index,))
        return rows[0][0] or 0 if rows else 0

    def newer_than(self, index, version):
        return self._rows('SELECT count(*) FROM documents WHERE "index" = ? AND version > ?', (index, version))[0][0]

    def written(self):
        """Changes whenever anything is written, though not of what is written again from the same snapshot."""
        return self._rows("SELECT count(*), total(version) FROM documents")

    def versions(self, index):
        return dict(self._rows('SELECT id, version FROM documents WHERE "index" = ?', (index,)))

    def documents(self, index):
        return {i: json.loads(b) for i, b in self._rows('SELECT id, body FROM documents WHERE "index" = ?', (index,))}

    def document(self, index, id):
        rows = self._rows('SELECT body FROM documents WHERE "index" = ? AND id = ?', (index, id))
        return json.loads(rows[0][0]) if rows else None

    def all_lines(self):
        """Every document as a line of the conformance suite's form."""
        out = []
        for index, id, routing, body in self._rows('SELECT "index", id, routing, body FROM documents'):
            line = {"_index": index, "_id": id, "_source": json.loads(body)}
            if routing is not None:
                line["_routing"] = routing
            out.append(line)
        return out

    def bodies(self):
        """(index, id, text of the document) of all."""
        return self._rows('SELECT "index", id, body FROM documents')

    def indexes_loading(self):
        return [index for index, state in self._rows('SELECT "index", state FROM state') if not json.loads(state).get("load", {}).get("complete")]

    def go_back(self, applied):
        """States that it holds changes only up to a position: what comes after is read again."""
        with sqlite3.connect(self.path, timeout=30) as c:
            for index, state in c.execute('SELECT "index", state FROM state').fetchall():
                c.execute('UPDATE state SET state = ? WHERE "index" = ?', (json.dumps({**json.loads(state), "applied": applied}), index))

    def search(self, words):
        return self._rows("SELECT count(*) FROM documents_fts WHERE documents_fts MATCH ?", (words,))[0][0]

    def state(self, index):
        rows = self._rows('SELECT state FROM state WHERE "index" = ?', (index,))
        return json.loads(rows[0][0]) if rows else None
