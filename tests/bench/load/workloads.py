"""What is loaded: tables, schema file, and the same documents as a person would write them in SQL.

`roots` is the number of documents; PGSync, being slow, gets `peer_roots` of them in a database of its own, and its rate is compared.
"""
import dataclasses
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lib.server import CANARY, REPO, ROLE  # noqa: E402
from lib.shapes import AUTHOR, BOOK_COLUMNS, BOOKSTORE, PUBLISHER, REVIEW, child, pairs  # noqa: E402
from harness.processes import run  # noqa: E402

ITEM_COLUMNS = ["id", "sku", "ean", "title", "summary", "brand", "category", "color", "price", "tax", "stock", "weight", "rating", "active",
                "released", "changed_at"]
ITEMS = """
CREATE TABLE item (
  id bigint PRIMARY KEY, sku text NOT NULL, ean varchar(13), title text NOT NULL, summary text, brand text, category text, color text,
  price numeric(10,2), tax numeric(4,2), stock int, weight float8, rating smallint, active boolean NOT NULL, released date,
  changed_at timestamptz NOT NULL);
INSERT INTO item SELECT i, 'SKU-' || i, lpad((i * 7919 %% 10000000000000)::text, 13, '0'), 'Item ' || md5(i::text),
    'It does what it says, and it does it ' || i %% 100 || ' times.', 'Brand ' || i %% 300, 'category ' || i %% 40,
    (ARRAY['red', 'green', 'blue', NULL, 'black'])[1 + i %% 5], (i %% 100000) / 100.0, 19.00, i %% 1000, i / 7.0, i %% 6, i %% 4 > 0,
    date '2000-01-01' + (i %% 9000)::int, timestamptz '2024-01-01 00:00:00Z' + i * interval '0.333 s'
  FROM generate_series(1, {roots}::bigint) i;
""".replace("%%", "%")

# One author and, for every other book, a second one.
JUNCTION = """
CREATE TABLE book_author (book_id int REFERENCES book, author_id int REFERENCES author, PRIMARY KEY (book_id, author_id));
INSERT INTO book_author SELECT id, author_id FROM book;
INSERT INTO book_author SELECT id, 1 + id * 31 % greatest({roots} / 10, 1) FROM book WHERE id % 2 = 0 ON CONFLICT DO NOTHING;
CREATE INDEX ON book_author (author_id);
"""
UNINDEXED = "DROP INDEX review_book_id_idx;"

BOOK_NODES = {"table": "book", "columns": BOOK_COLUMNS, "children": [
    {"table": "author", "label": "authors", "columns": AUTHOR,
     "relationship": {"type": "one_to_many", "variant": "object", "through_tables": ["book_author"]}},
    child("publisher", False, PUBLISHER), child("review", True, REVIEW, label="reviews")]}
BOOK_SQL = f"""SELECT k.id::text, json_build_object({pairs('k', BOOK_COLUMNS)},
  'authors', (SELECT json_agg(json_build_object({pairs('a', AUTHOR)}) ORDER BY a.id) FROM author a JOIN book_author j ON j.author_id = a.id
              WHERE j.book_id = k.id),
  'publisher', (SELECT json_build_object({pairs('p', PUBLISHER)}) FROM publisher p WHERE p.id = k.publisher_id),
  'reviews', (SELECT json_agg(json_build_object({pairs('r', REVIEW)}) ORDER BY r.id) FROM review r WHERE r.book_id = k.id))
FROM book k"""


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    tables: str  # SQL that makes and fills them; {roots}, {reviews}
    nodes: dict
    sql: str  # the same documents, as id and document
    copied: tuple  # the tables whose binary COPY is the floor
    roots: int
    peer_roots: int
    quick_roots: int = 2000

    @property
    def index(self):
        return f"bench_{self.name}"

    def schema(self, database):
        setting = {"number_of_shards": 1, "number_of_replicas": 0}
        return [{"database": database, "index": self.index, "setting": setting, "nodes": self.nodes}]

    def fill(self, bench, database, roots):
        bench.fill(self.tables.format(roots=roots, reviews=5 * roots), database)
        return roots


class Debian:
    """The packages of this machine's own lists: /var/lib/apt/lists, as apt-get update left them."""
    name, title, index = "debian", "a Debian package with all that hangs on it", "packages"
    folder = REPO / "schemas/debian"
    roots, peer_roots, quick_roots = None, 6000, 500  # None: all that there are
    sql = (folder / "expected.sql").read_text()
    copied = ("package", "maintainer", "section", "tag", "package_tag", "pre_depends", "depends", "recommends", "suggests", "enhances",
              "provides", "conflicts", "breaks", "replaces")

    def schema(self, database):
        return [{**document, "database": database} for document in json.loads((self.folder / "schema.json").read_text())]

    def fill(self, bench, database, roots):
        bench.server.create_database(database)
        bench.server.psql(database, "-f", self.folder / "tables.sql")
        env = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(bench.server.port), "PGUSER": ROLE, "PGPASSWORD": CANARY, "PGDATABASE": database}
        run([sys.executable, self.folder / "load", *(["--limit", roots] if roots else [])], env=env, timeout=900)
        bench.settle(database)
        return bench.server.value(database, "SELECT count(*) FROM package")


WORKLOADS = [
    Workload("flat", "16 columns of one table", ITEMS, {"table": "item", "columns": ITEM_COLUMNS},
             f"SELECT i.id::text, json_build_object({pairs('i', ITEM_COLUMNS)}) FROM item i", ("item",), 1_000_000, 50_000),
    Workload("nested", "book, 1.5 authors through a junction, publisher, 5 reviews", BOOKSTORE + JUNCTION, BOOK_NODES, BOOK_SQL,
             ("book", "book_author", "author", "publisher", "review"), 200_000, 20_000),
    Workload("unindexed", "the same without an index on the reviews' link", BOOKSTORE + JUNCTION + UNINDEXED, BOOK_NODES, BOOK_SQL,
             ("book", "book_author", "author", "publisher", "review"), 200_000, 20_000),
    Debian(),
]
