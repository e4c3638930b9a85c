"""Every kind of change at every level of a document tree, through both queues: after each the target equals the tables."""
import pytest

from conftest import directory, world

BOOK = "INSERT INTO book (id, title, price, publisher_id) VALUES "
FULL_BOOK = f"""
    BEGIN;
    {BOOK} (9100, 'All at once', 12.50, 1);
    INSERT INTO isbn VALUES (9100, 9100, '978-9100');
    INSERT INTO author VALUES (9100, 'New Author', '1970-01-01', 'FI');
    INSERT INTO book_author VALUES (9100, 9100), (9100, 1);
    INSERT INTO book_genre VALUES (9100, 2), (9100, 1);
    INSERT INTO reviewer VALUES ('00000000-0000-0000-0000-000000009100', 'fresh', 'JP');
    INSERT INTO review VALUES (91000, 9100, '00000000-0000-0000-0000-000000009100', 4, 'fine', '2024-02-29 12:00+00');
    INSERT INTO reply VALUES (910000, 91000, 'thanks'), (910001, 91000, 'again');
    COMMIT"""

# In order; each finds the database as the ones before left it. Whatever they do, the tables are the truth.
CHANGES = {
    # the root
    "insert_root": BOOK + "(9001, 'Alone', 1.00, NULL)",
    "insert_root_with_everything": FULL_BOOK,
    "insert_many_roots": BOOK + "(9002, 'Two', 2, 1), (9003, 'Three', 3, 2), (9004, 'Four', 4, 3)",
    "update_root": "UPDATE book SET title = 'Renamed', price = price + 0.01 WHERE id = 9100",
    "update_renamed_column": "UPDATE book SET in_print = NOT in_print WHERE id BETWEEN 1 AND 20",
    "update_root_without_change": "UPDATE book SET title = title WHERE id = 9100",
    "update_root_to_nulls": "UPDATE book SET subtitle = NULL, pages = NULL, published = NULL, keywords = NULL WHERE id = 3",
    "update_root_odd_text": "UPDATE book SET title = E'\"q\" \\\\ \\t\\n \\x7f é 本 😀', keywords = ARRAY['', NULL, 'a,b'] WHERE id = 4",
    "update_root_large_value": "UPDATE book SET subtitle = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 5000) n) WHERE id = 5",
    "update_beside_large_value": "UPDATE book SET price = price + 1 WHERE id = 5",
    "root_key_changes": "UPDATE book SET id = 9009 WHERE id = 9001",
    "root_keys_swap": """UPDATE book SET id = 9990 WHERE id = 9002; UPDATE book SET id = 9002 WHERE id = 9003;
                         UPDATE book SET id = 9003 WHERE id = 9990""",
    "root_key_moves_with_children": """
        BEGIN;
        INSERT INTO book SELECT 9101, title, subtitle, price, pages, in_print, published, keywords, publisher_id FROM book WHERE id = 9100;
        UPDATE review SET book_id = 9101 WHERE book_id = 9100;
        UPDATE isbn SET book_id = 9101 WHERE book_id = 9100;
        UPDATE book_author SET book_id = 9101 WHERE book_id = 9100;
        UPDATE book_genre SET book_id = 9101 WHERE book_id = 9100;
        DELETE FROM book WHERE id = 9100;
        COMMIT""",
    "delete_root_cascades": "DELETE FROM book WHERE id = 10",
    "delete_many_roots": "DELETE FROM book WHERE id BETWEEN 30 AND 60",
    # one_to_one, foreign key on the parent
    "parent_side_update_fans_out": "UPDATE publisher SET name = 'Renamed House' WHERE id = 1",
    "parent_side_json_path": "UPDATE publisher SET address = '{\"city\": \"Turku\", \"street\": \"x\"}' WHERE id = 2",
    "parent_side_moves": "UPDATE book SET publisher_id = 3 WHERE publisher_id = 2 AND id % 2 = 0",
    "parent_side_to_null": "UPDATE book SET publisher_id = NULL WHERE publisher_id = 4",
    "parent_side_deleted": "DELETE FROM publisher WHERE id = 4",
    "parent_side_key_changes": """BEGIN; INSERT INTO publisher SELECT 9900, name, founded, address FROM publisher WHERE id = 1;
                                  UPDATE book SET publisher_id = 9900 WHERE publisher_id = 1; DELETE FROM publisher WHERE id = 1; COMMIT""",
    # one_to_one, foreign key on the child
    "child_side_insert": "INSERT INTO isbn VALUES (9400, 4, '978-new')",
    "child_side_update": "UPDATE isbn SET value = '978-changed' WHERE book_id IN (1, 2, 3)",
    "child_side_moves": "UPDATE isbn SET book_id = 8 WHERE id = 9400",
    "child_side_delete": "DELETE FROM isbn WHERE book_id IN (1, 8)",
    # through a junction
    "far_side_update": "UPDATE author SET name = 'Pen Name', born = NULL WHERE id IN (1, 2, 3)",
    "junction_insert": "INSERT INTO book_author SELECT b, 9100 FROM generate_series(11, 15) b",
    "junction_parent_side_moves": "UPDATE book_author SET book_id = 16 WHERE book_id = 15 AND author_id = 9100",
    "junction_far_side_moves": "UPDATE book_author SET author_id = 5 WHERE book_id = 16 AND author_id = 9100",
    "junction_delete": "DELETE FROM book_author WHERE book_id = 11",
    "far_side_deleted": "DELETE FROM author WHERE id = 7",
    "far_side_scalar_update": "UPDATE genre SET name = 'true crime' WHERE name = 'crime'",
    "far_side_scalar_deleted": "DELETE FROM genre WHERE id = 6",
    "far_side_inserted_and_linked": "BEGIN; INSERT INTO genre VALUES (99, 'new'); INSERT INTO book_genre VALUES (17, 99); COMMIT",
    # one_to_many and below it
    "child_insert": "INSERT INTO review VALUES (99001, 18, NULL, 1, NULL, '1999-12-31 23:59:59.999999+00')",
    "child_update": "UPDATE review SET stars = 6 - stars WHERE book_id BETWEEN 1 AND 9",
    "child_moves": "UPDATE review SET book_id = 19 WHERE id = 99001",
    "child_moves_and_changes": "UPDATE review SET book_id = 20, body = 'moved' WHERE id = 99001",
    "child_key_changes": "UPDATE review SET id = 99002 WHERE id = 99001",
    "child_delete": "DELETE FROM review WHERE id = 99002",
    "grandchild_of_parent_side_update": "UPDATE reviewer SET nickname = nickname || '!' WHERE country_code = 'JP'",
    "grandchild_deleted_sets_null": "DELETE FROM reviewer WHERE nickname LIKE '%1%'",
    "grandchild_moves": "UPDATE review SET reviewer_id = (SELECT min(id::text)::uuid FROM reviewer) WHERE id % 7 = 0",
    "fourth_level_update_reaches_two_branches": "UPDATE country SET name = 'Nippon' WHERE code = 'JP'",
    "fourth_level_moves": "UPDATE reviewer SET country_code = 'NZ' WHERE country_code = 'KE'",
    "fourth_level_key_changes": """BEGIN; INSERT INTO country VALUES ('XX', 'Elsewhere'); UPDATE author SET country_code = 'XX' WHERE
        country_code = 'BR'; UPDATE reviewer SET country_code = 'XX' WHERE country_code = 'BR'; DELETE FROM country WHERE code = 'BR'; COMMIT""",
    "leaf_insert": "INSERT INTO reply SELECT 990000 + id, id, 'leaf' FROM review WHERE id % 5 = 0",
    "leaf_update": "UPDATE reply SET body = upper(body) WHERE id % 3 = 0",
    "leaf_moves": "UPDATE reply SET review_id = (SELECT max(id) FROM review) WHERE id % 11 = 0",
    "leaf_delete": "DELETE FROM reply WHERE id % 2 = 0",
    # transactions
    "rolled_back": "BEGIN; UPDATE book SET title = 'ghost'; ROLLBACK",
    "savepoint_rolled_back": "BEGIN; UPDATE book SET title = 'kept' WHERE id = 21; SAVEPOINT s; UPDATE book SET title = 'ghost'; "
                             "DELETE FROM review; ROLLBACK TO s; COMMIT",
    "changed_three_times": "BEGIN; UPDATE book SET price = 1 WHERE id = 22; UPDATE book SET price = 2 WHERE id = 22; "
                           "UPDATE book SET price = 3 WHERE id = 22; COMMIT",
    "inserted_and_deleted": "BEGIN; " + BOOK + "(9500, 'Brief', 1, NULL); DELETE FROM book WHERE id = 9500; COMMIT",
    "deleted_and_inserted": "BEGIN; DELETE FROM book WHERE id = 23; " + BOOK + "(23, 'Again', 1, NULL); COMMIT",
    "upsert": BOOK + "(24, 'Upsert', 9, NULL) ON CONFLICT (id) DO UPDATE SET title = excluded.title",
    "upsert_nothing": BOOK + "(24, 'Nothing', 9, NULL) ON CONFLICT DO NOTHING",
    "update_all_roots": "UPDATE book SET price = price + 1",
    "update_all_children": "UPDATE review SET body = 'all ' || id",
    "unmapped_table": "CREATE TABLE elsewhere (a int); INSERT INTO elsewhere SELECT generate_series(1, 20000)",
    # truncate
    "truncate_leaf": "TRUNCATE reply",
    "truncate_junction": "TRUNCATE book_genre",
    "truncate_child_cascade": "TRUNCATE review CASCADE",
    "truncate_and_fill_again": "BEGIN; TRUNCATE isbn; INSERT INTO isbn SELECT 700000 + id, id, 'refilled' FROM book WHERE id < 100; COMMIT",
    "truncate_root_cascade": "TRUNCATE book CASCADE",
    "insert_after_truncate": BOOK + "(1, 'First again', 1, NULL), (2, 'Second again', 2, 3)",
}


@pytest.fixture(scope="module", params=["memory", "redis"])
def living(request, root, postgres, bookstore):
    """A daemon that runs on while the changes happen, one after the other."""
    with directory(request, root, f"test_nested.{request.param}") as path, world(postgres, path) as s:
        s.use(bookstore, queue="memory:" if request.param == "memory" else request.getfixturevalue("redis"))
        s.bootstrap()
        s.daemon = s.start()
        s.wait_loaded(s.daemon)
        yield s
        assert s.daemon.terminate() == 0


@pytest.mark.parametrize("change", CHANGES)
def test_change(living, change):
    if not living.daemon.running():
        living.daemon = living.start()  # one change that ends the daemon must not fail all that follow
    for statement in [CHANGES[change]]:
        living.server.psql(living.data.database, "-c", statement)
    living.wait_acknowledged(living.daemon, timeout=30)
    living.assert_equal()
