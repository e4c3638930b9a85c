-- What the documents must be: (id, document) of every book, written by hand and apart from how pgsync builds them.
-- Run with TimeZone=UTC. No semicolon at the end, so it can stand inside another query:
--   SELECT … FROM ( <this file> ) AS expected WHERE id = ANY (…)
SELECT b.id::text AS id,
  json_build_object(
    'id', b.id, 'title', b.title, 'subtitle', b.subtitle, 'price', b.price, 'pages', b.pages, 'available', b.in_print,
    'published', b.published, 'keywords', b.keywords,
    'publisher', (SELECT json_build_object('name', p.name, 'founded', p.founded, 'city', p.address ->> 'city')
                  FROM publisher p WHERE p.id = b.publisher_id),
    'isbn', (SELECT i.value FROM isbn i WHERE i.book_id = b.id),
    'authors', (SELECT json_agg(json_build_object(
                         'id', a.id, 'name', a.name, 'born', a.born,
                         'country', (SELECT c.name FROM country c WHERE c.code = a.country_code)) ORDER BY a.id)
                FROM book_author ba JOIN author a ON a.id = ba.author_id WHERE ba.book_id = b.id),
    'genres', (SELECT json_agg(g.name ORDER BY g.id)
               FROM book_genre bg JOIN genre g ON g.id = bg.genre_id WHERE bg.book_id = b.id),
    'reviews', (SELECT json_agg(json_build_object(
                         'id', r.id, 'stars', r.stars, 'body', r.body, 'written_at', r.written_at,
                         'reviewer', (SELECT json_build_object(
                                               'id', w.id, 'nickname', w.nickname,
                                               'country', (SELECT json_build_object('code', c.code, 'name', c.name)
                                                           FROM country c WHERE c.code = w.country_code))
                                      FROM reviewer w WHERE w.id = r.reviewer_id),
                         'replies', (SELECT json_agg(y.body ORDER BY y.id) FROM reply y WHERE y.review_id = r.id))
                       ORDER BY r.id)
                FROM review r WHERE r.book_id = b.id)
  )::jsonb AS document
FROM book b
