""""lookup": "index": children that left a document are found by what the document holds, so that their tables keep the identity they have.

The tables belong to somebody else: the daemon's role may only read them."""
import json
import pathlib

import pytest

from harness.http import request

DATABASE = "lookups"
TABLES = """
CREATE TABLE book (id integer PRIMARY KEY, title text NOT NULL);
CREATE TABLE review (shop text, nr integer, book_id integer REFERENCES book ON DELETE CASCADE, stars integer, PRIMARY KEY (shop, nr));
CREATE TABLE answer (id integer PRIMARY KEY, shop text, nr integer, what text, FOREIGN KEY (shop, nr) REFERENCES review ON DELETE CASCADE);
CREATE TABLE tag (id integer PRIMARY KEY, name text);
CREATE TABLE book_tag (id integer PRIMARY KEY, book_id integer REFERENCES book ON DELETE CASCADE, tag_id integer REFERENCES tag);
CREATE INDEX ON review (book_id); CREATE INDEX ON answer (shop, nr); CREATE INDEX ON book_tag (book_id); CREATE INDEX ON book_tag (tag_id);
INSERT INTO book SELECT n, 'book ' || n FROM generate_series(1, 200) n;
INSERT INTO review SELECT 'a|' || n % 3, n, 1 + n % 200, n % 5 FROM generate_series(1, 600) n;
INSERT INTO answer SELECT n, 'a|' || n % 3, n, 'answer ' || n FROM generate_series(1, 600) n;
INSERT INTO tag SELECT n, 'tag ' || n FROM generate_series(1, 10) n;
INSERT INTO book_tag SELECT n, 1 + n % 200, 1 + n % 10 FROM generate_series(1, 400) n;
"""
OBJECTS = {"type": "one_to_many", "variant": "object"}
SCHEMA = [{"database": DATABASE, "index": "book", "nodes": {"table": "book", "columns": ["id", "title"], "children": [
    {"table": "review", "label": "reviews", "columns": ["shop", "nr", "stars"], "relationship": OBJECTS, "lookup": "index", "children": [
        {"table": "answer", "label": "answers", "columns": ["id", "what"], "relationship": OBJECTS, "lookup": "index"}]},
    {"table": "tag", "label": "tags", "columns": ["name"], "lookup": "index", "relationship": {
        **OBJECTS, "variant": "scalar", "through_tables": ["book_tag"]}}]}}]
QUERY = """
SELECT b.id::text, json_build_object('id', b.id, 'title', b.title,
  'reviews', (SELECT json_agg(json_build_object('shop', r.shop, 'nr', r.nr, 'stars', r.stars,
      'answers', (SELECT json_agg(json_build_object('id', a.id, 'what', a.what) ORDER BY a.id) FROM answer a WHERE (a.shop, a.nr) = (r.shop, r.nr)))
      ORDER BY r.shop, r.nr) FROM review r WHERE r.book_id = b.id),
  'tags', (SELECT json_agg(t.name ORDER BY t.id) FROM book_tag bt JOIN tag t ON t.id = bt.tag_id WHERE bt.book_id = b.id)) FROM book b"""
CHANGES = [
    "UPDATE review SET book_id = 7 WHERE nr = 100",
    "DELETE FROM review WHERE nr = 101",
    "UPDATE review SET book_id = NULL WHERE nr BETWEEN 200 AND 240",
    "UPDATE review SET book_id = 1 + (book_id + 50) % 200 WHERE nr BETWEEN 300 AND 400",
    "UPDATE answer SET shop = 'a|1', nr = 1 WHERE id BETWEEN 10 AND 30",
    "DELETE FROM answer WHERE id BETWEEN 40 AND 60",
    "UPDATE book_tag SET book_id = 9 WHERE id BETWEEN 1 AND 20",
    "UPDATE book_tag SET tag_id = 3 WHERE id BETWEEN 30 AND 40",
    "DELETE FROM book_tag WHERE id BETWEEN 50 AND 70",
    # Of one row, one after the other, faster than documents are built; key and link at once; in and out again.
    "UPDATE review SET book_id = 1 WHERE nr = 500; UPDATE review SET book_id = 2 WHERE nr = 500; UPDATE review SET book_id = 3 WHERE nr = 500",
    "ALTER TABLE answer DROP CONSTRAINT answer_shop_nr_fkey; UPDATE review SET shop = 'b', nr = 10000 + nr, book_id = 11 WHERE nr BETWEEN 501 AND 510",
    "INSERT INTO review VALUES ('new', 1, 20, 5); UPDATE review SET book_id = 21 WHERE shop = 'new'; DELETE FROM review WHERE shop = 'new'",
    "DELETE FROM book WHERE id BETWEEN 100 AND 110",
    "TRUNCATE book_tag",
]


class Data:
    database, index, slot, template, query = DATABASE, "book", "lookups_book", "template0", QUERY

    def __init__(self, schema):
        self.schema = schema


@pytest.fixture
def books(scenario, work, request):
    schema = pathlib.Path(work) / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    scenario.use(Data(schema), request.getfixturevalue("engine") if request.param == "engine" else None)
    scenario.server.psql(DATABASE, "-c", TABLES)
    return scenario


def documents(scenario):
    found = scenario.target.documents("book")
    return {id: {k: v for k, v in document.items() if k != "_pgsync"} for id, document in found.items()}


def assert_equal(scenario):
    if hasattr(scenario.target, "refresh"):
        scenario.target.refresh("book")
    wanted = dict(scenario.sql(QUERY))
    found = documents(scenario)
    assert found.keys() == wanted.keys()
    different = [id for id in wanted if wanted[id] != found[id]]
    assert not different, f"{different[0]}: wanted {wanted[different[0]]}, found {found[different[0]]}"


BOTH = pytest.mark.parametrize("books", ["sqlite", "engine"], indirect=True)


@BOTH
def test_old_parents_are_found_in_the_index(books):
    books.bootstrap()
    identities = "SELECT string_agg(DISTINCT relreplident::text, '') FROM pg_class WHERE relname IN ('book', 'review', 'answer', 'tag', 'book_tag')"
    assert books.sql(identities) == [("d",)]
    daemon = books.start("--workers", 3)
    books.wait_synced(daemon)
    assert_equal(books)
    for change in CHANGES:
        books.server.psql(DATABASE, "-c", change)
        books.wait_acknowledged(daemon)
        assert_equal(books)
    daemon.terminate()


@BOTH
def test_a_replayed_change_does_no_harm(books):
    """Everything again from the slot's first position, after a kill: what was moved twice is where it is."""
    books.bootstrap()
    daemon = books.start("--workers", 2)
    books.wait_synced(daemon)
    for change in CHANGES[:10]:
        books.server.psql(DATABASE, "-c", change)
    daemon.kill9()
    daemon = books.start("--workers", 2)
    books.wait_acknowledged(daemon)
    assert_equal(books)
    daemon.terminate()


@pytest.mark.parametrize("books", ["engine"], indirect=True)
def test_rows_are_found_but_do_not_show_up_in_searches(books):
    books.bootstrap().run_once().expect(0)
    mapping = request("GET", f"{books.target.url}/book/_mapping")
    fields = next(iter(mapping.values()))["mappings"]["properties"]["_pgsync"]["properties"]
    assert fields == {"lookup": {"type": "keyword", "doc_values": False}, "root": {"type": "object", "enabled": False}}


def test_a_target_that_cannot_be_searched_is_refused(scenario, work):
    schema = pathlib.Path(work) / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    scenario.use(Data(schema))
    scenario.server.psql(DATABASE, "-c", TABLES)
    scenario.bootstrap()
    scenario.target.url = "null:"
    refused = scenario.run_once()
    assert refused.status == 3 and "cannot be searched" in refused.output, refused.output
