"""One private server, and the drains of it: a workload is written once, then every variant reads the same WAL again and again."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[2]
sys.path.insert(0, str(REPO / "tests/integration"))

from harness.postgres import PostgresServer, bin_dir  # noqa: E402
from harness.processes import run, wait_for  # noqa: E402
from variants import OTHER_TABLE, PACKAGED, VARIANTS  # noqa: E402

DATABASE = "postgres"
DRAIN_SECONDS = 600


def log(text):
    print(text, file=sys.stderr, flush=True)


def pg_config(what):
    return run([bin_dir() / "pg_config", what]).strip()


def build(directory):
    """The plugin, the no-op plugin and the reader, into `directory`."""
    run([REPO / "scripts/build-decoder", directory], env=dict(os.environ, PG_CONFIG=str(bin_dir() / "pg_config")))
    warnings = ["-O2", "-Wall", "-Werror"]
    run(["cc", *warnings, "-fPIC", "-shared", f"-I{pg_config('--includedir-server')}", HERE / "noop/noop.c",
         "-o", directory / "pgsync_noop.so"])
    run(["cc", *warnings, f"-I{pg_config('--includedir')}", HERE / "reader.c", "-o", directory / "reader", "-lpq"])


def check_installed(plugins):
    version = pg_config("--version").split()[1].split(".")[0]
    missing = [f"postgresql-{version}-{p}" for p in plugins
               if p in PACKAGED and not pathlib.Path(pg_config("--pkglibdir"), f"{p}.so").exists()]
    if missing:
        sys.exit(f"run: plugins to compare with are missing: apt-get install {' '.join(missing)}   (or leave them out with --plugins)")


class AbsentVariant(Exception):
    """The variant needs what this build of the plugin does not have."""


class Bench:
    """Owns the server and its directory: a context manager that leaves nothing behind."""

    def __init__(self, built):
        self.built = built
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="pgsync-bench."))
        self.home.chmod(0o755)

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        # Copies, so that a build during the run changes nothing.
        self.reader = shutil.copy(self.built / "reader", self.home)
        libraries = self.home / "libraries"
        libraries.mkdir()
        for name in ("pgsync.so", "pgsync_noop.so"):
            shutil.copy(self.built / name, libraries)
            (libraries / name).chmod(0o755)
        libraries.chmod(0o755)
        os.environ["PGSYNC_PLUGIN_DIR"] = str(self.built)  # where the harness takes the plugin from
        self.server = PostgresServer(self.home / "server", settings={
            "dynamic_library_path": f"'{libraries}:$libdir'", "autovacuum": "off", "synchronous_commit": "off", "wal_buffers": "64MB",
            # Nothing but the walsender shall work while it is measured: what was written is flushed by us before.
            "checkpoint_timeout": "1d", "max_wal_size": "200GB", "wal_sender_timeout": 0, "restart_after_crash": "off", "jit": "off",
        }).start()
        if self.rows("SELECT 1 FROM pg_settings WHERE name = 'output_plugin_libraries'"):
            names = sorted({VARIANTS[v].server_name for v in VARIANTS})
            self.rows("ALTER SYSTEM SET output_plugin_libraries = " + ", ".join(names))
            self.rows("SELECT pg_reload_conf()")
        self.rows(f"CREATE TABLE {OTHER_TABLE} (id int8 PRIMARY KEY); CREATE PUBLICATION bench_{OTHER_TABLE} FOR TABLE {OTHER_TABLE}")

    def __exit__(self, *_):
        server = getattr(self, "server", None)
        if server and server.is_running():
            server.stop()
        crashes = server.new_crash_lines() if server else []
        shutil.rmtree(self.home, ignore_errors=True)
        if crashes:
            sys.exit("run: the server crashed:\n" + "\n".join(crashes))

    def rows(self, sql):
        return self.server.rows(DATABASE, sql)

    def value(self, sql):
        return self.rows(sql)[0][0]

    def write(self, workload, variants):
        """Makes the table, one slot per plugin, then the WAL; afterwards the server is idle. Returns the end and the WAL's size."""
        table = workload.name
        words = {"t": table, "n": workload.rows}
        self.rows(workload.before.format(**words))
        self.rows(f"CREATE PUBLICATION bench_{table} FOR TABLE {table}")
        self.rows("CHECKPOINT")
        for slot, plugin in sorted({(v.slot, v.server_name) for v in variants}):
            wait_for(f"plugin {plugin} to be admitted", lambda: self._create_slot(slot, plugin), 20)
        start = self.value("SELECT pg_current_wal_insert_lsn()")
        self.rows(workload.write.format(**words))
        end = self.value("SELECT pg_current_wal_insert_lsn()")
        self.rows("CHECKPOINT")  # flushes the WAL and leaves no dirty page to be written during a drain
        wait_for("the WAL to be flushed", lambda: self.value(f"SELECT pg_current_wal_flush_lsn() >= '{end}'"))
        return end, int(self.value(f"SELECT '{end}'::pg_lsn - '{start}'::pg_lsn"))

    def _create_slot(self, slot, plugin):
        import psycopg2
        try:
            self.rows(f"SELECT pg_create_logical_replication_slot('{slot}', '{plugin}')")
            return True
        except psycopg2.errors.InsufficientPrivilege:
            return False  # the reload of output_plugin_libraries has not reached new sessions yet

    def drop(self, workload, variants):
        for slot in sorted({v.slot for v in variants}):
            self._wait_inactive(slot)
            self.rows(f"SELECT pg_drop_replication_slot('{slot}')")
        self.rows(f"DROP PUBLICATION bench_{workload.name}")
        self.rows(f"DROP TABLE {workload.name}")
        self.rows("CHECKPOINT")

    def drain(self, workload, variant, end):
        """One session of START_REPLICATION up to `end`; the slot does not move."""
        before = self._position(variant.slot)
        info = (f"host={self.server.dir} port={self.server.port} user=postgres dbname={DATABASE} replication=database"
                f" options='-c logical_decoding_work_mem={workload.work_mem}'")
        r = subprocess.run([self.reader, info, variant.slot, end, str(DRAIN_SECONDS), variant.option_list(workload.name)],
                           capture_output=True, text=True)
        self._wait_inactive(variant.slot)
        if r.returncode:
            if variant.absent_if and variant.absent_if in r.stderr:
                raise AbsentVariant(r.stderr.splitlines()[0])
            sys.exit(f"run: {workload.name}, {variant.name}: {r.stderr}")
        after = self._position(variant.slot)
        if after != before:
            sys.exit(f"run: {workload.name}, {variant.name}: the slot has moved from {before} to {after}, so drains are not alike")
        return json.loads(r.stdout)

    def _position(self, slot):
        # restart_lsn may move too, but only up to here, which is before the workload.
        return self.value(f"SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '{slot}'")

    def _wait_inactive(self, slot):
        wait_for(f"slot {slot} to be free", lambda: not self.value(
            f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'"), 60)

    def about(self):
        return {"server": self.value("SELECT version()"), "bindir": str(bin_dir())}
