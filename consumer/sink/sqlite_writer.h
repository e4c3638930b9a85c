// SqliteWriter: one transaction per bulk request, with the version rules of the engines'
// external_gte: an older build never replaces a newer one, nor brings back what a newer one
// deleted. See sqlite_target.cpp for the tables. One thread. Transactions of all writers of a
// process queue at one mutex, which is fairer than SQLite's polling.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "consumer/sink/sqlite_database.h"
#include "consumer/sink/target.h"

namespace sink {

class SqliteWriter : public Writer {
 public:
  // `trees` and `transactions` are borrowed for the writer's life. The file has its tables already
  // (PrepareSqliteFile).
  SqliteWriter(std::string file, const std::vector<schema::DocumentTree>& trees,
               std::mutex& transactions)
      : file_(std::move(file)), trees_(trees), transactions_(transactions) {}

  base::Result<model::BulkOutcome> Write(const model::BulkRequest& request) override;

  // Deletes the documents of one index with a version below `version`, in one transaction. Returns
  // how many.
  base::Result<uint64_t> Sweep(const std::string& index, uint64_t version);

 private:
  struct Stored {
    bool exists = false;
    int64_t docid = 0;
    uint64_t version = 0;
    std::string words;  // its search text
  };
  struct Statements {
    SqliteStatement find, find_tombstone, insert, update, remove, bury, unbury, add_words,
        forget_words, hold, drop_held, prune, below;
  };

  base::Status Open();
  base::Status Begin();
  base::Status WriteAll(const model::BulkRequest& request, model::BulkOutcome* outcome);
  base::Result<model::ItemOutcome> WriteItem(const schema::DocumentTree& tree,
                                             const model::BulkItem& item,
                                             std::string_view document);
  base::Result<Stored> Find(const std::string& index, const std::string& id);
  base::Result<uint64_t> TombstoneVersion(const std::string& index, const std::string& id);
  base::Status Insert(const schema::DocumentTree& tree, const model::BulkItem& item,
                      std::string_view document);
  base::Status Update(const schema::DocumentTree& tree, const Stored& old,
                      const model::BulkItem& item, std::string_view document);
  // After the document was written or removed: which rows are in it.
  base::Status Hold(const schema::DocumentTree& tree, int64_t docid, std::string_view document);
  base::Status Remove(const std::string& index, const std::string& id, const Stored& old,
                      uint64_t version);
  base::Result<uint64_t> SweepAll(const std::string& index, uint64_t version);
  base::Status PruneTombstones();
  base::Status Changed(SqliteStatement& statement);

  const std::string file_;
  const std::vector<schema::DocumentTree>& trees_;
  std::mutex& transactions_;
  std::optional<SqliteDatabase> database_;  // opened by the first call, in its thread
  Statements sql_;
  int64_t last_prune_ = 0;
};

// Makes the tables that are missing. kRefused: the file is of another format.
base::Status PrepareSqliteFile(SqliteDatabase& database, const std::string& file);

}  // namespace sink
