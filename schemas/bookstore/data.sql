-- Fills the tables of tables.sql: psql -v books=1000 -f data.sql (1,000 when not given). The same size gives the same rows: all
-- choices are taken from hashes of row numbers, none from random(). Some of everything is missing on purpose: books
-- without publisher, reviews without reviewer, authors without country, NULLs in most columns that allow them.
\if :{?books} \else \set books 1000 \endif

BEGIN;

-- pick(n, salt, k): a number from 0 to k - 1, always the same for the same n and salt. Lives as long as the session.
CREATE FUNCTION pg_temp.pick(n bigint, salt text, k integer) RETURNS integer LANGUAGE sql IMMUTABLE
AS $$ SELECT (abs(hashtextextended(salt || n, 0) % k))::integer $$;

INSERT INTO country (code, name) VALUES
    ('AR', 'Argentina'), ('BR', 'Brazil'), ('CI', 'Côte d''Ivoire'), ('DE', 'Germany'), ('EG', 'Egypt'), ('FI', 'Finland'),
    ('IN', 'India'), ('JP', 'Japan'), ('KE', 'Kenya'), ('NZ', 'New Zealand'), ('PT', 'Portugal'), ('VN', 'Vietnam');

INSERT INTO publisher (id, name, founded, address)
SELECT n,
       (ARRAY['Paper Lantern', 'North Quay', 'Copper Mill', 'Second Harvest', 'Blue Door', 'Long Table'])[1 + n % 6]
           || (ARRAY[' Press', ' Books', ' & Daughters', ' Editions'])[1 + pg_temp.pick(n, 'house', 4)] || ' ' || n,
       CASE WHEN n % 7 = 0 THEN NULL ELSE 1880 + pg_temp.pick(n, 'founded', 140) END,
       CASE WHEN n % 5 = 0 THEN NULL
            ELSE jsonb_build_object('city', (ARRAY['Porto', 'Kyoto', 'Tampere', 'Mombasa'])[1 + pg_temp.pick(n, 'city', 4)],
                                    'street', pg_temp.pick(n, 'street', 90) + 1 || ' "Quay" Street') END
FROM generate_series(1, greatest(4, :books / 40)) AS n;

INSERT INTO author (id, name, born, country_code)
SELECT n,
       (ARRAY['Amara', 'Björn', 'Chiyo', 'Dário', 'Elif', 'Farid', 'Gwen', 'Hồng'])[1 + pg_temp.pick(n, 'first', 8)] || ' ' ||
       (ARRAY['Abara', 'Brennan', 'Castelo', 'Düring', 'Eskola', 'Fujita', 'O''Dell', 'Ngô'])[1 + pg_temp.pick(n, 'last', 8)] || ' ' || n,
       CASE WHEN n % 9 = 0 THEN NULL ELSE date '1920-01-01' + pg_temp.pick(n, 'born', 28000) END,
       CASE WHEN n % 8 = 0 THEN NULL
            ELSE (SELECT code FROM country ORDER BY code OFFSET pg_temp.pick(n, 'country', 12) LIMIT 1) END
FROM generate_series(1, greatest(5, :books / 3)) AS n;

INSERT INTO genre (id, name)
SELECT n, name FROM unnest(ARRAY['adventure', 'biography', 'crime', 'essay', 'fantasy', 'gardening', 'history', 'poetry',
                                 'science', 'travel']) WITH ORDINALITY AS g (name, n);

INSERT INTO book (id, title, subtitle, price, pages, in_print, published, keywords, publisher_id)
SELECT n,
       (ARRAY['The Quiet', 'A Borrowed', 'Seven', 'The Last', 'Notes on a', 'Beyond the'])[1 + pg_temp.pick(n, 'title1', 6)] || ' ' ||
       (ARRAY['Harbour', 'Orchard', 'Lighthouse', 'Ledger', 'Winter', 'Cartographer'])[1 + pg_temp.pick(n, 'title2', 6)] || ' ' || n,
       CASE WHEN n % 3 = 0 THEN 'Volume ' || 1 + pg_temp.pick(n, 'volume', 9) || E' of a "long" story\nwith a second line' END,
       (pg_temp.pick(n, 'price', 9000) + 100) / 100.0,
       CASE WHEN n % 11 = 0 THEN NULL ELSE 40 + pg_temp.pick(n, 'pages', 900) END,
       n % 6 <> 0,
       CASE WHEN n % 13 = 0 THEN NULL ELSE date '1960-01-01' + pg_temp.pick(n, 'published', 23000) END,
       CASE pg_temp.pick(n, 'keywords', 4) WHEN 0 THEN NULL WHEN 1 THEN '{}'
            WHEN 2 THEN ARRAY['paperback'] ELSE ARRAY['signed', NULL, 'first "edition"'] END,
       CASE WHEN n % 10 = 0 THEN NULL ELSE 1 + pg_temp.pick(n, 'publisher', greatest(4, :books / 40)) END
FROM generate_series(1, :books) AS n;

INSERT INTO isbn (id, book_id, value)
SELECT 500000 + id, id, '978-' || lpad((1000000000 + id * 7919)::text, 10, '0') FROM book WHERE id % 4 <> 0;

INSERT INTO book_author (book_id, author_id)
SELECT DISTINCT id, 1 + pg_temp.pick(id * 10 + k, 'author', greatest(5, :books / 3))
FROM book, generate_series(1, 3) AS k WHERE k <= pg_temp.pick(id, 'authors', 4);

INSERT INTO book_genre (book_id, genre_id)
SELECT DISTINCT id, 1 + pg_temp.pick(id * 10 + k, 'genre', 10)
FROM book, generate_series(1, 4) AS k WHERE k <= pg_temp.pick(id, 'genres', 5);

INSERT INTO reviewer (id, nickname, country_code)
SELECT md5('reviewer' || n)::uuid,
       (ARRAY['margin', 'dogear', 'nightowl', 'bookworm', 'skimmer'])[1 + pg_temp.pick(n, 'nick', 5)] || n,
       CASE WHEN n % 6 = 0 THEN NULL
            ELSE (SELECT code FROM country ORDER BY code OFFSET pg_temp.pick(n, 'from', 12) LIMIT 1) END
FROM generate_series(1, greatest(6, :books / 5)) AS n;

INSERT INTO review (id, book_id, reviewer_id, stars, body, written_at)
SELECT id * 10::bigint + k, id,
       CASE WHEN (id + k) % 9 = 0 THEN NULL
            ELSE md5('reviewer' || 1 + pg_temp.pick(id * 10 + k, 'by', greatest(6, :books / 5)))::uuid END,
       1 + pg_temp.pick(id * 10 + k, 'stars', 5),
       CASE WHEN (id + k) % 7 = 0 THEN NULL
            ELSE (ARRAY['Read it twice.', 'Could not finish it…', E'Tabs\tand \\backslashes\\.', 'A gift; well received.', ''])
                     [1 + pg_temp.pick(id * 10 + k, 'body', 5)] END,
       timestamptz '2015-01-01 00:00:00+00' + pg_temp.pick(id * 10 + k, 'when', 300000000) * interval '1 second'
           + pg_temp.pick(id * 10 + k, 'µs', 3) * interval '250 milliseconds'
FROM book, generate_series(1, 5) AS k WHERE k <= pg_temp.pick(id, 'reviews', 6);

INSERT INTO reply (id, review_id, body)
SELECT id * 10 + k, id, (ARRAY['Agreed.', 'Not at all.', 'Thank you!'])[k]
FROM review, generate_series(1, 3) AS k WHERE k <= pg_temp.pick(id, 'replies', 4);

COMMIT;
ANALYZE country, publisher, author, genre, book, isbn, book_author, book_genre, reviewer, review, reply;
