// What the stream says happened: relations, row changes, marks of transactions, whole or in
// progress, and what the plugin counted. Made by wire/, read by app/batch_collector and
// assemble/affected_roots. Column values are kept as text in PostgreSQL's own input form, because
// their one use is to be looked up by SQL: documents are always built from the tables, never from
// these rows (design D2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "consumer/base/lsn.h"

namespace model {

struct Value {
  enum class Kind : uint8_t {
    kNull,
    kText,       // `text` is the value
    kUnchanged,  // a TOASTed value that an UPDATE left alone: the stream does not carry it
    kMissing,    // not part of the replica identity: an old row does not carry it
  };
  Kind kind = Kind::kNull;
  std::string text;
};

struct RelationColumn {
  std::string name;
  uint32_t type_oid = 0;
  bool in_identity = false;
};

// One version of a table's shape, in effect from its relation record until the next one with the
// same id.
struct Relation {
  uint32_t id = 0;  // the table's Oid
  std::string schema;
  std::string table;
  char identity = 'd';                  // as pg_class.relreplident: d, n, f, i
  std::vector<RelationColumn> columns;  // the emitted ones, in table order
};

// The old row of an UPDATE or DELETE, as far as the replica identity puts it into the WAL.
enum class OldRow : uint8_t {
  kAbsent,  // UPDATE: identity unchanged. DELETE: the table has no identity at all
  kKey,     // identity columns only, the others are kMissing
  kFull,    // REPLICA IDENTITY FULL
};

struct RowChange {
  enum class Kind : uint8_t { kInsert, kUpdate, kDelete };
  Kind kind = Kind::kInsert;
  std::shared_ptr<const Relation>
      relation;  // shared: a relation record replaces it while changes of the old shape live on
  OldRow old_kind = OldRow::kAbsent;
  std::vector<Value> old_row;  // one per relation column, or empty
  std::vector<Value> new_row;  // one per relation column; empty for a DELETE
};

struct Begin {
  base::Lsn commit_lsn;  // of the commit record; known before the changes because decoding starts
                         // at commit
  int64_t commit_time_us = 0;  // microseconds since 2000-01-01 UTC
  uint32_t xid = 0;
};

struct Truncate {
  std::vector<std::shared_ptr<const Relation>> relations;
  bool cascade = false;
  bool restart_sequences = false;
};

// pg_logical_emit_message.
struct LogicalMessage {
  bool transactional = false;
  base::Lsn lsn;
  std::string prefix;
  std::string content;
};

struct Commit {
  base::Lsn commit_lsn;
  base::Lsn end_lsn;  // first byte after the commit record: what may be acknowledged
  int64_t commit_time_us = 0;
};

// A block of a transaction in progress: what stands between StreamStart and StreamStop belongs to
// it, and counts only once its StreamCommit has come.
struct StreamStart {
  uint32_t xid = 0;    // of the top-level transaction
  bool first = false;  // nothing of it came before
};

// Up to the next one or the end of the block, changes belong to this (sub)transaction.
struct Subtransaction {
  uint32_t subxid = 0;
};

struct StreamStop {};

struct StreamCommit {
  uint32_t xid = 0;
  base::Lsn commit_lsn;
  base::Lsn end_lsn;
  int64_t commit_time_us = 0;
};

struct StreamAbort {
  uint32_t xid = 0;
  uint32_t subxid = 0;  // the one that is taken back; all of it when equal to xid
};

// What the plugin did with the rows of one table since the session began.
struct Counters {
  uint32_t relid = 0;
  std::shared_ptr<const Relation> relation;  // null when the session has not described the table
  uint64_t decoded = 0;
  uint64_t filtered = 0;
  uint64_t suppressed = 0;
  uint64_t sent = 0;
  uint64_t bytes = 0;
};

struct Statistics {
  std::vector<Counters> relations;
};

using Record = std::variant<Begin, RowChange, Truncate, LogicalMessage, Commit, StreamStart,
                            Subtransaction, StreamStop, StreamCommit, StreamAbort, Statistics>;

}  // namespace model
