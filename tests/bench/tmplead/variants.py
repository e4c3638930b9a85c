"""The variants: a plugin and its options, and what its output must look like if it has really sent the rows."""
import dataclasses

# Names as the server knows them; the word in front of a variant's name is the plugin for --plugins.
SERVER_NAME = {"noop": "pgsync_noop"}
# Not part of PostgreSQL: Debian's packages postgresql-<major>-<name>.
PACKAGED = ("wal2json", "decoderbufs")
# A table that exists beside each workload's and is never written.
OTHER_TABLE = "other"


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    options: dict  # {t} is the workload's table
    sends: str = "rows"  # rows: a message for each; frames: many rows in one; nothing
    # Text of the server's ERROR that means: this build cannot do it yet. Anything else is a failure.
    absent_if: str = ""

    @property
    def plugin(self):
        return self.name.split()[0]

    @property
    def slot(self):
        return f"bench_{self.plugin}"

    @property
    def server_name(self):
        return SERVER_NAME.get(self.plugin, self.plugin)

    def option_list(self, table):
        texts = {key: value.format(t=table) for key, value in self.options.items()}
        return ", ".join(f"\"{key}\" '{value}'" for key, value in texts.items())

    def complaint(self, rows, sample):
        """What is wrong with the output of a drain, or None: a plugin that sends nothing would win every comparison."""
        messages, size = sample["messages"], sample["bytes"]
        if self.sends == "nothing":
            return f"{messages} messages, none expected" if messages > 2 else None
        if self.sends == "rows" and messages < rows:
            return f"{messages} messages for {rows} rows"
        # The shortest insert record is an array's head, tag, relid of 3 bytes, and a row of one value.
        if size < 7 * rows:
            return f"{size} bytes for {rows} rows"
        return None


def pgoutput(name, publication="{t}", sends="rows", **options):
    return Variant(name, {"proto_version": "1", "publication_names": f"bench_{publication}"} | options, sends)


def pgsync(name, tables, sends="frames", absent_if="", **options):
    return Variant(name, {"proto_version": "1", "tables": tables} | options, sends, absent_if)


VARIANTS = {v.name: v for v in [
    Variant("noop", {}, "nothing"),
    pgsync("pgsync", "public.{t}"),
    pgsync("pgsync keys", "public.{t}(id)"),
    pgsync("pgsync filtered", f"public.{OTHER_TABLE}", "nothing"),
    pgsync("pgsync streaming", "public.{t}", absent_if='unknown option "streaming"', streaming="on"),
    pgoutput("pgoutput"),
    pgoutput("pgoutput binary", proto_version="2", binary="on"),
    pgoutput("pgoutput filtered", OTHER_TABLE, "nothing"),
    pgoutput("pgoutput streaming", proto_version="2", streaming="on"),
    Variant("test_decoding", {}),
    Variant("wal2json", {"format-version": "2"}),
    # It says BEGIN and COMMIT of each transaction all the same.
    Variant("wal2json filtered", {"format-version": "2", "add-tables": f"public.{OTHER_TABLE}"}, "nothing"),
    Variant("decoderbufs", {}),
]}
PLUGINS = list(dict.fromkeys(v.plugin for v in VARIANTS.values()))
