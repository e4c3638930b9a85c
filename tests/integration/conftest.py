"""Fixtures: servers shared by the session, one Scenario per test or module, and the judgement after it.

What a failed test leaves is kept in build/test-logs/<test> (PGSYNC_TEST_LOGS chooses another place). The ends of its logs are printed, too: of a run
elsewhere the output may be all that is left.
"""
import contextlib
import os
import pathlib
import re
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import datasets, scans  # noqa: E402
from harness.engine import Engine, EngineTarget  # noqa: E402
from harness.postgres import PostgresServer  # noqa: E402
from harness.processes import REPO  # noqa: E402
from harness.redis import RedisServer  # noqa: E402
from harness.scenario import Scenario  # noqa: E402
from harness.stub import EngineStub  # noqa: E402

KEPT_LOGS = pathlib.Path(os.environ.get("PGSYNC_TEST_LOGS", REPO / "build/test-logs"))
LINES_SHOWN = 20


def pytest_addoption(parser):
    parser.addoption("--engine-only", action="store_true", help="only the tests that use a real engine; PGSYNC_ENGINE chooses its flavour")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--engine-only", False):
        return

    def uses_engine(item):
        chosen = item.callspec.params.values() if hasattr(item, "callspec") else ()
        return {"engine", "engine_server"} & set(item.fixturenames) or "engine" in [c for c in chosen if isinstance(c, str)]
    config.hook.pytest_deselected(items=[i for i in items if not uses_engine(i)])
    items[:] = [i for i in items if uses_engine(i)]


# ---- servers ----
@pytest.fixture(scope="session")
def root():
    """The session's directory: short, because unix sockets live in it, and open to user postgres."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="pgsync-it-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(root):
    server = PostgresServer(root / "pg").start()
    yield server
    if server.is_running():
        server.stop("immediate")


@pytest.fixture(scope="session")
def redis(root):
    server = RedisServer(root / "redis").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def engine_server(root):
    server = Engine(root / "engine").start()
    yield server
    server.stop()


@pytest.fixture
def engine(engine_server):
    """The session's engine with no index in it, as a target."""
    engine_server.drop_all()
    yield EngineTarget(engine_server)


@pytest.fixture
def stub(work):
    server = EngineStub(work / "stub").start()
    yield server
    server.stop()


@pytest.fixture
def private_postgres(work):
    """Makes further clusters with other settings; they end with the test."""
    made = []

    def make(**settings):
        made.append(PostgresServer(work / f"pg{len(made)}", **settings).start())
        return made[-1]
    yield make
    for server in made:
        if server.is_running():
            server.stop("immediate")


# ---- data ----
@pytest.fixture(scope="session")
def bookstore(postgres):
    return datasets.bookstore(postgres)


@pytest.fixture(scope="session")
def debian(postgres):
    return datasets.debian(postgres)


@pytest.fixture(scope="session")
def part_of_debian(postgres):
    return datasets.debian(postgres, limit=25000)


@pytest.fixture(scope="session")
def small_debian(postgres):
    return datasets.debian(postgres, limit=6000)


# ---- one test's world, and its judgement ----
@contextlib.contextmanager
def directory(request, root, name):
    """A directory for one test or module. At the end its logs are judged, and kept if something failed."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-")
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"{name[:24]}-", dir=root))
    path.chmod(0o755)
    failed_before = request.session.testsfailed
    yield path
    leaks = scans.canary_in_logs(path)
    if request.session.testsfailed > failed_before or leaks or (path / "failed").exists():
        keep(name, path, [root / "pg/postgresql.log", root / "redis/redis.log", root / "engine/node.log"])
    shutil.rmtree(path, ignore_errors=True)
    assert not leaks, "a password was written to a log: " + "; ".join(leaks)


def keep(name, path, servers):
    folder = KEPT_LOGS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for log in [p for p in path.rglob("*.log") if p.is_file()] + [p for p in servers if p.exists()]:
        place = folder / (log.relative_to(path) if path in log.parents else log.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(log, place)
        print(f"---- {place.relative_to(folder)}, its end:", *log.read_text(errors="replace").splitlines()[-LINES_SHOWN:], sep="\n")
    print(f"logs are kept in {folder}")


@contextlib.contextmanager
def world(server, path):
    s = Scenario(server, path)
    server.new_crash_lines()
    yield s
    shown = scans.canary_in_processes()
    s.end()
    crashes = server.new_crash_lines()
    if crashes or shown:
        (path / "failed").touch()
    assert not crashes, "PostgreSQL's log tells of a crash: " + "; ".join(crashes[:5])
    assert not shown, "a password is visible in the process list: " + "; ".join(shown)


@pytest.fixture
def work(request, root):
    with directory(request, root, f"{request.node.path.stem}.{request.node.name}") as path:
        yield path


@pytest.fixture
def scenario(postgres, work):
    with world(postgres, work) as s:
        yield s


@pytest.fixture(params=["memory", "redis"])
def queue(request):
    """Runs a test through both queues."""
    return "memory:" if request.param == "memory" else request.getfixturevalue("redis")
