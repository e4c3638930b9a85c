"""The example databases of schemas/, loaded once per session into a template database that each test copies."""
import json
import os
import sys

from .postgres import ROLE
from .processes import CANARY, REPO, run


class Dataset:
    def __init__(self, folder):
        self.folder = REPO / "schemas" / folder
        self.schema = self.folder / "schema.json"
        self.query = (self.folder / "expected.sql").read_text()
        document = json.loads(self.schema.read_text())[0]
        self.database = document["database"]
        self.index = document["index"]
        self.slot = f"{self.database}_{self.index}"


def bookstore(server, books=300):
    data = Dataset("bookstore")
    template = f"template_bookstore_{books}"
    if not _exists(server, template):
        server.create_database(template)
        server.psql(template, "-f", data.folder / "tables.sql")
        server.psql(template, "-v", f"books={books}", "-f", data.folder / "data.sql")
    data.template = template
    return data


def debian(server, limit=None):
    data = Dataset("debian")
    template = f"template_debian_{limit or 'full'}"
    if not _exists(server, template):
        server.create_database(template)
        server.psql(template, "-f", data.folder / "tables.sql")
        env = dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(server.port), PGUSER=ROLE, PGPASSWORD=CANARY, PGDATABASE=template)
        run([sys.executable, data.folder / "load", *(["--limit", limit] if limit else [])], env=env, timeout=600)
        server.psql(template, "-c", "ANALYZE")
    data.template = template
    return data


def _exists(server, name):
    return bool(server.rows("postgres", "SELECT FROM pg_database WHERE datname = %s", (name,)))
