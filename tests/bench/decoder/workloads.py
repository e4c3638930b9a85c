"""The workloads: which tables there are before the slots, what is written once after them, and who decodes it.

Sizes are such that the cheapest variant costs about one second of CPU, where the size is not part of the workload's name.
"""
import dataclasses

WITHOUT_SPILLING = "4GB"
AS_INSTALLED = "64MB"  # the default of logical_decoding_work_mem

NARROW = "id int8 PRIMARY KEY, customer int4 NOT NULL, amount int4 NOT NULL, note text NOT NULL, created timestamptz NOT NULL"
NARROW_ROW = "i, i % 1000, i * 7 % 100000, md5(i::text), timestamptz '2026-01-01 00:00+00' + i * interval '1 second'"

WIDE = """id int8 PRIMARY KEY, customer int4 NOT NULL, quantity int4, position int4, active bool, weight float8, price numeric(12,2),
    title text, sku varchar(40), ref uuid, created timestamptz, updated timestamp, day date, attributes jsonb, tags text[], description text"""
WIDE_ROW = """i, i % 1000, i % 50, CASE WHEN i % 7 = 0 THEN NULL ELSE i % 300 END, i % 3 = 0, i * 1.25 / 3, (i % 1000000) / 100.0,
    'Title of the row number ' || i || ' in a wide table', 'SKU-' || md5(i::text), md5(i::text)::uuid,
    timestamptz '2026-01-01 00:00+00' + i * interval '1 second', timestamp '2026-02-01 00:00' + i * interval '1 millisecond',
    date '2020-01-01' + i % 2000, jsonb_build_object('colour', 'blue', 'size', i % 60, 'stock', jsonb_build_object('here', i % 9, 'there', 4)),
    ARRAY['tag' || i % 10, 'fresh', 'new arrival'], repeat(md5(i::text), 4)"""

TOAST_BYTES = 100_000_000


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    rows: int
    quick_rows: int
    before: str  # creates table {t}; {n} is the number of rows
    write: str
    variants: tuple
    work_mem: str = WITHOUT_SPILLING
    large_rows: bool = False  # the row itself is larger than the memory that a plugin may take
    repeat: int = 1  # times the rounds, where a few percent decide
    quick_work_mem: str = ""  # for a workload that has to spill at its small size too

    def quick(self):
        return dataclasses.replace(self, rows=self.quick_rows, repeat=1, work_mem=self.quick_work_mem or self.work_mem)


EVERYBODY = ("noop", "pgsync", "pgsync keys", "pgoutput", "pgoutput binary", "test_decoding", "wal2json", "decoderbufs")
STREAMING = ("pgsync streaming", "pgoutput streaming")
NARROW_TABLE = f"CREATE TABLE {{t}} ({NARROW})"
NARROW_INSERT = f"INSERT INTO {{t}} SELECT {NARROW_ROW} FROM generate_series(1, {{n}}) AS i"

WORKLOADS = [
    Workload("narrow", "narrow inserts, one transaction", 500_000, 20_000, NARROW_TABLE, NARROW_INSERT, EVERYBODY),
    Workload("wide", "wide inserts (16 columns), one transaction", 300_000, 10_000, f"CREATE TABLE {{t}} ({WIDE})",
             f"INSERT INTO {{t}} SELECT {WIDE_ROW} FROM generate_series(1, {{n}}) AS i", EVERYBODY),
    Workload("updates", "updates of two non-key columns, one transaction", 500_000, 20_000, f"{NARROW_TABLE}; {NARROW_INSERT}",
             "UPDATE {t} SET amount = amount + 1, note = reverse(note)", EVERYBODY),
    Workload("single", "inserts, one transaction each", 200_000, 5_000, NARROW_TABLE,
             f"DO $$ BEGIN FOR i IN 1..{{n}} LOOP INSERT INTO {{t}} VALUES ({NARROW_ROW}); COMMIT; END LOOP; END $$", EVERYBODY),
    Workload("unrelated", "narrow inserts into a table that is not asked for", 1_000_000, 20_000, NARROW_TABLE, NARROW_INSERT,
             ("noop", "pgsync filtered", "pgoutput filtered", "wal2json filtered"), repeat=3),
    Workload("big", "inserts, one large transaction, larger than logical_decoding_work_mem", 2_000_000, 60_000, NARROW_TABLE, NARROW_INSERT,
             EVERYBODY + STREAMING, work_mem=AS_INSTALLED, quick_work_mem="8MB"),
    # EXTERNAL: out of line and not compressed, so the WAL carries all of it, as with a value that does not compress.
    Workload("toast", "values of 100 MB, one per transaction", 6, 1,
             "CREATE TABLE {t} (id int8 PRIMARY KEY, body text); ALTER TABLE {t} ALTER COLUMN body SET STORAGE EXTERNAL",
             f"DO $$ BEGIN FOR i IN 1..{{n}} LOOP INSERT INTO {{t}} VALUES (i, repeat(md5(i::text), {TOAST_BYTES // 32})); COMMIT;"
             " END LOOP; END $$", EVERYBODY, large_rows=True),
]
