"""What servers newer than this system's can do to a slot (fault matrix 4, 5). scripts/test-matrix runs it."""
from harness import datasets
from harness.processes import wait_for
from harness.scenario import Scenario
from test_failover import Pair, Standby


class SynchronizingStandby(Standby):
    def _create(self, *args):
        super()._create(*args)
        with open(self.dir / "data/postgresql.auto.conf", "a") as f:
            f.write(f"primary_conninfo = 'host={self.primary.dir} port={self.primary.port} user=postgres dbname=postgres'\n"
                    "primary_slot_name = 'standby'\nhot_standby_feedback = on\nsync_replication_slots = on\nwal_receiver_status_interval = 1\n"
                    "synchronized_standby_slots = ''\n")  # nobody follows it


def test_17_a_failover_slot_comes_along(private_postgres, work):
    """bootstrap made it one. The standby keeps it, and the daemon goes on there with nothing loaded again."""
    primary = private_postgres(settings={"synchronized_standby_slots": "'standby'"})
    primary.rows("postgres", "SELECT pg_create_physical_replication_slot('standby', true)")
    pair = Pair(primary, work, SynchronizingStandby)
    try:
        slot = pair.scenario.data.slot
        daemon = pair.start()
        pair.scenario.wait_synced(daemon)

        def kept():
            pair.scenario.sql("UPDATE book SET pages = pages + 1 WHERE id = 1")
            primary.rows("postgres", "SELECT pg_log_standby_snapshot()")  # or the slot moves on every 15 seconds
            return pair.standby.rows("postgres", "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND synced AND NOT temporary", (slot,))
        wait_for("the standby to keep the slot", kept, 60, 0.2)
        pair.scenario.sql("UPDATE book SET pages = 41")
        pair.scenario.wait_acknowledged(daemon)
        pair.replayed()
        pair.fail_over()
        pair.goes_on(daemon)
    finally:
        pair.close()


def test_18_a_slot_that_was_idle_for_too_long(private_postgres, work):
    """Invalidated by idle_replication_slot_timeout while no daemon ran: refused with the reason, and loaded again when asked for."""
    server = private_postgres(settings={"idle_replication_slot_timeout": "'1s'"})
    scenario = Scenario(server, work).use(datasets.bookstore(server)).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    assert daemon.terminate() == 0

    def invalidated():
        server.rows("postgres", "CHECKPOINT")
        return server.value("postgres", "SELECT invalidation_reason FROM pg_replication_slots") == "idle_timeout"
    wait_for("the slot to be invalidated", invalidated, 60)
    scenario.sql("UPDATE book SET pages = 51")
    refused = scenario.command("run").expect(3).output
    assert "idle_timeout" in refused and "teardown" in refused, refused
    daemon = scenario.start("--on-lost-slot", "reload")
    wait_for("the load to end", lambda: daemon.must_run() and ": loaded, " in daemon.text(), 60, 0.05)
    scenario.wait_synced(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0
    scenario.end()
