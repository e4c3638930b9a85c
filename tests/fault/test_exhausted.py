"""Memory and disks run out (fault matrix 2, 43): whoever ends or refuses because of it, all is made up for once there is room again. As root."""
import signal

import pytest

from harness import datasets
from harness.memory_limit import memory_group
from harness.postgres import PostgresServer
from harness.processes import wait_for
from harness.redis import RedisServer
from harness.scenario import Scenario
from harness.small_disk import small_disk

MEGABYTE = 1 << 20


def test_the_kernel_ends_a_daemon_that_needs_more_memory_than_it_may_have(scenario, bookstore, stub, queue):
    scenario.use(bookstore, target=stub, queue=queue).bootstrap()
    with memory_group() as group:
        daemon = scenario.start(prefix=group.prefix)
        scenario.wait_synced(daemon)
        stub.control("hold")  # what is to be written stays in memory
        group.limit(group.usage() + MEGABYTE)

        def grown():
            scenario.sql("UPDATE book SET title = left(title, 10) || repeat('x', 20000), pages = pages + 1")
            return not daemon.running()
        wait_for("the kernel to end the daemon", grown, 120, 0.01)
        assert daemon.wait(10) == -signal.SIGKILL, daemon.text()[-2000:]
    stub.control("release")
    daemon = scenario.start()
    scenario.wait_acknowledged(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0


def test_the_disk_of_postgres_is_full(work, stub):
    """Its WAL has no room: the server goes down in the middle of a transaction, and comes back when there is room."""
    with small_disk(work / "disk", 400) as disk:
        server = PostgresServer(disk.path / "pg", settings={"max_wal_size": "'64MB'", "min_wal_size": "'32MB'", "shared_buffers": "'16MB'"}).start()
        scenario = Scenario(server, work).use(datasets.bookstore(server), target=stub).bootstrap()
        try:
            daemon = scenario.start()
            scenario.wait_synced(daemon)
            disk.fill()
            failed = []

            def full():
                try:
                    scenario.sql("UPDATE book SET title = left(title, 10) || repeat(md5(random()::text), 500), pages = pages + 1")
                except Exception as e:  # noqa: BLE001  what it says depends on who met the full disk first
                    failed.append(str(e))
                return failed
            wait_for("the disk to be full", full, 120, 0.01)
            disk.release()
            if server.is_running():
                server.stop("immediate")
            server.start()
            assert "No space left on device" in server.log.read_text(errors="replace"), failed
            scenario.sql("UPDATE book SET pages = 31 WHERE id % 2 = 0")
            if not daemon.running():  # started while the server was away, it gives up; what runs daemons starts it again
                daemon = scenario.start()
            scenario.wait_acknowledged(daemon)
            scenario.assert_equal()
            assert daemon.terminate() == 0
        finally:
            scenario.end()
            if server.is_running():
                server.stop("immediate")


def test_the_disk_of_redis_is_full(scenario, bookstore, stub, work):
    """It refuses to write (MISCONF), and takes what waited when there is room."""
    with small_disk(work / "disk", 24) as disk:
        settings = "appendonly yes\nappendfsync everysec\nauto-aof-rewrite-percentage 0\n"
        redis = RedisServer(disk.path / "redis", settings=settings).start()
        try:
            scenario.use(bookstore, target=stub, queue=redis).bootstrap()
            daemon = scenario.start()
            scenario.wait_synced(daemon)
            disk.fill()

            def refused():
                scenario.sql("UPDATE book SET pages = pages + 1")
                daemon.must_run()
                return "aof_last_write_status:err" in redis.command("INFO", "persistence")
            wait_for("Redis to have no room", refused, 60, 0.05)
            scenario.sql("UPDATE book SET pages = 32 WHERE id % 2 = 0")
            with pytest.raises(RuntimeError, match="MISCONF"):
                redis.command("SET", "a", "b")
            disk.release()
            scenario.wait_acknowledged(daemon)
            scenario.assert_equal()
            assert daemon.terminate() == 0
        finally:
            redis.stop()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_redis_evicts_keys(scenario, bookstore, stub, work, policy):
    """Matrix 8: a Redis that is also somebody's cache throws away what it likes."""
    redis = RedisServer(work / "redis", settings=f"maxmemory 3mb\nmaxmemory-policy {policy}\n").start()
    try:
        scenario.use(bookstore, target=stub, queue=redis).bootstrap()
        daemon = scenario.start(env={"PGSYNC_DEVELOPER": "batch_bytes=1"})
        scenario.wait_synced(daemon)
        stub.control("delay?ms=5")
        for i in range(40):
            scenario.sql("UPDATE book SET pages = pages + 1 WHERE id %% 40 = %s", (i,))
            for j in range(20):
                try:
                    redis.command("SET", f"cache:{i}:{j}", "x" * 20000, *(["EX", "1000"] if policy == "volatile-ttl" else []))
                except RuntimeError as e:
                    assert "OOM" in str(e), e
        evicted = int(redis.command("INFO", "stats").split("evicted_keys:")[1].split()[0])
        assert evicted > 0, "nothing was evicted"
        stub.control("delay?ms=0")
        scenario.wait_acknowledged(daemon)
        scenario.assert_equal()
        assert daemon.terminate() == 0
    finally:
        redis.stop()
