"""The daemon and its Redis over TLS, as a user with few rights, set up by PGSync's environment names; and what it says of a Sentinel."""
import subprocess

import pytest

from harness.processes import CANARY, REPO, free_port, run, wait_for
from harness.redis import RedisServer

USER = "queue"


@pytest.fixture
def certificates(work):
    folder = work / "certificates"
    folder.mkdir()
    run([REPO / "tests/fakes/certificates", folder])
    return folder


@pytest.fixture
def guarded(work, certificates):
    """A Redis with a TLS port beside the plain one, and a user that may do what the queue needs and no more."""
    port = free_port()
    redis = RedisServer(work / "redis", settings=f"tls-port {port}\ntls-cert-file {certificates}/good.pem\ntls-key-file {certificates}/good.key\n"
                        f"tls-ca-cert-file {certificates}/ca.pem\ntls-auth-clients no\nuser {USER} on >{CANARY} ~pgsync:* +@all -@dangerous +info +keys\n"
                        ).start()
    redis.tls_port = port
    yield redis
    redis.stop()


def environment(redis, certificates, **more):
    return {"REDIS_SCHEME": "rediss", "REDIS_HOST": "127.0.0.1", "REDIS_PORT": redis.tls_port, "REDIS_USER": USER, "REDIS_AUTH": CANARY,
            "SSL_CERT_FILE": certificates / "ca.pem", **more}


def without_queue(scenario):
    """The environment names it."""
    scenario.options = lambda target=True, queue=True: [scenario.schema, *(["--target", scenario.target.url] if target else [])]
    return scenario


def test_load_and_changes_through_tls(scenario, bookstore, guarded, certificates):
    without_queue(scenario.use(bookstore)).bootstrap()
    daemon = scenario.start(env=environment(guarded, certificates))
    scenario.wait_synced(daemon)
    scenario.sql("UPDATE book SET pages = pages + 1 WHERE id % 3 = 0")
    scenario.wait_acknowledged(daemon)
    scenario.assert_equal()
    assert f"rediss://{USER}@127.0.0.1:{guarded.tls_port}" in daemon.text(), daemon.text()
    guarded.kill9()
    scenario.sql("UPDATE book SET pages = pages + 1 WHERE id % 3 = 1")
    guarded.start()
    scenario.wait_acknowledged(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0


def test_an_unknown_authority_is_refused(scenario, bookstore, guarded, certificates):
    without_queue(scenario.use(bookstore)).bootstrap()
    refused = scenario.command("run", "--once", env=environment(guarded, certificates, SSL_CERT_FILE=certificates / "other_ca.pem"))
    refused.expect(3)
    assert "certificate is not accepted" in refused.stderr and "ssl_ca_certs" in refused.stderr, repr(refused)


def test_a_sentinel_holds_no_data(scenario, bookstore, work):
    scenario.use(bookstore).bootstrap()
    port = free_port()
    conf = work / "sentinel.conf"
    conf.write_text(f"port {port}\nbind 127.0.0.1\ndir {work}\nlogfile {work}/sentinel.log\n")
    process = subprocess.Popen(["redis-server", conf, "--sentinel"], stdout=subprocess.DEVNULL)
    try:
        wait_for("the Sentinel", lambda: (work / "sentinel.log").exists() and "Sentinel ID is" in (work / "sentinel.log").read_text(), 20)
        for url in (f"redis://127.0.0.1:{port}/0", f"redis://user:{CANARY}@127.0.0.1:{port}/3"):
            scenario.queue = url
            refused = scenario.command("run", "--once", queue=False, env={"REDIS_URL": url}).expect(3)
            assert "is a Sentinel" in refused.stderr and "get-master-addr-by-name" in refused.stderr, repr(refused)
    finally:
        process.kill()
        process.wait(20)
