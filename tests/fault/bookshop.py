"""A small nested database that changes at random, the schema files over it, and what their documents must be, in plain SQL.

One session writes, so the states of the database are a sequence; `Load` keeps all of them. A document that is built from any snapshot
equals its present form in one of these states.
"""
import json

from harness import consumer as program
from harness.processes import wait_for

DATABASE = "faults"
POISON = "poison"

TABLES = """
CREATE TABLE publisher (id int PRIMARY KEY, name text);
CREATE TABLE book (id int PRIMARY KEY, title text, publisher_id int REFERENCES publisher ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE review (id int PRIMARY KEY, body text, book_id int REFERENCES book ON UPDATE CASCADE ON DELETE CASCADE);
CREATE TABLE tag (id int PRIMARY KEY, word text);
CREATE TABLE book_tag (book_id int REFERENCES book ON UPDATE CASCADE ON DELETE CASCADE,
                       tag_id int REFERENCES tag ON UPDATE CASCADE ON DELETE CASCADE, PRIMARY KEY (book_id, tag_id));
CREATE INDEX ON book (publisher_id);
CREATE INDEX ON review (book_id);
CREATE INDEX ON book_tag (tag_id);
CREATE TABLE elsewhere (a int);
"""


def many(table, label, columns, children=(), **more):
    return {"table": table, "label": label, "columns": columns, "relationship": {"type": "one_to_many", "variant": "object", **more},
            **({"children": list(children)} if children else {})}


BOOKS = {"database": DATABASE, "index": "books", "nodes": {"table": "book", "columns": ["id", "title"], "children": [
    {"table": "publisher", "label": "publisher", "columns": ["id", "name"], "relationship": {"type": "one_to_one", "variant": "object"}},
    many("review", "reviews", ["id", "body"]),
    many("tag", "tags", ["id", "word"], through_tables=["book_tag"])]}}
PUBLISHERS = {"database": DATABASE, "index": "publishers", "nodes": {"table": "publisher", "columns": ["id", "name"], "children": [
    many("book", "books", ["id", "title"], [many("review", "reviews", ["id", "body"])])]}}
SCHEMAS = {"books": [BOOKS], "publishers": [PUBLISHERS], "both": [BOOKS, PUBLISHERS]}

QUERIES = {
    "books": """SELECT b.id::text, json_build_object('id', b.id, 'title', b.title,
        'publisher', (SELECT json_build_object('id', p.id, 'name', p.name) FROM publisher p WHERE p.id = b.publisher_id),
        'reviews', (SELECT json_agg(json_build_object('id', r.id, 'body', r.body) ORDER BY r.id) FROM review r WHERE r.book_id = b.id),
        'tags', (SELECT json_agg(json_build_object('id', t.id, 'word', t.word) ORDER BY t.id)
                 FROM book_tag bt JOIN tag t ON t.id = bt.tag_id WHERE bt.book_id = b.id)) FROM book b""",
    "publishers": """SELECT p.id::text, json_build_object('id', p.id, 'name', p.name,
        'books', (SELECT json_agg(json_build_object('id', b.id, 'title', b.title,
                     'reviews', (SELECT json_agg(json_build_object('id', r.id, 'body', r.body) ORDER BY r.id) FROM review r WHERE r.book_id = b.id))
                   ORDER BY b.id) FROM book b WHERE b.publisher_id = p.id)) FROM publisher p""",
}


def make(server):
    """The database, once; replica identities are for `identify`."""
    server.create_database(DATABASE)
    server.psql(DATABASE, "-c", TABLES)


def identify(server, target, directory):
    """What all schema files need of the tables; no slot is left."""
    write_schema("both", directory / "schema.json")
    done = program.run(["bootstrap", "--apply", "schema.json", "--target", target, "--queue", "memory:"], program.environment(server), directory,
                       directory / "bootstrap.log", 60)
    assert done.status == 0, done
    drop_slots(server)


def drop_slots(server):
    def none():
        rows = server.rows("postgres", "SELECT slot_name, active_pid FROM pg_replication_slots")
        for slot, pid in rows:
            if pid:
                server.rows("postgres", "SELECT pg_terminate_backend(%s)", (pid,))
            else:
                server.rows("postgres", "SELECT pg_drop_replication_slot(%s)", (slot,))
        return not rows
    wait_for("the slots to be dropped", none)


def write_schema(name, path):
    path.write_text(json.dumps(SCHEMAS[name], indent=1))
    return [d["index"] for d in SCHEMAS[name]]


# Each leaves the documents as they are, however often and in whatever order it comes.
DDL = [
    ["ALTER TABLE book ALTER id TYPE bigint"],  # written anew, with all that refers to it checked
    ["ALTER TABLE book ALTER id TYPE int"],
    ["ALTER TABLE review ALTER body TYPE varchar(500)"],
    ["ALTER TABLE review ALTER body TYPE text"],
    ["ALTER TABLE review ADD COLUMN IF NOT EXISTS extra float DEFAULT random()"],
    ["ALTER TABLE review DROP COLUMN IF EXISTS extra"],
    ["ALTER TABLE publisher RENAME TO away", "UPDATE away SET name = name", "ALTER TABLE away RENAME TO publisher"],
    ["ALTER TABLE book ADD COLUMN passing int", "UPDATE book SET passing = 1", "ALTER TABLE book DROP COLUMN passing"],
    ["DROP INDEX IF EXISTS review_book_id_idx", "CREATE INDEX review_book_id_idx ON review (book_id)"],
    ["VACUUM FULL book"],
]


class Load:
    """Transactions of one session, drawn from `rng`, each noted with the documents as they are after it."""

    def __init__(self, server, rng, indexes, poison):
        self.server, self.rng, self.indexes, self.poison = server, rng, indexes, poison
        self.states = []     # {(index, id): document} after each commit; appended before the COMMIT is sent
        self.positions = []  # a WAL position at or behind the end of that commit; None while it is not known
        self.number = 0
        self.history = []

    def __enter__(self):
        self._context = self.server.connect(DATABASE, "syncer")
        self.connection = self._context.__enter__()
        self.cursor = self.connection.cursor()
        self.cursor.execute("TRUNCATE publisher, book, review, tag, book_tag, elsewhere")
        return self

    def __exit__(self, *error):
        return self._context.__exit__(*error)

    def reconnect(self):
        self._context.__exit__(None, None, None)
        self._context = self.server.connect(DATABASE, "syncer")
        self.connection = self._context.__enter__()
        self.cursor = self.connection.cursor()

    def noted(self):
        """(a position, the statements) of each transaction; those that were rolled back have none."""
        positions = iter(self.positions)
        return [(next(positions) if sql[-1] == "COMMIT" else "-", sql) for sql in self.history]

    # ---- one transaction ----
    def commit(self, sql, keep=True):
        try:
            self.cursor.execute("BEGIN")
            for statement in sql:
                self.cursor.execute(statement)
            state = {}
            if keep:
                for index in self.indexes:
                    self.cursor.execute(QUERIES[index])
                    state.update({(index, i): d for i, d in self.cursor.fetchall()})
                self.positions.append(None)
                self.states.append(state)
            self.history.append(sql + (["COMMIT"] if keep else ["ROLLBACK"]))
            self.cursor.execute("COMMIT" if keep else "ROLLBACK")
        except Exception as e:
            raise AssertionError(f"{sql}: {e}") from e
        if keep:
            self.cursor.execute("SELECT pg_current_wal_flush_lsn() - '0/0'")
            self.positions[-1] = int(self.cursor.fetchone()[0])

    def ddl(self):
        """A definition changes, maybe in one transaction with changes of rows."""
        sql = self.rng.choice(DDL)
        if sql[0].startswith("VACUUM"):
            self.cursor.execute(sql[0])
            self.history.append([*sql, "ROLLBACK"])
        else:
            self.commit(sql)

    def fill(self):
        n = self.rng.choice([0, 3, 8, 20])
        self.commit([f"INSERT INTO publisher SELECT g, 'p' || g FROM generate_series(1, {1 + n // 4}) g",
                     f"INSERT INTO book SELECT g, 'b' || g, 1 + g % {1 + n // 4} FROM generate_series(1, {n}) g",
                     f"INSERT INTO review SELECT g, 'r' || g, 1 + g % {max(1, n)} FROM generate_series(1, {2 * n}) g",
                     "INSERT INTO tag SELECT g, 't' || g FROM generate_series(1, 5) g",
                     "INSERT INTO book_tag SELECT b.id, t.id FROM book b, tag t WHERE (b.id + t.id) % 3 = 0"])

    def one(self):
        rng = self.rng
        self.commit([self.statement() for _ in range(rng.choice([1, 1, 1, 2, 4]))], keep=rng.random() > 0.06)

    def text(self):
        self.number += 1
        return f"'{self.number}{'x' * self.rng.choice([0, 1, 30])}'"

    def title(self):
        return f"'{POISON}'" if self.poison and self.rng.random() < 0.25 else self.text()

    def any(self, table):
        """SQL of one present key, or NULL."""
        return f"(SELECT id FROM {table} ORDER BY id OFFSET {self.rng.randrange(40)} % greatest((SELECT count(*) FROM {table}), 1) LIMIT 1)"

    def statement(self):
        rng = self.rng
        new, any_ = rng.randrange(1, 60), self.any
        kinds = [
            (14, lambda: f"INSERT INTO book VALUES ({new}, {self.title()}, {any_('publisher')}) ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title"),
            (14, lambda: f"UPDATE book SET title = {self.title()} WHERE id = {any_('book')}"),
            (8, lambda: f"UPDATE book SET publisher_id = {any_('publisher')} WHERE id = {any_('book')}"),
            (6, lambda: f"DELETE FROM book WHERE id = {any_('book')}"),
            (14, lambda: f"INSERT INTO review SELECT {new}, {self.text()}, {any_('book')} ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body"),
            (8, lambda: f"UPDATE review SET book_id = {any_('book')} WHERE id = {any_('review')}"),
            (6, lambda: f"DELETE FROM review WHERE id % 7 = {rng.randrange(7)}"),
            (5, lambda: f"INSERT INTO publisher VALUES ({new % 9}, {self.text()}) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name"),
            (5, lambda: f"UPDATE publisher SET name = {self.text()} WHERE id = {any_('publisher')}"),
            (2, lambda: f"DELETE FROM publisher WHERE id = {any_('publisher')}"),
            (5, lambda: f"UPDATE tag SET word = {self.text()} WHERE id = {any_('tag')}"),
            (8, lambda: f"INSERT INTO book_tag SELECT b, t FROM (SELECT {any_('book')} b, {any_('tag')} t) x "
                        "WHERE b IS NOT NULL AND t IS NOT NULL ON CONFLICT DO NOTHING"),
            (5, lambda: f"DELETE FROM book_tag WHERE (book_id + tag_id) % 5 = {rng.randrange(5)}"),
            (4, lambda: f"UPDATE book SET id = {new} WHERE id = {any_('book')} AND NOT EXISTS (SELECT FROM book WHERE id = {new})"),
            (2, lambda: f"INSERT INTO book SELECT g, 's' || g || {self.text()}, {any_('publisher')} FROM generate_series(100, {rng.choice([110, 200])}) g "
                        "ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title"),
            (2, lambda: "DELETE FROM book WHERE id >= 100"),
            (2, lambda: f"UPDATE review SET body = body || {self.text()}"),
            (1, lambda: "TRUNCATE review"),
            (3, lambda: f"INSERT INTO elsewhere SELECT generate_series(1, {rng.choice([1, 1000])})"),
        ]
        return rng.choices([k for _, k in kinds], [w for w, _ in kinds])[0]()
