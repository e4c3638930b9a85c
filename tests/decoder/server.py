"""Databases and sessions of the server that tests/decoder/run has started."""
import os

import psycopg2


def number(name, default):
    """A size from the environment: small in CI, large when asked."""
    return int(os.environ.get(name, default))


class Database:
    """A new database with the extension, and the sessions opened in it."""

    def __init__(self, name, creation=""):
        self.name = name
        self._open = []
        with_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}" {creation}')
        self.session = self.connect()
        self.run("CREATE EXTENSION pgsync")

    def connect(self, **settings):
        """An autocommit connection. Settings are given to the session as -c name=value."""
        options = " ".join(f"-c {name}={str(text).replace(' ', chr(92) + ' ')}" for name, text in settings.items())
        db = psycopg2.connect(dbname=self.name, options=options)
        db.autocommit = True
        self._open.append(db)
        return db

    def run(self, *statements, session=None):
        with (session or self.session).cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, sql, args=None, session=None):
        with (session or self.session).cursor() as cursor:
            cursor.execute(sql, args)
            return cursor.fetchall()

    def value(self, sql, args=None, session=None):
        return self.rows(sql, args, session)[0][0]

    def slot(self, name, plugin="pgsync"):
        self.run(f"SELECT pg_create_logical_replication_slot('{name}', '{plugin}')")
        return name

    def close(self):
        for db in self._open:
            db.close()
        db = psycopg2.connect("")
        db.autocommit = True
        with db.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE database = %s AND active", (self.name,))
            cursor.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s", (self.name,))
        db.close()
        with_server(f'DROP DATABASE "{self.name}" WITH (FORCE)')


def with_server(*statements):
    db = psycopg2.connect("")
    db.autocommit = True
    with db.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    db.close()


def faulty_settings():
    """Settings with which a session may load pgsync_faulty.so (tests/decoder/faulty); only for those who may set them."""
    settings = {"dynamic_library_path": f"{os.environ['PGSYNC_FAULTY_DIR']}:$libdir"}
    db = psycopg2.connect("")
    with db.cursor() as cursor:
        # Only minor releases since August 2026 know the list of plugins.
        cursor.execute("SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'")
        if cursor.fetchone()[0]:
            settings["output_plugin_libraries"] = "pgsync,pgsync_faulty"
    db.close()
    return settings
