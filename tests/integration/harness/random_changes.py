"""Random transactions over a random database, as SQL text. What a constraint refuses is rolled back to a savepoint, by the one who runs it."""
import psycopg2
import psycopg2.errors

from . import random_types as types
from .random_database import column_of, full_name, index_of, q, quoted


def make(rng, database):
    """[[statement, …], …]; a transaction that ends with "ROLLBACK" is one."""
    tables = [t for t in database["tables"] if t["kind"] == "table"]
    out = []
    for _ in range(rng.choice([1, 2, 4, 6])):
        statements = [statement(rng, database, rng.choice(tables)) for _ in range(rng.choice([1, 1, 2, 5]))]
        out.append(statements + (["ROLLBACK"] if rng.random() < 0.1 else []))
    return out


def literal(text):
    return "NULL" if text is None else "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def statement(rng, database, table):
    kind, name = rng.random(), quoted(table)
    if kind < 0.25:
        row = new_row(rng, database, table)
        return f"INSERT INTO {name} ({', '.join(map(q, row))}) VALUES ({', '.join(map(literal, row.values()))})"
    if kind < 0.27:
        return f"TRUNCATE {name} CASCADE"
    where = condition(rng, table)
    if kind < 0.45:
        return f"DELETE FROM {name} WHERE {where}"
    columns = [c for c in table["columns"] if not c["generated"]]
    if rng.random() < 0.5:  # mostly links are worth changing
        linked = [c for link in database["links"] for c in (link["columns"] if link["child"] == full_name(table) else []) + (
            link["refs"] if link["parent"] == full_name(table) else [])]
        columns = [c for c in columns if c["name"] in linked or c["name"] in table["key"]] or columns
    row = new_row(rng, database, table)
    chosen = rng.sample(columns, min(len(columns), rng.choice([1, 1, 2])))
    values = ", ".join(f"{q(c['name'])} = {literal(row[c['name']])}" for c in chosen)
    return f"UPDATE {name} SET {values} WHERE {where}"


def condition(rng, table):
    """Mostly one row by its key."""
    if table["rows"] and table["key"] and rng.random() < 0.8:
        row = rng.choice(table["rows"])
        return " AND ".join(f"{q(k)} = {literal(row[k])}" for k in table["key"])
    column = rng.choice(table["columns"])
    if rng.random() < 0.5 or not table["rows"] or column["generated"] or not types.orderable(column["type"]):
        return f"{q(column['name'])} IS NULL"
    return f"{q(column['name'])} = {literal(rng.choice(table['rows']).get(column['name']))}"


def new_row(rng, database, table):
    by_name, row = index_of(database), {}
    for column in table["columns"]:
        if column["generated"]:
            continue
        if column["name"] in table["key"]:
            row[column["name"]] = rng.choice(types.key_values(rng, column["type"], 30))
        else:
            row[column["name"]] = types.value(rng, column["type"], 0.1 if column["null"] else 0)
    for link in database["links"]:
        parent = by_name[link["parent"]]
        if link["child"] == full_name(table) and parent["rows"] and rng.random() < 0.8:
            target = rng.choice(parent["rows"])
            for c, ref in zip(link["columns"], link["refs"]):
                if types.fits(column_of(table, c)["type"], target.get(ref)):
                    row[c] = target.get(ref)
            if "type_column" in link:
                row[link["type_column"]] = link["type_value"]
    return row


def apply(connection, transactions):
    """Returns how many statements were accepted."""
    accepted = 0
    connection.autocommit = False
    with connection.cursor() as cursor:
        for statements in transactions:
            for sql in statements:
                if sql == "ROLLBACK":
                    connection.rollback()
                    break
                cursor.execute("SAVEPOINT before")
                try:
                    cursor.execute(sql)
                    accepted += 1
                # A constraint; a value that the type refuses; a TRUNCATE while deferred constraints wait.
                except (psycopg2.IntegrityError, psycopg2.DataError, psycopg2.errors.ObjectInUse):
                    cursor.execute("ROLLBACK TO SAVEPOINT before")
            try:
                connection.commit()
            except psycopg2.IntegrityError:  # a deferred constraint
                connection.rollback()
    return accepted
