"""What PostgreSQL has against the expressions of a schema file is told at their place, all at once, in its own words; good
ones pass, whatever they are made of; nothing is left behind."""
import json
import threading

import pytest

from harness.postgres import ROLE
from harness.processes import wait_for

DATABASE = "expressions"

TABLES = """
CREATE EXTENSION citext; CREATE EXTENSION hstore;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION fickle(int) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1; END';
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE TABLE book (id int PRIMARY KEY, "Odd ""name" text, title citext, tags hstore, at timestamptz, price numeric, doc json,
                   state mood, p positive, pages int[]);
CREATE VIEW cheap AS SELECT * FROM book WHERE price < 5;
CREATE TABLE part (id int PRIMARY KEY, x int) PARTITION BY RANGE (id);
"""


@pytest.fixture
def world(scenario, postgres, work):
    postgres.create_database(DATABASE)
    postgres.rows(DATABASE, TABLES + f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}")

    def validate(*roots):
        scenario.schema = work / "schema.json"
        scenario.schema.write_text(json.dumps(
            [{"database": DATABASE, "index": f"i{k}", "nodes": root} for k, root in enumerate(roots)]))
        return scenario.command("validate", target=False, queue=False)
    yield validate
    assert not postgres.rows(DATABASE, "SELECT FROM pg_class WHERE relname LIKE 'pgsync%'"), "something was left behind"
    postgres.drop_database(DATABASE)


def computed(*expressions):
    return ["id"] + [{"name": f"c{k}", "expression": text} for k, text in enumerate(expressions)]


def lines(finished, level="error: "):
    return [line for line in finished.output.splitlines() if line.startswith(level)]


def test_good_expressions(world):
    finished = world(
        {"table": "book", "where": "price > 0 -- free ones are none", "soft_delete": {"column": "state", "values": ["bad", None]},
         "columns": computed('"Odd ""name" || title', "tags->'x'", "twice(id)", "p", "pages[1:2]", "'a'", "title = 'X'",
                             "CASE WHEN id > 1 THEN $$a;b$$ END")},
        {"table": "cheap", "primary_key": ["id"], "columns": computed("price * 2")},
        {"table": "part", "where": "x IS NOT NULL"})
    finished.expect(0)
    assert lines(finished) == []


def test_stable_ones_warn(world):
    finished = world({"table": "book", "columns": computed("to_char(at, 'YYYY')", "current_user", "id + 1")})
    finished.expect(0)
    stable = lines(finished, "warning: schema.json[0].nodes.columns")
    assert [line.split(":")[1] for line in stable] == [f" schema.json[0].nodes.columns[{k}].expression" for k in (1, 2)]


def test_bad_expressions(world):
    finished = world(
        {"table": "book", "where": "now() > at", "soft_delete": {"column": "state", "values": ["sad"]},
         "columns": computed("é + 1", "(SELECT 1)", "fickle(id)", "count(*)", "generate_series(1, 2)", "id +", "random()",
                             "id\n  + nope", "book.id", "row_number() OVER ()", "xmin", "1 / 0", "book")},
        {"table": "part", "where": "id"},
        {"table": "book", "columns": ["id"], "children": [
            {"table": "book", "label": "x", "order_by": ["doc"],
             "relationship": {"type": "one_to_many", "variant": "object", "foreign_key": {"parent": ["id"], "child": ["id"]},
                              "polymorphic": {"column": "id", "value": "Post"}}}]})
    finished.expect(2)
    at = "error: schema.json[0].nodes."
    volatile = "uses a volatile function: its value changes without a change to see"
    assert lines(finished) == [
        at + 'columns[1].expression: column "é" does not exist at character 1',
        at + "columns[2].expression: cannot use subquery in check constraint",
        at + "columns[3].expression: " + volatile,
        at + "columns[4].expression: aggregate functions are not allowed in check constraints",
        at + "columns[5].expression: set-returning functions are not allowed in check constraints",
        at + "columns[6].expression: syntax error at its end",
        at + "columns[7].expression: " + volatile,
        at + 'columns[8].expression: column "nope" does not exist at character 8',
        at + 'columns[9].expression: missing FROM-clause entry for table "book" at character 1',
        at + "columns[10].expression: window functions are not allowed in check constraints",
        at + 'columns[11].expression: system column "xmin" reference in check constraint is invalid',
        at + "columns[12].expression: division by zero",
        at + 'columns[13].expression: column "book" does not exist at character 1',
        at + "where: must be immutable: with a function or a cast that depends on the time, the session or chance, rows would "
             "come and go without a change to see",
        at + 'soft_delete.values: invalid input value for enum mood: "sad"',
        "error: schema.json[1].nodes.where: argument of WHERE must be type boolean, not type integer at character 1",
        "error: schema.json[2].nodes.children[0].order_by[0]: could not identify an ordering operator for type json",
        "error: schema.json[2].nodes.children[0].relationship.polymorphic.value: invalid input syntax for type integer: "
        '"Post"']


def test_missing_rights_are_named_with_their_remedy(world, postgres):
    postgres.rows(DATABASE, f'REVOKE TEMPORARY ON DATABASE "{DATABASE}" FROM PUBLIC; ALTER DATABASE "{DATABASE}" OWNER TO postgres')
    finished = world({"table": "book", "columns": ["id"], "where": "id > 1"})
    finished.expect(2)
    assert lines(finished) == [
        f'error: schema.json[0].nodes.where: cannot be checked: permission denied to create temporary tables in database '
        f'"{DATABASE}"; run GRANT TEMPORARY ON DATABASE {DATABASE} TO {ROLE}']


def test_a_deadlock_while_tables_are_looked_at_is_survived(world, scenario, postgres):
    """Somebody locks the tables in another order, as TRUNCATE ... CASCADE may; it is we who are chosen, and ask once more."""
    postgres.rows(DATABASE, f"ALTER ROLE {ROLE} IN DATABASE {DATABASE} SET deadlock_timeout = '2s'")
    world({"table": "book", "where": "price > 0"}, {"table": "part", "where": "x > 0"}).expect(0)  # writes the file
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'part'::regclass"
    with postgres.connect(DATABASE) as c, c.cursor() as cursor:
        cursor.execute("SET deadlock_timeout = '60s'; BEGIN; LOCK TABLE part IN ACCESS EXCLUSIVE MODE")
        done = []
        thread = threading.Thread(target=lambda: done.append(scenario.command("preview", "--first", "1", target=False, queue=False)))
        thread.start()
        wait_for("our reader to have book, and to wait for part", lambda: postgres.value(DATABASE, waiting))
        cursor.execute("LOCK TABLE book IN ACCESS EXCLUSIVE MODE")
        cursor.execute("COMMIT")
        thread.join(60)
    done[0].expect(0)
    assert postgres.value(DATABASE, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 1
