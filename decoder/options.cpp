// The option list -> Options. The grammar is in options.h.
#include "decoder/options.h"

#include <cstring>

namespace pgsync {
namespace {

constexpr const char* kTablesHint =
    "Expected is a comma-separated list of schema.table, schema.table(emitted columns) or "
    "schema.table(emitted columns; watched columns), with names quoted as in SQL.";

// A position in the text of option "tables".
struct TablesParser {
  const char* text;
  const char* at;

  [[noreturn]] void Fail(const char* expected) const {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"tables\" is malformed at character %d: expected %s",
                           static_cast<int>(at - text) + 1, expected),
                    errhint("%s", kTablesHint)));
  }

  void SkipBlanks() {
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') ++at;
  }

  bool Accept(char c) {
    SkipBlanks();
    if (*at != c) return false;
    ++at;
    return true;
  }

  static bool StartsName(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
  }

  char* QuotedName(const char* expected) {
    const char* const start = at;
    char* const name = static_cast<char*>(palloc(strlen(start) + 1));
    char* end = name;
    for (++at;; ++at) {
      if (*at == '\0') {
        at = start;
        Fail("a closing double quote");
      }
      if (*at == '"' && *++at != '"') break;
      *end++ = *at;
    }
    *end = '\0';
    if (end == name) {
      at = start;
      Fail(expected);
    }
    return name;
  }

  char* Name(const char* expected) {
    SkipBlanks();
    if (*at == '"') return QuotedName(expected);
    if (!StartsName(*at)) Fail(expected);
    const char* const start = at;
    while (StartsName(*at) || (*at >= '0' && *at <= '9') || *at == '$') ++at;
    return downcase_identifier(start, static_cast<int>(at - start), false, false);
  }

  ColumnNames Columns() {
    List* names = NIL;
    do {
      char* const name = Name("a column name");
      ListCell* cell;
      foreach (cell, names) {
        if (strcmp(static_cast<char*>(lfirst(cell)), name) == 0) {
          ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                          errmsg("option \"tables\" lists column \"%s\" twice, the second time "
                                 "before character %d",
                                 name, static_cast<int>(at - text) + 1),
                          errhint("%s", kTablesHint)));
        }
      }
      names = lappend(names, name);
    } while (Accept(','));
    ColumnNames columns = {pg::AllocZero<char*>(list_length(names)), 0};
    ListCell* cell;
    foreach (cell, names) columns.names[columns.count++] = static_cast<char*>(lfirst(cell));
    list_free(names);
    return columns;
  }

  void Table(TableOption* table) {
    table->schema = Name("a schema name");
    if (!Accept('.')) Fail("a dot after the schema's name");
    table->table = Name("a table name");
    table->all_columns = !Accept('(');
    if (table->all_columns) return;
    SkipBlanks();
    if (*at == ')') Fail("a column name or a semicolon");
    if (*at != ';') table->emitted = Columns();
    if (Accept(';')) {
      SkipBlanks();
      if (*at != ')') table->watched = Columns();
    }
    if (!Accept(')')) Fail("a comma, a semicolon or a closing parenthesis");
  }
};

void ParseTables(Options* options, const char* value) {
  TablesParser parser = {value, value};
  List* tables = NIL;
  do {
    TableOption* const table = pg::AllocZero<TableOption>();
    parser.Table(table);
    ListCell* cell;
    foreach (cell, tables) {
      const TableOption* const other = static_cast<TableOption*>(lfirst(cell));
      if (strcmp(other->schema, table->schema) == 0 && strcmp(other->table, table->table) == 0) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"tables\" lists table %s twice",
                               quote_qualified_identifier(table->schema, table->table)),
                        errhint("Merge the columns of both into one entry.")));
      }
    }
    tables = lappend(tables, table);
  } while (parser.Accept(','));
  parser.SkipBlanks();
  if (*parser.at != '\0') parser.Fail("a comma or the end");

  options->every_table = false;
  options->tables = pg::AllocZero<TableOption>(list_length(tables));
  ListCell* cell;
  foreach (cell, tables) {
    options->tables[options->table_count++] = *static_cast<TableOption*>(lfirst(cell));
  }
}

void ParseProtoVersion(Options*, const char* value) {
  if (strcmp(value, "1") != 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"proto_version\" is \"%s\", but this pgsync speaks version 1 "
                           "only",
                           value),
                    errhint("Install the same release of pgsync in the server and of "
                            "pgsync-consumer.")));
  }
}

void ParseOrigin(Options* options, const char* value) {
  if (strcmp(value, "none") == 0) {
    options->local_origin_only = true;
  } else if (strcmp(value, "any") != 0) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"origin\" is \"%s\"", value),
             errhint("Allowed are \"any\" and \"none\".")));
  }
}

bool ParseBoolean(const char* name, const char* value) {
  bool parsed;
  if (!parse_bool(value, &parsed)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"%s\" is \"%s\", which is not a boolean", name, value),
                    errhint("Allowed are \"on\" and \"off\".")));
  }
  return parsed;
}

void ParsePublishViaRoot(Options* options, const char* value) {
  options->publish_via_root = ParseBoolean("publish_via_root", value);
}

void ParseStreaming(Options* options, const char* value) {
  options->streaming = ParseBoolean("streaming", value);
}

void ParseEveryUpdate(Options* options, const char* value) {
  options->every_update = ParseBoolean("every_update", value);
}

void ParseMessagePrefix(Options* options, const char* value) {
  options->message_prefix = pstrdup(value);
}

void ParseStatisticsInterval(Options* options, const char* value) {
  const char* hint = nullptr;
  if (!parse_int(value, &options->statistics_interval_ms, GUC_UNIT_MS, &hint) ||
      options->statistics_interval_ms < 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"statistics_interval\" is \"%s\"", value),
                    errhint("Give a number of milliseconds, or one with a unit, as \"10s\"; 0 is "
                            "after every transaction.")));
  }
}

struct OptionKind {
  const char* name;
  bool required;
  void (*parse)(Options*, const char* value);
};

constexpr OptionKind kOptionKinds[] = {
    {"proto_version", true, ParseProtoVersion},
    {"tables", false, ParseTables},
    {"publish_via_root", false, ParsePublishViaRoot},
    {"origin", false, ParseOrigin},
    {"message_prefix", false, ParseMessagePrefix},
    {"streaming", false, ParseStreaming},
    {"every_update", false, ParseEveryUpdate},
    {"statistics_interval", false, ParseStatisticsInterval},
};
constexpr int kOptionCount = static_cast<int>(sizeof(kOptionKinds) / sizeof(kOptionKinds[0]));

int KindOf(const char* name) {
  for (int i = 0; i < kOptionCount; ++i) {
    if (strcmp(kOptionKinds[i].name, name) == 0) return i;
  }
  return -1;
}

const char* OptionNames() {
  StringInfoData names;
  initStringInfo(&names);
  for (int i = 0; i < kOptionCount; ++i) {
    const char* const separator = i == 0 ? "" : i + 1 == kOptionCount ? " and " : ", ";
    appendStringInfo(&names, "%s\"%s\"", separator, kOptionKinds[i].name);
  }
  return names.data;
}

void CheckColumnsExist(Oid relid, const TableOption& table, const ColumnNames& columns) {
  for (int i = 0; i < columns.count; ++i) {
    // System columns have negative numbers; they are not in the changes.
    if (get_attnum(relid, columns.names[i]) <= 0) {
      ereport(ERROR,
              (errcode(ERRCODE_UNDEFINED_COLUMN),
               errmsg("column \"%s\" of table %s does not exist", columns.names[i],
                      quote_qualified_identifier(table.schema, table.table)),
               errhint("It is named in option \"tables\": correct the schema file, or add the "
                       "column to the table.")));
    }
  }
}

void CheckTableExists(const TableOption& table) {
  const char* const name = quote_qualified_identifier(table.schema, table.table);
  const Oid schema = get_namespace_oid(table.schema, true);
  const Oid relid = OidIsValid(schema) ? get_relname_relid(table.table, schema) : InvalidOid;
  if (!OidIsValid(relid)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table %s does not exist", name),
                    errhint("It is named in option \"tables\": correct the schema file, or create "
                            "the table in database \"%s\".",
                            get_database_name(MyDatabaseId))));
  }
  const char kind = get_rel_relkind(relid);
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_MATVIEW) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("%s is not a table, so it has no changes to decode", name),
                    errhint("Name the tables that it reads in option \"tables\" instead.")));
  }
  CheckColumnsExist(relid, table, table.emitted);
  CheckColumnsExist(relid, table, table.watched);
}

}  // namespace

bool ColumnNames::Contains(const char* name) const {
  for (int i = 0; i < count; ++i) {
    if (strcmp(names[i], name) == 0) return true;
  }
  return false;
}

const TableOption* Options::Find(const char* schema, const char* table) const {
  for (int i = 0; i < table_count; ++i) {
    if (strcmp(tables[i].table, table) == 0 && strcmp(tables[i].schema, schema) == 0) {
      return &tables[i];
    }
  }
  return nullptr;
}

Options* ParseOptions(const List* def_elems) {
  Options* const options = pg::AllocZero<Options>();
  options->every_table = true;
  options->message_prefix = "pgsync";
  options->statistics_interval_ms = -1;
  bool seen[kOptionCount] = {};
  ListCell* cell;
  foreach (cell, def_elems) {
    const DefElem* const element = lfirst_node(DefElem, cell);
    const int kind = KindOf(element->defname);
    if (kind < 0) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("unknown option \"%s\" of output plugin pgsync", element->defname),
                      errhint("Options are %s.", OptionNames())));
    }
    if (seen[kind]) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("option \"%s\" is given twice", element->defname),
                      errhint("Give every option once.")));
    }
    if (element->arg == nullptr) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("option \"%s\" has no value", element->defname),
                      errhint("Give a value, or leave the option out.")));
    }
    seen[kind] = true;
    kOptionKinds[kind].parse(options, strVal(element->arg));
  }
  for (int i = 0; i < kOptionCount; ++i) {
    if (kOptionKinds[i].required && !seen[i]) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("option \"%s\" is missing", kOptionKinds[i].name),
                      errhint("Give proto_version '1'.")));
    }
  }
  if (!seen[KindOf("publish_via_root")]) options->publish_via_root = !options->every_table;
  return options;
}

void CheckTablesExist(const Options& options) {
  if (options.table_count == 0) return;
  // START_REPLICATION starts a plugin outside of any transaction, the SQL functions inside of one.
  // The slot's catalog_xmin protects what is read here, although this process is not counted in the
  // vacuum horizon.
  const bool own_transaction = !IsTransactionState();
  const MemoryContext caller = CurrentMemoryContext;
  if (own_transaction) StartTransactionCommand();
  for (int i = 0; i < options.table_count; ++i) CheckTableExists(options.tables[i]);
  if (own_transaction) CommitTransactionCommand();
  pg::Enter(caller);
}

}  // namespace pgsync
