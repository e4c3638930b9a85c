"""introspect: schema files made from foreign keys run as they are, and their documents hold what the tables hold."""
import json

import pytest

from harness.sqlite import SqliteTarget

BOOKSTORE = [(["book"], 1), (["book"], 2), (["author", "publisher"], 1), (["review"], 3), (["country", "isbn"], 2)]
DEBIAN = [(["package"], 1), (["package"], 2), (["tag", "section"], 1), (["depends"], 3)]


def introspect(scenario, tables, *args):
    """The file that it writes, as the scenario's schema."""
    r = scenario.bare("introspect", *tables, "--database", scenario.data.database, *args).expect(0)
    scenario.schema = scenario.dir / "introspected.json"
    scenario.schema.write_text(r.stdout)
    return json.loads(r.stdout), r.stderr


def nodes(node):
    yield node
    for child in node.get("children", ()):
        yield from nodes(child)


def depth(node):
    return max((1 + depth(child) for child in node.get("children", ())), default=0)


def children(node):
    """{label: (type, junction or None)}"""
    return {c.get("label", c["table"]): (c["relationship"]["type"], *c["relationship"].get("through_tables", ())) for c in node["children"]}


def run_unchanged(scenario, tables, levels):
    """validate, bootstrap --apply, run --once with the file as it is; then the documents are as many as the rows."""
    documents, notes = introspect(scenario, tables, "--depth", levels)
    assert [d["nodes"]["table"] for d in documents] == tables and not notes
    assert max(depth(d["nodes"]) for d in documents) <= levels
    scenario.target = SqliteTarget(scenario.dir / "documents.db")
    assert "warning" not in scenario.command("validate", "--offline", target=False, queue=False).expect(0).stderr
    scenario.command("validate", target=False, queue=False).expect(0)
    scenario.bootstrap()
    scenario.run_once().expect(0)
    for document in documents:
        table = document["nodes"]["table"]
        assert scenario.target.count(document["index"]) == scenario.sql(f'SELECT count(*) FROM "{table}"')[0][0] > 0
        check_columns(scenario, document)
    return documents


def check_columns(scenario, document):
    """The root's own columns in every document are its row's, by SQL that knows nothing of how the file came about."""
    table = document["nodes"]["table"]
    key = [r[0] for r in scenario.sql("SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) "
                                      "WHERE i.indrelid = %s::regclass AND i.indisprimary", (table,))]
    assert len(key) == 1
    rows = dict(scenario.sql(f'SELECT "{key[0]}"::text, to_json(t) FROM "{table}" AS t'))
    assert document["nodes"]["columns"] == list(next(iter(rows.values())))  # all, in table order
    for id, body in scenario.target.documents(document["index"]).items():
        got = {k: v for k, v in body.items() if k in rows[id]}
        # to_json in this session may show other offsets of one instant; the tables hold whole seconds of UTC.
        assert {k: str(v).replace("+00:00", "") for k, v in got.items()} == {k: str(v).replace("+00:00", "") for k, v in rows[id].items()}, id


@pytest.mark.parametrize("tables, levels", BOOKSTORE, ids=str)
def test_bookstore(scenario, bookstore, tables, levels):
    scenario.use(bookstore)
    run_unchanged(scenario, tables, levels)


@pytest.mark.parametrize("tables, levels", DEBIAN, ids=str)
def test_debian(scenario, small_debian, tables, levels):
    scenario.use(small_debian)
    run_unchanged(scenario, tables, levels)


def test_documents_of_books(scenario, bookstore):
    """Up, down, one each, and through a junction; two levels of it."""
    scenario.use(bookstore)
    (document,) = run_unchanged(scenario, ["book"], 2)
    assert children(document["nodes"]) == {
        "publisher": ("one_to_one",), "isbn": ("one_to_one",), "review": ("one_to_many",),
        "author": ("one_to_many", "book_author"), "genre": ("one_to_many", "book_genre")}
    expected = dict(scenario.sql("""
        SELECT b.id::text, json_build_object(
          'publisher', (SELECT p.name FROM publisher p WHERE p.id = b.publisher_id),
          'isbn', (SELECT i.value FROM isbn i WHERE i.book_id = b.id),
          'authors', (SELECT json_agg(json_build_array(a.name, c.name) ORDER BY a.id) FROM book_author ba JOIN author a ON a.id = ba.author_id
                      LEFT JOIN country c ON c.code = a.country_code WHERE ba.book_id = b.id),
          'genres', (SELECT json_agg(g.name ORDER BY g.id) FROM book_genre bg JOIN genre g ON g.id = bg.genre_id WHERE bg.book_id = b.id),
          'reviews', (SELECT json_agg(json_build_array(r.stars, w.nickname, (SELECT json_agg(y.body ORDER BY y.id) FROM reply y WHERE y.review_id = r.id))
                                      ORDER BY r.id)
                      FROM review r LEFT JOIN reviewer w ON w.id = r.reviewer_id WHERE r.book_id = b.id))
        FROM book b"""))
    seen = 0
    for id, body in scenario.target.documents(document["index"]).items():
        def some(value, make):
            return [make(v) for v in value] if value is not None else None
        got = {
            "publisher": body["publisher"] and body["publisher"]["name"], "isbn": body["isbn"] and body["isbn"]["value"],
            "authors": some(body["author"], lambda a: [a["name"], a["country"] and a["country"]["name"]]),
            "genres": some(body["genre"], lambda g: g["name"]),
            "reviews": some(body["review"], lambda r: [r["stars"], r["reviewer"] and r["reviewer"]["nickname"], some(r["reply"], lambda y: y["body"])]),
        }
        assert got == expected[id], id
        seen += bool(body["review"]) + bool(body["author"])
    assert seen > len(expected), "documents without reviews and authors compare nothing"


def test_several_tables_are_several_documents(scenario, bookstore):
    scenario.use(bookstore)
    documents, _ = introspect(scenario, ["book", "public.author", '"genre"'], "--depth", 0)
    assert [(d["database"], d["index"], d["$schema"]) for d in documents] == [("bookstore", n, "pgsync.schema.json") for n in ("book", "author", "genre")]
    assert not any("children" in d["nodes"] for d in documents)


def test_partitions_views_keyless_and_unreadable_tables(scenario, bookstore):
    scenario.use(bookstore)
    scenario.server.psql("bookstore", "-c", """
        CREATE SCHEMA "Odd.One";
        CREATE TABLE "Odd.One"."Sale $" (id int, day date, book_id int REFERENCES book, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE sale_2024 PARTITION OF "Odd.One"."Sale $" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE note (book_id int REFERENCES book, body text);
        CREATE TABLE hidden (id int PRIMARY KEY, book_id int REFERENCES book);
        REVOKE ALL ON hidden FROM CURRENT_USER;
        CREATE VIEW cheap AS SELECT * FROM book WHERE price < 5;
        INSERT INTO "Odd.One"."Sale $" SELECT 1, '2024-02-03', min(id) FROM book""")
    documents, notes = introspect(scenario, ["book"], "--depth", 1)
    made = {n["table"]: n.get("schema", "public") for n in nodes(documents[0]["nodes"])}
    assert made["Sale $"] == "Odd.One"
    assert "public.note has no primary key: left out" in notes
    assert 'public.hidden may not be read by this role: left out; GRANT SELECT ON "public"."hidden" to it' in notes
    assert not made.keys() & {"sale_2024", "note", "hidden", "cheap"}

    documents, notes = introspect(scenario, ["sale_2024"], "--depth", 1)
    assert documents[0]["nodes"]["table"] == "Sale $" and documents[0]["index"] == "sale__"
    assert "public.sale_2024 is a partition of Odd.One.Sale $" in notes
    scenario.command("validate", target=False, queue=False).expect(0)

    _, notes = introspect(scenario, ["cheap"])
    assert 'add "primary_key"' in notes


def test_mistakes_say_what_to_do(scenario, bookstore):
    scenario.use(bookstore)

    def wrong(*args, **more):
        r = scenario.bare("introspect", *args, **more)
        assert r.status == 2 and not r.stdout, repr(r)
        return r.stderr
    assert 'table "bok" does not exist; did you mean "book"?' in wrong("bok", "--database", "bookstore")
    assert "--database NAME" in wrong("book")
    assert "of which table?" in wrong("--database", "bookstore")
    assert scenario.bare("introspect", "book", env={"PG_DATABASE": "bookstore"}).expect(0).stdout.startswith("[")
    assert scenario.bare("introspect", "book", "--database", "no_such_database").expect(3).stdout == ""
