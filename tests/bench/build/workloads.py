"""The documents that are built: their tables, the schema file, and the same documents as a person would write them in SQL.

`roots` is the number of documents; PGSync, being slow, gets `peer_roots` of them in a database of its own, and its rate is compared.
"""
import dataclasses
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lib.shapes import BOOKSTORE, FLAT, NESTED, child, pairs  # noqa: E402

LEVELS = """
CREATE TABLE a (id int PRIMARY KEY, name text NOT NULL, score float8);
CREATE TABLE b (id int PRIMARY KEY, a_id int NOT NULL REFERENCES a, name text NOT NULL, amount numeric(10,2));
CREATE TABLE c (id int PRIMARY KEY, b_id int NOT NULL REFERENCES b, name text NOT NULL, day date);
CREATE TABLE d (id int PRIMARY KEY, c_id int NOT NULL REFERENCES c, name text NOT NULL, flag boolean);
CREATE TABLE e (id int PRIMARY KEY, d_id int NOT NULL REFERENCES d, name text NOT NULL);
INSERT INTO a SELECT i, 'a ' || md5(i::text), i / 7.0 FROM generate_series(1, {roots}) i;
INSERT INTO b SELECT i, 1 + (i - 1) / 2, 'b ' || md5(i::text), i / 100.0 FROM generate_series(1, {roots} * 2) i;
INSERT INTO c SELECT i, 1 + (i - 1) / 2, 'c ' || md5(i::text), date '2000-01-01' + i % 9999 FROM generate_series(1, {roots} * 4) i;
INSERT INTO d SELECT i, 1 + (i - 1) / 2, 'd ' || md5(i::text), i % 2 = 0 FROM generate_series(1, {roots} * 8) i;
INSERT INTO e SELECT i, 1 + (i - 1) / 2, 'e ' || md5(i::text) FROM generate_series(1, {roots} * 16) i;
CREATE INDEX ON b (a_id);
CREATE INDEX ON c (b_id);
CREATE INDEX ON d (c_id);
CREATE INDEX ON e (d_id);
"""


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    tables: str  # SQL that makes and fills them; {roots}
    nodes: dict
    json_sql: str  # the same documents by json_build_object and json_agg
    copied: tuple  # the tables whose binary COPY is the floor
    roots: int
    peer_roots: int
    quick_roots: int = 2000

    def schema(self, database):
        return [{"database": database, "index": f"bench_{self.name}", "nodes": self.nodes}]


WORKLOADS = [
    Workload(
        "flat", "9 columns of one table", BOOKSTORE, *FLAT, ("book",), 300_000, 30_000),
    Workload(
        "nested", "book with its author, publisher and 5 reviews", BOOKSTORE,
        *NESTED, ("book", "author", "publisher", "review"), 200_000, 20_000),
    Workload(
        "deep", "5 levels, 2 rows below each row: 31 rows a document", LEVELS,
        {"table": "a", "columns": ["id", "name", "score"], "children": [
            child("b", True, ["id", "name", "amount"], child("c", True, ["id", "name", "day"], child(
                "d", True, ["id", "name", "flag"], child("e", True, ["id", "name"]))))]},
        f"""SELECT json_build_object({pairs('a', ['id', 'name', 'score'])}, 'b', (
          SELECT json_agg(json_build_object({pairs('b', ['id', 'name', 'amount'])}, 'c', (
            SELECT json_agg(json_build_object({pairs('c', ['id', 'name', 'day'])}, 'd', (
              SELECT json_agg(json_build_object({pairs('d', ['id', 'name', 'flag'])}, 'e', (
                SELECT json_agg(json_build_object({pairs('e', ['id', 'name'])}) ORDER BY e.id) FROM e WHERE e.d_id = d.id))
              ORDER BY d.id) FROM d WHERE d.c_id = c.id))
            ORDER BY c.id) FROM c WHERE c.b_id = b.id))
          ORDER BY b.id) FROM b WHERE b.a_id = a.id)) FROM a""",
        ("a", "b", "c", "d", "e"), 40_000, 4_000, quick_roots=500),
]
