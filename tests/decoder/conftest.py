"""The robustness tests. tests/decoder/run starts the server; a test gets a database of its own."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

NEEDED = ("PGHOST", "PGSYNC_BINDIR", "PGSYNC_FAULTY_DIR")


def pytest_configure(config):
    missing = [name for name in NEEDED if name not in os.environ]
    if missing:
        raise pytest.UsageError(f"{', '.join(missing)} not set: run tests/decoder/run [arguments of pytest]")


@pytest.fixture
def database():
    from server import Database
    made = Database("robust")
    yield made
    made.close()
