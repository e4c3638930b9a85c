"""The changes that are applied: to which tables, by which statements, and the documents that must be there afterwards.

`roots` books have `reviews` reviews each, and `changes` rows are changed. Where not said otherwise every change touches another document, in
an order that jumps about. PGSync, being slow, gets `peer` of everything in a database of its own, and its rate is compared.
"""
import dataclasses
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lib.shapes import BOOKSTORE, FLAT, NESTED  # noqa: E402

# One transaction per change. The statements take turns; $1 is a number of [1, among] that jumps about and comes once if there are no more
# changes than that, $2 the ordinal of the change.
TOOLS = """
CREATE PROCEDURE one_by_one(statements text[], first int, last int, among int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN first .. last LOOP
    EXECUTE statements[1 + i % cardinality(statements)] USING (1 + i::bigint * 7919 % among)::int, i;
    COMMIT;
  END LOOP;
END $$;
"""


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    shape: tuple  # nodes, SQL of the documents
    reviews: int  # per root
    roots: int
    changes: int
    peer: int = 0  # roots and changes of the database that is verified, and that PGSync gets; 0: not compared
    statements: tuple = ()  # single: one transaction each
    bulk: str = ""  # or one statement
    among: int = 0  # documents that are changed; 0: as many as there are roots
    tails: tuple = ()  # further measurements: only the last so many changes wait
    limit: float = None  # least ratio of our rate to PGSync's

    @property
    def tables(self):
        return BOOKSTORE + TOOLS

    def schema(self, database):
        return [{"database": database, "index": f"bench_{self.name}", "nodes": self.shape[0]}]

    def sql(self, first, last, roots):
        if self.bulk:
            return self.bulk
        texts = ", ".join("$q$" + s + "$q$" for s in self.statements)
        return f"CALL one_by_one(ARRAY[{texts}], {first}, {last}, {self.among or roots})"

    def scaled(self, size):
        """The same with `size` roots and, as far as they go, as many changes."""
        return dataclasses.replace(self, roots=size, changes=round(self.changes * size / self.roots), tails=())


UPDATE = "UPDATE book SET price = price + 1, updated_at = now() WHERE id = $1"
UPDATE_ALL = "UPDATE book SET price = price + 1, updated_at = now()"

WORKLOADS = [
    Workload("flat_single", "one book per transaction", FLAT, 0, 200_000, 200_000, 2_000, (UPDATE,), limit=80),
    Workload("flat_bulk", "all books in one transaction", FLAT, 0, 300_000, 300_000, 30_000, bulk=UPDATE_ALL, limit=20),
    Workload("nested_single", "one book per transaction", NESTED, 5, 100_000, 100_000, 2_000, (UPDATE,), limit=80),
    Workload("nested_bulk", "all books in one transaction", NESTED, 5, 200_000, 200_000, 20_000, bulk=UPDATE_ALL, limit=20),
    Workload("mixed_single", "insert, update, delete of a book in turn", FLAT, 0, 200_000, 200_000, statements=(
        "INSERT INTO book SELECT 10000000 + $1, isbn, title, description, $2, price, published, now(), in_print FROM book WHERE id <> $1 LIMIT 1",
        UPDATE, "DELETE FROM book WHERE id = $1")),
    Workload("child_single", "one review per transaction, of another book each", NESTED, 5, 100_000, 100_000, statements=(
        "UPDATE review SET stars = 6 - stars, body = body || '!' WHERE id = $1",)),
    Workload("child_bulk", "all reviews in one transaction, 5 of each book", NESTED, 5, 100_000, 500_000,
             bulk="UPDATE review SET stars = 6 - stars, body = body || '!'"),
    Workload("hot_single", "100 books, again and again", NESTED, 5, 100_000, 100_000, statements=(UPDATE,), among=100),
    Workload("backlog", "one book per transaction, a long queue of them", FLAT, 0, 1_000_000, 1_000_000, statements=(UPDATE,), tails=(100_000,)),
]
QUICK_ROOTS = 2_000
VERIFIED_ROOTS = 10_000  # where PGSync asks for no other number
