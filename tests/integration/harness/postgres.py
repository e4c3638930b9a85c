"""A private PostgreSQL cluster with the plugin of the build tree, run as user postgres, reached by a socket in its directory
(superuser, trust) and by TCP with a password (role `syncer`, no superuser: LOGIN, REPLICATION, owner of the databases)."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

import psycopg2

from .processes import CANARY, REPO, as_user, children_of, free_port, kill_and_wait, run, wait_for

CRASH = re.compile(r"terminated by signal|PANIC|TRAP|could not write|server process \(PID \d+\) exited")
ROLE = "syncer"


# Where the server's programs run, if not in this system: a chroot that shares /tmp with it. PG_BINDIR is as seen from there.
CHROOT = os.environ.get("PG_CHROOT") or ""


def bin_dir():
    for d in [os.environ.get("PG_BINDIR"), "/usr/lib/postgresql/15/bin"]:
        if d and pathlib.Path(CHROOT + d, "initdb").exists():
            return pathlib.Path(d)
    return pathlib.Path(run(["pg_config", "--bindir"]).strip())


def hand_over(path):
    """To the user whose the server is, when the tests run as root."""
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")


def plugin_file():
    path = pathlib.Path(os.environ.get("PGSYNC_PLUGIN_DIR", REPO / "build/ci/decoder"), "pgsync.so")
    if not path.exists():
        raise RuntimeError(f"{path} does not exist: build the target `decoder`, or set PGSYNC_PLUGIN_DIR")
    return path


class PostgresServer:
    """start, stop, kill -9 and restart of one cluster. `settings` are lines of postgresql.conf beyond the usual."""

    def __init__(self, directory, wal_level="logical", allow_plugin=True, settings=None):
        self.dir = pathlib.Path(directory)
        self.port = free_port()
        self.log = self.dir / "postgresql.log"
        self._bin = bin_dir()
        self._scanned = 0
        self._create(wal_level, allow_plugin, settings or {})

    def _create(self, wal_level, allow_plugin, settings):
        self.dir.mkdir(parents=True)
        self.dir.chmod(0o755)
        # A copy, so that user postgres can read it wherever the checkout is.
        plugin_dir = self.dir / "plugin"
        plugin_dir.mkdir()
        shutil.copy(plugin_file(), plugin_dir)
        (plugin_dir / "pgsync.so").chmod(0o755)
        hand_over(self.dir)
        self._as_postgres(self._bin / "initdb", "-D", self.dir / "data", "--no-sync", "-A", "trust", "-U", "postgres",
                          "-E", "UTF8", "--locale=C.UTF-8")
        conf = {
            "port": self.port, "listen_addresses": "'127.0.0.1'", "unix_socket_directories": f"'{self.dir}'",
            "wal_level": wal_level, "max_replication_slots": 20, "max_wal_senders": 20, "max_connections": 100,
            # Processes are killed in these tests, never the machine: the kernel keeps what was written.
            "fsync": "off", "full_page_writes": "off", "shared_buffers": "256MB", "max_wal_size": "4GB",
            "timezone": "'UTC'", "log_timezone": "'UTC'", "logging_collector": "off", "log_checkpoints": "off",
            "dynamic_library_path": f"'{plugin_dir}:$libdir'", **settings,
        }
        if self._knows_allow_list():
            conf["output_plugin_libraries"] = "'pgoutput, test_decoding, pgsync'" if allow_plugin else "'pgoutput, test_decoding'"
        text = "".join(f"{k} = {v}\n" for k, v in conf.items())
        hba = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"
        self._write("data/postgresql.conf", text)
        self._write("data/pg_hba.conf", hba)

    def _knows_allow_list(self):
        # Minor releases before August 2026 do not start with a setting they do not know.
        return self._as_postgres(self._bin / "postgres", "-C", "output_plugin_libraries", "-D", self.dir / "data", check=False) == 0

    def _write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        hand_over(path)

    def _as_postgres(self, *args, check=True):
        command = [*(["chroot", CHROOT] if CHROOT else []), *as_user("postgres"), *map(str, args)]
        if check:
            return run(command, cwd="/")
        return subprocess.run(command, capture_output=True, cwd="/").returncode

    # ---- life ----
    def start(self):
        self._as_postgres(self._bin / "pg_ctl", "-D", self.dir / "data", "-l", self.log, "-w", "-t", "60", "start")
        with self.connect("postgres") as c, c.cursor() as cur:
            cur.execute("SELECT FROM pg_roles WHERE rolname = %s", (ROLE,))
            if not cur.rowcount:
                cur.execute("SET log_min_error_statement = panic")
                cur.execute(f"CREATE ROLE {ROLE} LOGIN REPLICATION CREATEDB PASSWORD %s", (CANARY,))
        return self

    def pid(self):
        return int((self.dir / "data/postmaster.pid").read_text().split()[0])

    def stop(self, mode="fast"):
        self._as_postgres(self._bin / "pg_ctl", "-D", self.dir / "data", "-m", mode, "-w", "-t", "60", "stop")

    def kill9(self):
        """The postmaster dies by SIGKILL; its children notice and leave, as after a power cut of the process."""
        pid = self.pid()
        family = [pid, *children_of(pid)]
        os.kill(pid, signal.SIGKILL)
        kill_and_wait(family[1:], signal.SIGKILL)
        kill_and_wait([pid])

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def is_running(self):
        return self._as_postgres(self._bin / "pg_ctl", "-D", self.dir / "data", "status", check=False) == 0

    def resetwal(self, *options):
        self._as_postgres(self._bin / "pg_resetwal", *options, "-D", self.dir / "data")

    # ---- use ----
    @contextlib.contextmanager
    def connect(self, database, user="postgres"):
        """A connection in autocommit mode; as the superuser by the socket, as anybody else by TCP with the password."""
        host = {"host": str(self.dir)} if user == "postgres" else {"host": "127.0.0.1", "password": CANARY}
        c = psycopg2.connect(dbname=database, user=user, port=self.port, connect_timeout=10, **host)
        try:
            c.autocommit = True
            yield c
        finally:
            c.close()

    def rows(self, database, sql, args=None, user="postgres"):
        with self.connect(database, user) as c, c.cursor() as cur:
            cur.execute(sql, args)
            return cur.fetchall() if cur.description else []

    def value(self, database, sql, args=None):
        return self.rows(database, sql, args)[0][0]

    def psql(self, database, *args, user=ROLE):
        """Runs psql with ON_ERROR_STOP as a role that owns its tables; password by environment, not by argument."""
        env = dict(os.environ, PGPASSWORD=CANARY, PGOPTIONS="-c client_min_messages=warning")
        host = str(self.dir) if user == "postgres" else "127.0.0.1"
        return run(["psql" if CHROOT else self._bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", self.port, "-U", user,
                    "-d", database, *args], env=env)

    def drop_database(self, name):
        """Drops a database with everything that holds it: slots, and the walsenders that use them."""
        def unused():
            rows = self.rows("postgres", "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s", (name,))
            for slot, pid in rows:
                if pid:
                    self.rows("postgres", "SELECT pg_terminate_backend(%s)", (pid,))
                else:
                    self.rows("postgres", "SELECT pg_drop_replication_slot(%s)", (slot,))
            return not rows
        wait_for(f"the slots of {name} to be dropped", unused)
        self.rows("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def create_database(self, name, template="template0"):
        self.drop_database(name)
        # The older and only way before 15, where it has no name.
        file_copy = template != "template0" and self.value("postgres", "SHOW server_version_num") >= "150000"
        self.rows("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {ROLE}' + (" STRATEGY file_copy" if file_copy else ""))

    def wal_position(self):
        """The position up to which everything committed so far is flushed."""
        return self.value("postgres", "SELECT pg_current_wal_flush_lsn() - '0/0'")

    def confirmed(self, slot):
        rows = self.rows("postgres", "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = %s", (slot,))
        return rows[0][0] if rows else None

    # ---- judgement ----
    def new_crash_lines(self):
        """Lines of the log since the last call that tell of a crash; a fast restart would hide it."""
        if not self.log.exists():
            return []
        with open(self.log, errors="replace") as f:
            f.seek(self._scanned)
            lines = f.read().splitlines()
            self._scanned = f.tell()
        return [line for line in lines if CRASH.search(line)]
