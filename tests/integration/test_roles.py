"""Several processes over one queue in Redis: one streams, loads and records, the others build. Whoever is killed, nothing is lost.

PGSYNC_BACKLOG=600   transactions of the backlog whose draining is timed (120)
"""
import json
import os
import pathlib

import pytest

from harness.processes import wait_for

BACKLOG = int(os.environ.get("PGSYNC_BACKLOG", "120"))
BULK_MS = 50  # what a bulk costs: time, and no CPU
LEAST_SPEEDUP = 1.5


@pytest.fixture
def shop(scenario, bookstore, redis):
    scenario.use(bookstore, queue=redis)
    return scenario.bootstrap()


def test_load_and_changes_over_three_processes(shop):
    workers = [shop.start("--role", "worker", "--workers", 1) for _ in range(2)]
    producer = shop.start("--role", "producer", env={"BLOCK_SIZE": "10"})
    shop.wait_synced(producer)
    shop.assert_equal()
    shop.sql("UPDATE book SET title = title || ' again'")
    shop.sql("DELETE FROM book WHERE id % 7 = 0")
    shop.wait_acknowledged(producer)
    shop.assert_equal()
    for daemon in (*workers, producer):
        assert daemon.terminate() == 0


def test_killed_in_the_middle(shop):
    producer = shop.start("--role", "producer", env={"BLOCK_SIZE": "5"})
    first = shop.start("--role", "worker", "--workers", 2)
    shop.wait_count_between(producer, 10, 290)
    first.kill9()
    shop.sql("UPDATE book SET title = title || '!' WHERE id % 2 = 0")
    producer.kill9()
    second = shop.start("--role", "worker", "--workers", 2)
    producer = shop.start("--role", "producer", env={"BLOCK_SIZE": "5"})
    shop.wait_synced(producer)  # what the first held is taken from the dead after half a minute
    shop.assert_equal()
    assert second.terminate() == 0 and producer.terminate() == 0


def test_a_worker_waits_for_its_producer(shop):
    worker = shop.start("--role", "worker")
    wait_for("the worker to wait", lambda: worker.must_run() or "no producer has opened the queue yet" in worker.text(), 20)
    producer = shop.start("--role", "producer")
    shop.wait_synced(producer)
    shop.assert_equal()
    assert worker.terminate() == 0 and producer.terminate() == 0


def test_who_works_alone_takes_no_help(shop):
    alone = shop.start()
    shop.wait_synced(alone)
    worker = shop.start("--role", "worker")
    wait_for("the worker to be refused", lambda: not worker.running(), 20)
    assert "works alone" in worker.text() and "--role producer" in worker.text()
    alone.terminate()


def test_what_one_process_has_to_order_is_refused(scenario, work, redis, bookstore):
    scenario.use(bookstore, queue=redis)
    schema = json.loads(bookstore.schema.read_text())
    schema[0]["version"] = False
    path = pathlib.Path(work) / "schema.json"
    path.write_text(json.dumps(schema))
    scenario.schema = path
    scenario.bootstrap()
    refused = scenario.run_once("--role", "producer")
    assert refused.status == 3 and "leave --role out" in refused.stderr, repr(refused)


def drained(scenario, stub, processes):
    """Seconds from the first to the last bulk of a backlog that waits in the queue when the workers come."""
    scenario.queue_server.flushall()
    producer = scenario.start("--role", "producer", env={"PGSYNC_DEVELOPER": "batch_bytes=1"})
    worker = lambda: scenario.start("--role", "worker", "--workers", 1, env={"PGSYNC_DEVELOPER": "take_bytes=1"})  # noqa: E731
    if processes == 1:  # the load; only once
        first = worker()
        scenario.wait_synced(producer)
        assert first.terminate() == 0
    with scenario.server.connect(scenario.data.database, "syncer") as c, c.cursor() as cursor:
        for i in range(BACKLOG):
            cursor.execute("UPDATE book SET pages = pages + 1 WHERE id = (SELECT id FROM book ORDER BY id OFFSET %s LIMIT 1)", (i % 200,))

    def waiting():
        producer.must_run()
        lanes = [key for key in scenario.queue_server.keys("pgsync:*") if key.endswith(":stream")]
        return lanes and scenario.queue_server.command("XLEN", lanes[0]) >= BACKLOG
    wait_for(f"{BACKLOG} transactions in the queue", waiting, 60)
    before = len(stub.log())
    stub.control(f"delay?ms={BULK_MS}")
    workers = [worker() for _ in range(processes)]
    scenario.wait_acknowledged(producer)
    stub.control("delay?ms=0")
    scenario.assert_equal()
    for daemon in (*workers, producer):
        assert daemon.terminate() == 0
    bulks = [line["t"] for line in stub.log()[before:] if line["path"].endswith("_bulk")]
    assert len(bulks) >= BACKLOG, f"{len(bulks)} bulks for {BACKLOG} transactions"
    return bulks[-1] - bulks[0]


def test_three_processes_are_faster_than_one(scenario, bookstore, redis, stub):
    scenario.use(bookstore, target=stub, queue=redis).bootstrap()
    scenario.queue_server = redis
    one, three = drained(scenario, stub, 1), drained(scenario, stub, 3)
    print(f"{BACKLOG} transactions, {BULK_MS} ms a bulk: one process {one:.1f} s, three {three:.1f} s, {one / three:.2f} times as fast")
    assert one / three >= LEAST_SPEEDUP
