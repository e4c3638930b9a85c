#include "consumer/sink/sqlite_writer.h"

#include <fmt/format.h>

#include <chrono>

#include "consumer/sink/search_text.h"

namespace sink {
namespace {

// Builds older than half a minute are thrown away by their makers (design D3); an hour is far
// beyond all of them.
constexpr int64_t kTombstoneSeconds = 3600;
constexpr int64_t kPruneEverySeconds = 60;
constexpr int kSweepPage = 1000;

int64_t NowSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

base::Status SqliteWriter::Open() {
  if (database_) return {};
  auto opened = SqliteDatabase::Open(file_);
  if (!opened) return std::move(opened).error();
  const std::pair<SqliteStatement*, const char*> all[] = {
      {&sql_.find, "SELECT docid, version, body FROM documents WHERE \"index\" = ?1 AND id = ?2"},
      {&sql_.find_tombstone, "SELECT version FROM tombstones WHERE \"index\" = ?1 AND id = ?2"},
      {&sql_.insert,
       "INSERT INTO documents(\"index\", id, routing, version, body) VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&sql_.update, "UPDATE documents SET routing = ?2, version = ?3, body = ?4 WHERE docid = ?1"},
      {&sql_.remove, "DELETE FROM documents WHERE docid = ?1"},
      {&sql_.bury,
       "INSERT OR REPLACE INTO tombstones(\"index\", id, version, at) VALUES (?1, ?2, ?3, ?4)"},
      {&sql_.unbury, "DELETE FROM tombstones WHERE \"index\" = ?1 AND id = ?2"},
      {&sql_.add_words, "INSERT INTO documents_fts(rowid, text) VALUES (?1, ?2)"},
      {&sql_.forget_words,
       "INSERT INTO documents_fts(documents_fts, rowid, text) VALUES ('delete', ?1, ?2)"},
      {&sql_.hold,
       "INSERT OR IGNORE INTO held(docid, name, \"index\") "
       "SELECT ?1, value, ?2 FROM json_each(?3, '$._pgsync.lookup')"},
      {&sql_.drop_held, "DELETE FROM held WHERE docid = ?1"},
      {&sql_.prune, "DELETE FROM tombstones WHERE at < ?1"},
      {&sql_.below,
       "SELECT docid, id, body FROM documents d WHERE \"index\" = ?1 AND version < ?2 "
       "AND docid > ?3 AND NOT EXISTS (SELECT 1 FROM rejected r WHERE r.\"index\" = ?1 "
       "AND r.id = d.id AND r.version >= ?2) ORDER BY docid LIMIT ?4"},
  };
  for (const auto& [statement, text] : all) {
    if (auto prepared = statement->Prepare(*opened, text); !prepared) return prepared;
  }
  database_.emplace(std::move(*opened));
  return {};
}

base::Status SqliteWriter::Begin() {
  if (auto opened = Open(); !opened) return opened;
  return database_->Execute("BEGIN IMMEDIATE");
}

base::Result<model::BulkOutcome> SqliteWriter::Write(const model::BulkRequest& request) {
  std::lock_guard lock(transactions_);
  if (auto begun = Begin(); !begun) return std::move(begun).error();
  model::BulkOutcome outcome;
  outcome.items.reserve(request.items.size());
  auto written = WriteAll(request, &outcome);
  if (written) written = database_->Execute("COMMIT");
  if (!written) {
    (void)database_->Execute(
        "ROLLBACK");  // there may be none left: a full disk rolls back by itself
    return std::move(written).error();
  }
  return outcome;
}

base::Status SqliteWriter::WriteAll(const model::BulkRequest& request,
                                    model::BulkOutcome* outcome) {
  bool deletes = false;
  for (const model::BulkItem& item : request.items) {
    if (item.document >= trees_.size())
      return base::Fatal("a bulk item belongs to no document of the schema");
    auto written = WriteItem(trees_[item.document], item, request.Document(item));
    if (!written) return std::move(written).error();
    outcome->items.push_back(std::move(*written));
    deletes |= item.kind == model::BulkItem::Kind::kDelete;
  }
  return deletes ? PruneTombstones() : base::Status();
}

base::Result<model::ItemOutcome> SqliteWriter::WriteItem(const schema::DocumentTree& tree,
                                                         const model::BulkItem& item,
                                                         std::string_view document) {
  using model::ItemStatus;
  const std::string& index = tree.index;
  if (!database_->RowTakes({index, item.id, item.routing, document})) {
    return model::ItemOutcome{
        ItemStatus::kRejected, 413,
        fmt::format("too_large: SQLite takes no value of {} bytes", document.size())};
  }
  auto stored = Find(index, item.id);
  if (!stored) return std::move(stored).error();
  uint64_t known_version = stored->version;
  if (!stored->exists) {
    auto tombstone = TombstoneVersion(index, item.id);
    if (!tombstone) return std::move(tombstone).error();
    known_version = *tombstone;
  }
  // Version 0 is "unversioned": the last one wins.
  if (item.version != 0 && item.version < known_version) {
    return model::ItemOutcome{ItemStatus::kFresher, 409, ""};
  }
  auto done = item.kind == model::BulkItem::Kind::kDelete
                  ? Remove(index, item.id, *stored, item.version)
              : stored->exists ? Update(tree, *stored, item, document)
                               : Insert(tree, item, document);
  if (!done) return std::move(done).error();
  return model::ItemOutcome{ItemStatus::kDone, 200, ""};
}

base::Result<SqliteWriter::Stored> SqliteWriter::Find(const std::string& index,
                                                      const std::string& id) {
  Stored stored;
  const int code = sql_.find.Bind(1, index).Bind(2, id).Step();
  if (code == SQLITE_ROW) {
    stored.exists = true;
    stored.docid = sql_.find.Number(0);
    stored.version = static_cast<uint64_t>(sql_.find.Number(1));
    AppendSearchText(sql_.find.Text(2), &stored.words);
  }
  const bool failed = code != SQLITE_ROW && code != SQLITE_DONE;
  base::Error error = failed ? database_->Failure("reading") : base::Error();
  sql_.find.Reset();
  if (failed) return error;
  return stored;
}

base::Result<uint64_t> SqliteWriter::TombstoneVersion(const std::string& index,
                                                      const std::string& id) {
  const int code = sql_.find_tombstone.Bind(1, index).Bind(2, id).Step();
  const uint64_t version =
      code == SQLITE_ROW ? static_cast<uint64_t>(sql_.find_tombstone.Number(0)) : 0;
  const bool failed = code != SQLITE_ROW && code != SQLITE_DONE;
  base::Error error = failed ? database_->Failure("reading") : base::Error();
  sql_.find_tombstone.Reset();
  if (failed) return error;
  return version;
}

base::Status SqliteWriter::Changed(SqliteStatement& statement) {
  const bool done = statement.Step() == SQLITE_DONE;
  base::Status status = done ? base::Status() : base::Status(database_->Failure("writing to"));
  statement.Reset();
  return status;
}

base::Status SqliteWriter::Insert(const schema::DocumentTree& tree, const model::BulkItem& item,
                                  std::string_view document) {
  sql_.insert.Bind(1, tree.index)
      .Bind(2, item.id)
      .Bind(4, static_cast<int64_t>(item.version))
      .Bind(5, document);
  if (!item.routing.empty()) sql_.insert.Bind(3, item.routing);
  if (auto done = Changed(sql_.insert); !done) return done;
  const int64_t docid = sqlite3_last_insert_rowid(database_->handle());
  std::string words;
  AppendSearchText(document, &words);
  if (auto done = Changed(sql_.add_words.Bind(1, docid).Bind(2, words)); !done) return done;
  if (auto done = Hold(tree, docid, document); !done) return done;
  return Changed(sql_.unbury.Bind(1, tree.index).Bind(2, item.id));
}

base::Status SqliteWriter::Update(const schema::DocumentTree& tree, const Stored& old,
                                  const model::BulkItem& item, std::string_view document) {
  std::string words;
  AppendSearchText(document, &words);
  const bool same_words = words == old.words;
  if (!same_words) {
    auto done = Changed(sql_.forget_words.Bind(1, old.docid).Bind(2, old.words));
    if (!done) return done;
  }
  sql_.update.Bind(1, old.docid).Bind(3, static_cast<int64_t>(item.version)).Bind(4, document);
  if (!item.routing.empty()) sql_.update.Bind(2, item.routing);
  if (auto done = Changed(sql_.update); !done) return done;
  if (auto done = Hold(tree, old.docid, document); !done) return done;
  return same_words ? base::Status() : Changed(sql_.add_words.Bind(1, old.docid).Bind(2, words));
}

base::Status SqliteWriter::Hold(const schema::DocumentTree& tree, int64_t docid,
                                std::string_view document) {
  if (!schema::HasLookups(tree)) return {};
  if (auto done = Changed(sql_.drop_held.Bind(1, docid)); !done) return done;
  return Changed(sql_.hold.Bind(1, docid).Bind(2, tree.index).Bind(3, document));
}

base::Status SqliteWriter::Remove(const std::string& index, const std::string& id,
                                  const Stored& old, uint64_t version) {
  if (old.exists) {
    if (auto done = Changed(sql_.forget_words.Bind(1, old.docid).Bind(2, old.words)); !done)
      return done;
    if (auto done = Changed(sql_.remove.Bind(1, old.docid)); !done) return done;
    if (auto done = Changed(sql_.drop_held.Bind(1, old.docid)); !done) return done;
  }
  if (version == 0) return {};
  return Changed(sql_.bury.Bind(1, index)
                     .Bind(2, id)
                     .Bind(3, static_cast<int64_t>(version))
                     .Bind(4, NowSeconds()));
}

base::Status SqliteWriter::PruneTombstones() {
  const int64_t now = NowSeconds();
  if (now - last_prune_ < kPruneEverySeconds) return {};
  last_prune_ = now;
  return Changed(sql_.prune.Bind(1, now - kTombstoneSeconds));
}

base::Result<uint64_t> SqliteWriter::Sweep(const std::string& index, uint64_t version) {
  std::lock_guard lock(transactions_);
  if (auto begun = Begin(); !begun) return std::move(begun).error();
  auto swept = SweepAll(index, version);
  if (swept) {
    if (auto committed = database_->Execute("COMMIT"); !committed)
      swept = std::move(committed).error();
  }
  if (!swept) (void)database_->Execute("ROLLBACK");
  return swept;
}

base::Result<uint64_t> SqliteWriter::SweepAll(const std::string& index, uint64_t version) {
  struct Stale {
    std::string id;
    Stored stored;
  };
  uint64_t swept = 0;
  int64_t last = 0;
  for (;;) {
    std::vector<Stale> page;
    sql_.below.Bind(1, index)
        .Bind(2, static_cast<int64_t>(version))
        .Bind(3, last)
        .Bind(4, kSweepPage);
    int code;
    while ((code = sql_.below.Step()) == SQLITE_ROW) {
      Stale stale{std::string(sql_.below.Text(1)), {true, sql_.below.Number(0), version, ""}};
      AppendSearchText(sql_.below.Text(2), &stale.stored.words);
      last = stale.stored.docid;
      page.push_back(std::move(stale));
    }
    if (code != SQLITE_DONE) {
      base::Error error = database_->Failure("reading");
      sql_.below.Reset();
      return error;
    }
    sql_.below.Reset();
    if (page.empty()) return swept;
    for (const Stale& stale : page) {
      auto removed = Remove(index, stale.id, stale.stored, version);
      if (!removed) return std::move(removed).error();
    }
    swept += page.size();
  }
}

}  // namespace sink
