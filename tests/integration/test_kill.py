"""kill -9 of the daemon in the middle of the load and in the middle of a 100,000-row update; nothing is missing after a restart,
also when Redis lost everything meanwhile, and when the engine died too."""
import pytest

from harness.processes import wait_for

UPDATE = "UPDATE depends SET version = coalesce(version, '') || '+' WHERE id <= 100000"


def nothing(scenario, engine, redis):
    pass


def flush_redis(scenario, engine, redis):
    redis.flushall()


def kill_engine(scenario, engine, redis):
    engine.engine.kill9()
    engine.engine.start()


def wait_writes(scenario, engine, daemon, low, high, before):
    """Until the engine has written `low` more documents than before; fails if `high` was passed already."""
    def enough():
        daemon.must_run()
        done = engine.writes(scenario.data.index) - before
        return done if done >= low else None
    done = wait_for(f"{low} documents to be written again", enough, 120, 0.005)
    assert done <= high, f"the middle was missed: {done} of {high}"


@pytest.mark.parametrize("meanwhile,data", [(nothing, "debian"), (flush_redis, "part_of_debian"), (kill_engine, "part_of_debian")])
def test_kill_9_in_load_and_in_large_update(scenario, request, engine, redis, meanwhile, data):
    scenario.use(request.getfixturevalue(data), target=engine, queue=redis).bootstrap()
    packages = scenario.sql("SELECT count(*) FROM package")[0][0]

    daemon = scenario.start()
    scenario.wait_count_between(daemon, packages // 10, packages * 9 // 10)
    daemon.kill9()
    assert packages // 10 <= engine.count(scenario.data.index) < packages, "the load was over before the kill"
    meanwhile(scenario, engine, redis)
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    assert scenario.assert_equal() == packages

    before = engine.writes(scenario.data.index)
    assert scenario.sql("SELECT count(*) FROM depends WHERE id <= 100000")[0][0] == 100000
    scenario.sql(UPDATE)
    touched = scenario.sql("SELECT count(DISTINCT package_id) FROM depends WHERE id <= 100000")[0][0]
    position = scenario.server.wal_position()
    wait_writes(scenario, engine, daemon, touched // 10, touched * 9 // 10, before)
    daemon.kill9()
    assert scenario.confirmed() < position, "the update was acknowledged before the kill"
    meanwhile(scenario, engine, redis)
    daemon = scenario.start()
    scenario.wait_acknowledged(daemon, position)
    assert scenario.assert_equal() == packages
    assert daemon.terminate() == 0


def test_engine_dies_and_returns_while_the_daemon_runs(scenario, small_debian, engine, redis):
    scenario.use(small_debian, target=engine, queue=redis).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    engine.engine.kill9()
    position = scenario.confirmed()
    scenario.sql("UPDATE package SET version = version || '+engine'")
    committed = scenario.server.wal_position()
    assert position < committed and scenario.confirmed() < committed
    engine.engine.start()
    scenario.wait_acknowledged(daemon, committed)
    scenario.assert_equal()


@pytest.mark.parametrize("how", ["kill9", "immediate"])
def test_postgres_dies_and_returns_while_the_daemon_runs(private_postgres, work, how, redis):
    """The daemon reconnects and goes on from the slot."""
    from harness import datasets
    from harness.scenario import Scenario
    server = private_postgres()
    data = datasets.bookstore(server)
    scenario = Scenario(server, work).use(data, queue=redis).bootstrap()
    try:
        daemon = scenario.start()
        scenario.wait_synced(daemon)
        scenario.sql("UPDATE book SET title = 'before ' || id")
        server.kill9() if how == "kill9" else server.stop("immediate")
        server.start()
        scenario.sql("UPDATE book SET price = price + 1")
        scenario.wait_acknowledged(daemon)
        scenario.assert_equal()
    finally:
        scenario.end()


def test_redis_dies_and_returns_while_the_daemon_runs(scenario, bookstore, work):
    """What Redis held is read again from the slot."""
    from harness.redis import RedisServer
    server = RedisServer(work / "redis").start()
    try:
        scenario.use(bookstore, queue=server).bootstrap()
        daemon = scenario.start()
        scenario.wait_synced(daemon)
        server.kill9()
        scenario.sql("UPDATE book SET title = 'while Redis was away ' || id")
        server.start()
        scenario.wait_acknowledged(daemon)
        scenario.assert_equal()
        server.flushall()
        scenario.sql("UPDATE review SET body = 'after FLUSHALL'")
        scenario.wait_acknowledged(daemon)
        scenario.assert_equal()
    finally:
        server.stop()
