"""Several processes over one queue in Redis: one streams, loads and records, the others build. Whoever is killed, nothing is lost."""
import json
import pathlib

import pytest

from harness.processes import wait_for


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
