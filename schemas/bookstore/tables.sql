-- A small bookstore: the classic example, with every kind of relationship and a branch four levels deep.
--
--   publisher <- book -> (isbn, one each)
--                 ^--- book_author -> author -> country
--                 ^--- book_genre  -> genre
--                 ^--- review -> reviewer -> country
--                        ^--- reply
--
-- Run in an empty database: psql -d bookstore -v ON_ERROR_STOP=1 -f tables.sql -f data.sql

BEGIN;

CREATE TABLE country (
    code char(2) PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE publisher (
    id      integer PRIMARY KEY,
    name    text NOT NULL,
    founded integer,
    address jsonb                        -- {"city": …, "street": …}
);

CREATE TABLE author (
    id           integer PRIMARY KEY,
    name         text NOT NULL,
    born         date,
    country_code char(2) REFERENCES country
);
CREATE INDEX ON author (country_code);

CREATE TABLE genre (
    id   integer PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE book (
    id           integer PRIMARY KEY,
    title        text NOT NULL,
    subtitle     text,
    price        numeric(8, 2) NOT NULL,
    pages        integer,
    in_print     boolean NOT NULL DEFAULT true,
    published    date,
    keywords     text[],
    publisher_id integer REFERENCES publisher
);
CREATE INDEX ON book (publisher_id);

-- One per book, in a table of its own: the foreign key is on the child's side.
CREATE TABLE isbn (
    id      integer PRIMARY KEY,
    book_id integer NOT NULL UNIQUE REFERENCES book ON DELETE CASCADE,
    value   text NOT NULL
);

CREATE TABLE book_author (
    book_id   integer REFERENCES book ON DELETE CASCADE,
    author_id integer REFERENCES author ON DELETE CASCADE,
    PRIMARY KEY (book_id, author_id)
);
CREATE INDEX ON book_author (author_id);

CREATE TABLE book_genre (
    book_id  integer REFERENCES book ON DELETE CASCADE,
    genre_id integer REFERENCES genre ON DELETE CASCADE,
    PRIMARY KEY (book_id, genre_id)
);
CREATE INDEX ON book_genre (genre_id);

CREATE TABLE reviewer (
    id           uuid PRIMARY KEY,
    nickname     text NOT NULL,
    country_code char(2) REFERENCES country
);
CREATE INDEX ON reviewer (country_code);

CREATE TABLE review (
    id          bigint PRIMARY KEY,
    book_id     integer NOT NULL REFERENCES book ON DELETE CASCADE,
    reviewer_id uuid REFERENCES reviewer ON DELETE SET NULL,
    stars       smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    body        text,
    written_at  timestamptz NOT NULL
);
CREATE INDEX ON review (book_id);
CREATE INDEX ON review (reviewer_id);

CREATE TABLE reply (
    id        bigint PRIMARY KEY,
    review_id bigint NOT NULL REFERENCES review ON DELETE CASCADE,
    body      text NOT NULL
);
CREATE INDEX ON reply (review_id);

COMMIT;
