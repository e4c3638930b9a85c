"""A server that is gone without a word (fault matrix 14): packets get lost on one of the three links, nothing is reset. The daemon notices
within 30 s, and when the link is back, all is caught up. A server from which the daemon is gone so does not keep its locks."""
import time

import pytest

from harness import consumer as program
from harness.network import Namespace
from harness.postgres import ROLE
from harness.processes import wait_for
from harness.tcp_proxy import TcpLink

NOTICED_WITHIN = 30
WORDS = {"pg": "connecting again", "redis": "Redis at", "engine": "the target does not take documents"}


@pytest.fixture
def network():
    made = Namespace("pg", "redis", "engine")
    yield made
    made.end()


@pytest.mark.parametrize("link", WORDS)
def test_a_silent_link_is_noticed(scenario, bookstore, stub, redis, network, link):
    scenario.use(bookstore, target=stub, queue=redis).bootstrap()
    ports = {"pg": scenario.server.port, "redis": redis.port, "engine": stub.port}
    links = {name: TcpLink(port, network.hosts[name]) for name, port in ports.items()}
    at = {name: f"{network.hosts[name]}:{links[name].port}" for name in links}
    env = program.environment(scenario.server, {"PG_HOST": network.hosts["pg"], "PG_PORT": links["pg"].port})
    args = ["run", scenario.schema, "--target", f"http://{at['engine']}", "--queue", f"redis://{at['redis']}/0"]
    daemon = program.Consumer(args, env, scenario.dir, scenario.new_log("run"), network.prefix).start()
    scenario.consumers.append(daemon)
    scenario.wait_synced(daemon)
    assert WORDS[link] not in daemon.text().partition("streaming slot")[2]

    network.lose(link)
    lost = time.monotonic()
    scenario.sql("UPDATE book SET title = 'while the link was dark ' || id")
    position = scenario.server.wal_position()
    wait_for(lambda: f"{WORDS[link]!r} in the log", lambda: daemon.must_run() and WORDS[link] in daemon.text().partition("streaming slot")[2], 60, 0.1)
    seconds = time.monotonic() - lost
    print(f"{link}: noticed after {seconds:.1f} s")
    assert seconds <= NOTICED_WITHIN
    assert scenario.confirmed() < position

    network.find(link)
    scenario.wait_acknowledged(daemon, position, 60)
    scenario.assert_equal()
    assert daemon.terminate() == 0


@pytest.mark.parametrize("of_the_role,bound", [(None, 60), ("2s", 2)])
def test_a_silent_link_leaves_no_locks(scenario, bookstore, of_the_role, bound):
    """The server is in the middle of a transaction of the daemon as the link goes silent: DDL waits a minute for it, or less where the role has less."""
    if of_the_role:
        scenario.server.rows("postgres", f"ALTER ROLE {ROLE} SET idle_in_transaction_session_timeout = '{of_the_role}'")
    link = TcpLink(scenario.server.port)
    try:
        scenario.use(bookstore).bootstrap()
        daemon = scenario.start("--workers", 1, env={"PG_PORT": link.port})
        scenario.wait_synced(daemon)
        scenario.wait_settled_stream(daemon)
        waiting = "SELECT pid FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock'"
        with scenario.server.connect(scenario.data.database) as c, c.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE review IN ACCESS EXCLUSIVE MODE")
            scenario.sql("UPDATE book SET title = 'in the dark ' || id")
            reader = wait_for("a transaction of the daemon to wait for the table", lambda: scenario.sql(waiting, (ROLE,)), 30)[0][0]
            link.silence()
            cursor.execute("COMMIT")
        state = "SELECT state FROM pg_stat_activity WHERE pid = %s"
        wait_for("the transaction to wait for the daemon", lambda: scenario.sql(state, (reader,)) == [("idle in transaction",)], 10)
        begun = time.monotonic()
        scenario.sql("ALTER TABLE book ADD COLUMN found_in text")
        seconds = time.monotonic() - begun
        print(f"the locks were there for {seconds:.1f} s")
        assert bound * 0.8 <= seconds <= bound + 5, "something else held or released the lock"
        assert not scenario.sql(state, (reader,))

        link.heal()
        scenario.wait_acknowledged(daemon)
        scenario.assert_equal()
        assert daemon.terminate() == 0
    finally:
        scenario.server.rows("postgres", f"ALTER ROLE {ROLE} RESET idle_in_transaction_session_timeout")
        link.close()
