"""Tables are rewritten and retyped while their rows change: no document loses a child, none is deleted for it."""
import threading


def test_rewritten_tables_never_look_empty(scenario, bookstore, queue):
    """ALTER TABLE with a rewrite commits again and again between snapshots and reads; to an older snapshot the rewritten table is empty."""
    scenario.use(bookstore, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    stop = threading.Event()

    def rewrite():
        with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
            c.autocommit = True
            while not stop.is_set():
                for table in ("review", "book_author", "book"):
                    cur.execute(f"ALTER TABLE {table} ADD COLUMN filler double precision DEFAULT random()")
                    cur.execute(f"ALTER TABLE {table} DROP COLUMN filler")

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        for n in range(60):
            scenario.sql(f"UPDATE book SET pages = {100 + n} WHERE id % 10 = {n % 10}")
    finally:
        stop.set()
        thread.join(60)
    scenario.wait_synced(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0


def test_retyped_column_goes_on(scenario, bookstore, queue):
    """integer to bigint: statements that are prepared must not change their result type, so they are prepared anew."""
    scenario.use(bookstore, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    scenario.sql("UPDATE book SET pages = pages + 1 WHERE id % 2 = 0")
    scenario.wait_synced(daemon)
    scenario.sql("ALTER TABLE book ALTER COLUMN pages TYPE bigint; UPDATE book SET pages = pages + 1 WHERE id % 3 = 0")
    scenario.wait_synced(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0
