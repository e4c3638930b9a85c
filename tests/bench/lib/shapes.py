"""The bookstore of the benchmarks: its tables, and a book as a document, with and without what hangs on it, as schema nodes and as a person
would write it in SQL. `roots` books with `reviews` reviews."""

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
  FROM generate_series(0, {reviews}::bigint - 1) i;
CREATE INDEX ON review (book_id);
CREATE INDEX ON book (author_id);
CREATE INDEX ON book (publisher_id);
"""


def child(table, many, columns, *children, **more):
    shape = {"type": "one_to_many" if many else "one_to_one", "variant": "object"}
    return {"table": table, "columns": columns, "relationship": shape, "children": list(children), **more}


BOOK_COLUMNS = ["id", "isbn", "title", "description", "pages", "price", "published", "updated_at", "in_print"]


def pairs(alias, columns):
    return ", ".join(f"'{c}', {alias}.{c}" for c in columns)


AUTHOR, PUBLISHER = ["id", "name", "born", "bio"], ["id", "name", "city", "founded"]
REVIEW = ["id", "reviewer", "stars", "body", "written_at"]

# As (nodes, SQL of one row per document).
FLAT = (
    {"table": "book", "columns": BOOK_COLUMNS},
    f"SELECT json_build_object({pairs('k', BOOK_COLUMNS)}) FROM book k")
NESTED = (
    {"table": "book", "columns": BOOK_COLUMNS, "children": [
        child("author", False, AUTHOR), child("publisher", False, PUBLISHER), child("review", True, REVIEW, label="reviews")]},
    f"""SELECT json_build_object({pairs('k', BOOK_COLUMNS)},
      'author', (SELECT json_build_object({pairs('a', AUTHOR)}) FROM author a WHERE a.id = k.author_id),
      'publisher', (SELECT json_build_object({pairs('p', PUBLISHER)}) FROM publisher p WHERE p.id = k.publisher_id),
      'reviews', (SELECT json_agg(json_build_object({pairs('r', REVIEW)}) ORDER BY r.id) FROM review r WHERE r.book_id = k.id))
    FROM book k""")
