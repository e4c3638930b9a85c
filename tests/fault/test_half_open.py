"""A server that is gone without a word (fault matrix 14): packets get lost on one of the three links, nothing is reset. The daemon notices
within 30 s, and when the link is back, all is caught up."""
import time

import pytest

from harness import consumer as program
from harness.network import Namespace
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
