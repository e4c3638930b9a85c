// SyncState: what the target remembers about itself, stored beside the documents (design D6): whose
// documents these are and up to which LSN they are true. WAL is acknowledged only up to the
// `applied` that is stored here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "consumer/base/lsn.h"

namespace model {

struct LoadProgress {
  bool complete = false;
  // Identifies the plan the chunk numbers belong to (table, relfilenode, pages, chunk size).
  // Another plan = start again.
  std::string plan;
  uint32_t chunks = 0;               // 0 = not known in advance
  uint32_t done_below = 0;           // all chunks below this are in the target
  std::vector<uint32_t> done_above;  // finished ones beyond the first gap, ascending
  std::string last_key_json;  // by-key plans: JSON array, upper bound of chunk done_below - 1
  // For the display of progress: documents written so far, how many there will be by the planner's
  // estimate (0: it has none), and the time spent on it.
  uint64_t documents = 0;
  uint64_t expected = 0;
  uint64_t milliseconds = 0;
  // Of a load over documents that are there: at its end those whose version is lower are deleted;
  // 0 = none.
  uint64_t sweep_below = 0;
  // Once complete: the end of the WAL then. Up to here rows may have moved between pages that were
  // read already and pages that were not, so every UPDATE of them counts, whatever it changed.
  base::Lsn settled;

  bool operator==(const LoadProgress&) const = default;
};

struct SyncState {
  std::string fingerprint;        // of the schema document
  std::string file_fingerprint;   // of what the file alone says; "" = not known
  std::string source;             // JSON text: the document's entry of the file; "" = not known
  std::string shapes;             // JSON text: of the tables, app/table_shapes.h; "" = not known
  std::string system_identifier;  // of the PostgreSQL cluster
  std::string database;
  std::string slot;
  base::Lsn applied;
  int timeline = 0;  // of the server, that `applied` is a position of; 0 = not known
  // Changes are no longer followed, because another generation takes its place; `applied` stays.
  bool frozen = false;
  LoadProgress load;

  bool operator==(const SyncState&) const = default;
};

}  // namespace model
