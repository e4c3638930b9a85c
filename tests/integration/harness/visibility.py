"""Commits that nobody sees for a while: they are in the WAL, and sent to logical consumers, and wait for a standby that does not exist.
A session that says `SET synchronous_commit = local` does not wait."""
import threading

from .postgres import ROLE
from .processes import wait_for


class Lag:
    def __init__(self, server):
        self.server, self.threads, self.on = server, [], False

    def begin(self):
        self.on = True
        self._set("absent")
        # The setting counts when the checkpointer has read it: then a commit waits, and the first that does is ours.
        message = "SELECT pg_logical_emit_message(true, 'nobody sees', '')"

        def probe():
            while self.on and not self.waiting():
                self.server.rows("postgres", message)
        self._start(probe)
        wait_for("commits to wait", self.waiting)

    def end(self):
        self.on = False
        self._set("")
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a commit still waits"
        self.threads = []
        wait_for("nobody to wait", lambda: not self.waiting())

    def commit(self, database, sql):
        """In a session of its own, which waits until end(). Returns the WAL position behind its commit."""
        waiting = self.waiting()
        self._start(lambda: self.server.rows(database, sql, user=ROLE))
        wait_for("the commit to wait for a standby", lambda: self.waiting() > waiting)
        return self.server.wal_position()

    def waiting(self):
        return self.server.value("postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")

    def _set(self, names):
        self.server.rows("postgres", f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.server.rows("postgres", "SELECT pg_reload_conf()")

    def _start(self, work):
        self.threads.append(threading.Thread(target=work, daemon=True))
        self.threads[-1].start()
