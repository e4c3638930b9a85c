"""The documents that are built: their tables, the schema file, and the same documents as a person would write them in SQL.

`roots` is the number of documents; PGSync, being slow, gets `peer_roots` of them in a database of its own, and its rate is compared.
"""
import dataclasses

BOOKSTORE = """
CREATE TABLE publisher (id int PRIMARY KEY, name text NOT NULL, city text, founded int);
CREATE TABLE author (id int PRIMARY KEY, name text NOT NULL, born date, bio text);
CREATE TABLE book (
  id int PRIMARY KEY, isbn text NOT NULL, title text NOT NULL, description text, pages int, price numeric(8,2), published date,
  updated_at timestamptz NOT NULL, in_print boolean NOT NULL,
  author_id int REFERENCES author, publisher_id int REFERENCES publisher);
CREATE TABLE review (
  id bigint PRIMARY KEY, book_id int NOT NULL REFERENCES book, reviewer text NOT NULL, stars smallint, body text,
  written_at timestamptz NOT NULL);

INSERT INTO publisher SELECT i, 'Publisher ' || md5(i::text), 'City ' || i % 90, 1800 + i % 200 FROM generate_series(1, 500) i;
INSERT INTO author SELECT i, 'Author ' || md5(i::text), date '1900-01-01' + i % 36500, repeat('Born, wrote and lived. ', 3)
  FROM generate_series(1, greatest({roots} / 10, 1)) i;
INSERT INTO book SELECT i, '978-' || lpad(i::text, 10, '0'), 'The book of "' || md5(i::text) || '"',
    repeat('Chapter after chapter it goes on. ', 4) || i, 50 + i % 900, (i % 10000) / 100.0, date '1950-01-01' + i % 25000,
    timestamptz '2020-01-01 00:00:00Z' + i * interval '1.000001 s', i % 3 > 0, 1 + i * 7 % greatest({roots} / 10, 1), 1 + i % 500
  FROM generate_series(1, {roots}) i;
-- As reviews come: one after the other for books of any age.
INSERT INTO review SELECT row_number() OVER (), 1 + (i * 7919 + i / {roots} * 13) % {roots}, 'reader' || i % 5000, 1 + i % 5,
    'I have read it ' || i % 10 || ' times, and then once more.', timestamptz '2021-01-01 00:00:00Z' + i * interval '7.5 s'
  FROM generate_series(0, {roots}::bigint * 5 - 1) i;
CREATE INDEX ON review (book_id);
CREATE INDEX ON book (author_id);
CREATE INDEX ON book (publisher_id);
"""

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


def child(table, many, columns, *children, **more):
    shape = {"type": "one_to_many" if many else "one_to_one", "variant": "object"}
    return {"table": table, "columns": columns, "relationship": shape, "children": list(children), **more}


BOOK_COLUMNS = ["id", "isbn", "title", "description", "pages", "price", "published", "updated_at", "in_print"]


def pairs(alias, columns):
    return ", ".join(f"'{c}', {alias}.{c}" for c in columns)


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


AUTHOR, PUBLISHER = ["id", "name", "born", "bio"], ["id", "name", "city", "founded"]
REVIEW = ["id", "reviewer", "stars", "body", "written_at"]

WORKLOADS = [
    Workload(
        "flat", "9 columns of one table", BOOKSTORE, {"table": "book", "columns": BOOK_COLUMNS},
        f"SELECT json_build_object({pairs('k', BOOK_COLUMNS)}) FROM book k", ("book",), 300_000, 30_000),
    Workload(
        "nested", "book with its author, publisher and 5 reviews", BOOKSTORE,
        {"table": "book", "columns": BOOK_COLUMNS, "children": [
            child("author", False, AUTHOR), child("publisher", False, PUBLISHER), child("review", True, REVIEW, label="reviews")]},
        f"""SELECT json_build_object({pairs('k', BOOK_COLUMNS)},
          'author', (SELECT json_build_object({pairs('a', AUTHOR)}) FROM author a WHERE a.id = k.author_id),
          'publisher', (SELECT json_build_object({pairs('p', PUBLISHER)}) FROM publisher p WHERE p.id = k.publisher_id),
          'reviews', (SELECT json_agg(json_build_object({pairs('r', REVIEW)}) ORDER BY r.id) FROM review r WHERE r.book_id = k.id))
        FROM book k""",
        ("book", "author", "publisher", "review"), 200_000, 20_000),
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
