"""Failover to a standby that was promoted (fault matrix 4). Before PostgreSQL 17 slots do not come along by themselves: the daemon refuses, with the
remedy, and what only the dead primary knew is noticed. With a slot that came along it goes on."""
import pathlib
import shutil

import pytest

from harness import consumer as program
from harness import datasets
from harness.postgres import PostgresServer, hand_over
from harness.processes import free_port, wait_for
from harness.scenario import Scenario
from harness.tcp_proxy import TcpLink


class Standby(PostgresServer):
    """A hot standby of another cluster, by its base backup."""

    def __init__(self, directory, primary):
        self.primary = primary
        super().__init__(directory)

    def _create(self, wal_level, allow_plugin, settings):
        self.dir.mkdir(parents=True)
        self.dir.chmod(0o755)
        hand_over(self.dir)
        self._as_postgres(self._bin / "pg_basebackup", "-h", self.primary.dir, "-p", self.primary.port, "-U", "postgres", "-D", self.dir / "data", "-R",
                          "-X", "stream", "-c", "fast")
        conf = self.dir / "data/postgresql.conf"
        text = conf.read_text().replace(f"port = {self.primary.port}", f"port = {self.port}")
        conf.write_text(text.replace(f"'{self.primary.dir}'", f"'{self.dir}'"))

    def start(self):
        self._as_postgres(self._bin / "pg_ctl", "-D", self.dir / "data", "-l", self.log, "-w", "-t", "60", "start")
        return self

    def take_slots(self):
        """As high availability managers do for servers that cannot: its state is copied while the standby is down."""
        self.stop()
        for slot in (self.primary.dir / "data/pg_replslot").iterdir():
            here = self.dir / "data/pg_replslot" / slot.name
            shutil.copytree(slot, here)
            for path in [here, *here.iterdir()]:
                hand_over(path)
        self.start()

    def promote(self):
        self._as_postgres(self._bin / "pg_ctl", "-D", self.dir / "data", "-w", "-t", "60", "promote")


class Pair:
    """A primary, its standby, and one address that leads to whichever is in charge."""

    def __init__(self, primary, work, kind=Standby):
        hba = primary.dir / "data/pg_hba.conf"
        hba.write_text("local replication postgres trust\n" + hba.read_text())
        primary.rows("postgres", "SELECT pg_reload_conf()")
        self.primary = primary
        self.scenario = Scenario(primary, work).use(datasets.bookstore(primary)).bootstrap()
        self.standby = kind(work / "standby", primary).start()
        self.link = TcpLink(primary.port)
        self.work = work

    def start(self, *args):
        options = ["run", *self.scenario.options(), *args]
        daemon = program.Consumer(options, program.environment(self.primary, {"PG_PORT": self.link.port}), self.work,
                                  self.scenario.new_log("run"))
        self.scenario.consumers.append(daemon)
        return daemon.start()

    def command(self, name, *args):
        self.scenario.command(name, *args, env={"PG_PORT": self.link.port}).expect(0)

    def replayed(self):
        position = self.primary.wal_position()
        wait_for("the standby to follow", lambda: self.standby.value("postgres", "SELECT pg_last_wal_replay_lsn() - '0/0'") >= position, 60)

    def fail_over(self):
        self.primary.kill9()
        if not self.standby.is_running():
            self.standby.start()
        self.standby.promote()
        self.link.target = self.standby.port
        self.scenario.server = self.standby

    def goes_on(self, daemon):
        """With a slot that came along: nothing is loaded again."""
        self.scenario.sql("UPDATE book SET pages = 42 WHERE id % 3 = 0; DELETE FROM book WHERE id % 7 = 0; UPDATE review SET stars = 2 WHERE id % 5 = 0")
        self.scenario.wait_acknowledged(daemon, timeout=90)
        self.scenario.assert_equal()
        assert "was promoted (timeline 2, before 1)" in daemon.text(), daemon.text()[-2000:]
        assert daemon.text().count(": loaded, ") == 1, daemon.text()[-2000:]
        assert daemon.terminate() == 0

    def close(self):
        self.scenario.end()
        self.link.close()
        if self.standby.is_running():
            self.standby.stop("immediate")

    def made_anew(self):
        """The remedy of what is refused."""
        self.command("teardown", "--yes")
        self.command("bootstrap", "--apply")
        daemon = self.start()
        self.scenario.wait_synced(daemon)
        self.scenario.assert_equal()
        assert daemon.terminate() == 0


@pytest.fixture
def pair(private_postgres, work):
    made = Pair(private_postgres(), work)
    yield made
    made.close()


def test_the_slot_does_not_come_along(pair):
    daemon = pair.start()
    pair.scenario.wait_synced(daemon)
    pair.scenario.sql("UPDATE book SET pages = 21")
    pair.scenario.wait_acknowledged(daemon)
    pair.replayed()
    pair.fail_over()
    pair.scenario.sql("UPDATE book SET pages = 22 WHERE id % 3 = 0")
    assert daemon.wait(90) == 3, daemon.text()[-2000:]
    for words in ("is gone", "bootstrap --apply", "--on-lost-slot reload"):
        assert words in daemon.text(), daemon.text()[-2000:]
    pair.scenario.sql("UPDATE book SET pages = 23 WHERE id % 3 = 1")
    again = pair.start("--on-lost-slot", "reload")
    # Until the load begins again, what is stored says that all is loaded, and the new slot confirms more than was written.
    wait_for("the load to end", lambda: again.must_run() and ": loaded, " in again.text(), 60, 0.05)
    pair.scenario.wait_synced(again)
    pair.scenario.assert_equal()
    assert again.terminate() == 0


def test_a_slot_made_anew_hides_nothing(pair):
    """Its operator did as for a new pipeline. What was committed between the failover and the slot is in no stream."""
    daemon = pair.start()
    pair.scenario.wait_synced(daemon)
    pair.replayed()
    assert daemon.terminate() == 0
    pair.fail_over()
    pair.scenario.sql("UPDATE book SET pages = 24")
    pair.command("bootstrap", "--apply")
    daemon = pair.start()
    assert daemon.wait(60) == 3, daemon.text()[-2000:]
    assert "older than its slot" in daemon.text() and "teardown" in daemon.text(), daemon.text()[-2000:]
    pair.made_anew()


def test_what_the_standby_never_got_is_noticed(pair):
    """The index holds changes of the dead primary that its successor does not have."""
    daemon = pair.start()
    pair.scenario.wait_synced(daemon)
    pair.replayed()
    pair.standby.stop()
    pair.scenario.sql("UPDATE book SET pages = 25")
    pair.scenario.wait_acknowledged(daemon)
    assert daemon.terminate() == 0
    pair.fail_over()
    pair.command("bootstrap", "--apply")
    daemon = pair.start()
    assert daemon.wait(60) == 3, daemon.text()[-2000:]
    assert "ahead of its database" in daemon.text() and "teardown" in daemon.text(), daemon.text()[-2000:]
    pair.made_anew()


def test_a_standby_that_outgrew_the_index(pair):
    """As before, but by the time of the start the successor has written more than its predecessor had. Only the timeline tells."""
    daemon = pair.start()
    pair.scenario.wait_synced(daemon)
    pair.replayed()
    pair.standby.stop()
    for pages in range(30, 40):
        pair.scenario.sql("UPDATE book SET pages = %s", (pages,))
    pair.scenario.wait_acknowledged(daemon)
    assert daemon.terminate() == 0
    held = pair.primary.wal_position()
    pair.fail_over()
    pair.command("bootstrap", "--apply")
    assert pair.standby.confirmed(pair.scenario.data.slot) < held, "the slot alone would tell"
    while pair.standby.wal_position() <= held:
        pair.scenario.sql("UPDATE book SET pages = pages + 1")
    daemon = pair.start()
    assert daemon.wait(60) == 3, daemon.text()[-2000:]
    for words in ("ahead of its database", "of timeline 1", "is on timeline 2", "teardown"):
        assert words in daemon.text(), daemon.text()[-2000:]
    pair.made_anew()


def test_with_its_slot_it_goes_on(pair, queue):
    """Nothing is loaded again, neither by the daemon that was running nor by the next one."""
    if not isinstance(queue, str):
        queue.flushall()
    pair.scenario.queue = getattr(queue, "url", queue)
    daemon = pair.start()
    pair.scenario.wait_synced(daemon)
    pair.scenario.sql("UPDATE book SET pages = 41")
    pair.scenario.wait_acknowledged(daemon)
    pair.replayed()
    pair.standby.take_slots()
    pair.replayed()
    pair.fail_over()
    pair.goes_on(daemon)
    pair.scenario.sql("UPDATE book SET pages = 43 WHERE id % 3 = 1")
    daemon = pair.start()
    pair.scenario.wait_acknowledged(daemon)
    pair.scenario.assert_equal()
    assert ": loaded, " not in daemon.text() and "was promoted" not in daemon.text(), daemon.text()[-2000:]
    assert daemon.terminate() == 0
