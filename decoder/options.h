// Options of START_REPLICATION and of the SQL slot functions, as a POD in the decoding context. Any
// role with REPLICATION controls these strings, so the parser trusts nothing. What is not
// understood is an ERROR with a hint: guessing is how data gets silently wrong.
//
//   proto_version        '1', required
//   tables               table ("," table)*            absent: every user table with all columns
//     table              schema "." name [ "(" [columns] [";" [columns]] ")" ]
//     columns            column ("," column)*          first list: emitted, second: watched
//   publish_via_root     boolean                       default: whether "tables" is given
//   origin               any (default) | none          none: only what originates on this server
//   message_prefix       text                          default "pgsync"; "" = every message
//   streaming            boolean, default off          send large transactions in progress
//   every_update         boolean, default off          also UPDATEs that change no asked-for column
//   statistics_interval  milliseconds                  absent: none
//
// Names are as in SQL, quoted where needed.
#pragma once

#include "decoder/pg.h"

namespace pgsync {

struct ColumnNames {
  char** names;  // as in the catalogs, in the order of the option
  int count;

  bool Contains(const char* name) const;
};

struct TableOption {
  char* schema;
  char* table;
  bool all_columns;  // no parentheses: every column is emitted
  ColumnNames emitted;
  ColumnNames watched;
};

struct Options {
  bool local_origin_only;
  bool streaming;
  bool every_update;
  bool publish_via_root;
  int statistics_interval_ms;  // -1: none
  const char* message_prefix;
  bool every_table;
  TableOption* tables;
  int table_count;

  // Returns the entry of that table, or null. Linear: asked once per relation and session, not per
  // change.
  const TableOption* Find(const char* schema, const char* table) const;
};

static_assert(std::is_trivially_destructible_v<Options>);

// Returns the options in CurrentMemoryContext; ERROR on anything unknown, repeated, missing or
// malformed.
Options* ParseOptions(const List* def_elems);

// ERROR if a listed table or column does not exist now, or cannot have changes. Reads the present
// catalogs, in a transaction of its own where there is none (a walsender at START_REPLICATION).
void CheckTablesExist(const Options& options);

}  // namespace pgsync
