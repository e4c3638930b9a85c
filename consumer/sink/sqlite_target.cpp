// SqliteTarget: the present state of all documents in one SQLite file, the embedded default of the
// demo and what tests compare.
//
//   documents("index", id, routing, version, body, docid)     docid: for documents_fts only; stable
//   under VACUUM documents_fts(text)       FTS5 over the string values of the bodies; rowid =
//   docid:
//       SELECT d.id, d.body FROM documents_fts f JOIN documents d ON d.docid = f.rowid WHERE
//       documents_fts MATCH 'word'
//   held("index", name, docid)                                which rows are in a document, for
//   Holders
//   tombstones("index", id, version, at)                      deletions of the last hour, so that
//   no older build undoes them state("index", state)                                     JSON,
//   state_json.h rejected("index", id, reason, document, version, lsn, at)
//
// documents_fts keeps no second copy of the text: it reads the view documents_text when it shows a
// hit. The price is that its entries can only be removed with the very words that were added, so
// format 1 is tied to search_text.cpp.
#include <fmt/format.h>

#include <mutex>

#include "consumer/sink/holders.h"
#include "consumer/sink/sqlite_reader.h"
#include "consumer/sink/sqlite_writer.h"
#include "consumer/sink/state_json.h"

namespace sink {
namespace {

constexpr int kFormat = 1;  // PRAGMA user_version

constexpr char kTables[] = R"sql(
CREATE TABLE IF NOT EXISTS documents(
  "index" TEXT NOT NULL, id TEXT NOT NULL, routing TEXT, version INTEGER NOT NULL, body TEXT NOT NULL,
  docid INTEGER PRIMARY KEY, UNIQUE("index", id));
CREATE VIEW IF NOT EXISTS documents_text AS
  SELECT docid, (SELECT group_concat(atom, ' ') FROM json_tree(body) WHERE type = 'text') AS text FROM documents;
CREATE VIRTUAL TABLE IF NOT EXISTS documents_fts USING fts5(text, content='documents_text', content_rowid='docid');
CREATE TABLE IF NOT EXISTS tombstones(
  "index" TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY("index", id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held(
  docid INTEGER NOT NULL, name TEXT NOT NULL, "index" TEXT NOT NULL, PRIMARY KEY(docid, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_by_name ON held("index", name);
CREATE TABLE IF NOT EXISTS state("index" TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rejected(
  "index" TEXT NOT NULL, id TEXT NOT NULL, reason TEXT NOT NULL, document TEXT NOT NULL, version INTEGER NOT NULL,
  lsn TEXT NOT NULL, at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), PRIMARY KEY("index", id));
)sql";

class SqliteTarget : public Target {
 public:
  SqliteTarget(std::string file, const std::vector<schema::DocumentTree>& trees)
      : file_(std::move(file)), trees_(trees) {}

  std::string Describe() const override { return fmt::format("SQLite file {}", file_); }

  base::Status Probe() override {
    std::lock_guard lock(transactions_);
    return Open();
  }
  base::Result<std::optional<model::SyncState>> ReadState(
      const schema::DocumentTree& tree) override;
  base::Status Create(const schema::DocumentTree& tree, const model::SyncState& state) override {
    return WriteState(tree, state);
  }
  base::Status WriteState(const schema::DocumentTree& tree, const model::SyncState& state) override;
  std::unique_ptr<Writer> NewWriter() override {
    return std::make_unique<SqliteWriter>(file_, trees_, transactions_);
  }
  base::Result<std::unique_ptr<Reader>> NewReader(const schema::DocumentTree& tree) override {
    auto opened = SqliteDatabase::Open(file_);
    if (!opened) return std::move(opened).error();
    return std::unique_ptr<Reader>(std::make_unique<SqliteReader>(std::move(*opened), tree.index));
  }
  base::Result<uint64_t> Sweep(const schema::DocumentTree& tree, uint64_t version) override;
  bool FindsHolders() const override { return true; }
  base::Result<std::vector<RootKey>> Holders(const schema::DocumentTree& tree,
                                             const std::vector<std::string>& names) override;
  base::Status WriteRejected(const schema::DocumentTree& tree,
                             const std::vector<Rejected>& rejected) override;
  base::Result<uint64_t> Count(const schema::DocumentTree& tree) override;
  base::Status MakeSearchable(const schema::DocumentTree&) override { return {}; }
  base::Status Drop(const schema::DocumentTree& tree) override;

 private:
  // All of these: REQUIRES transactions_ held.
  base::Status Open();
  // Runs one statement with texts as its parameters, to its end.
  base::Status Run(const char* sql, std::initializer_list<std::string_view> parameters);

  const std::string file_;
  const std::vector<schema::DocumentTree>& trees_;
  std::mutex transactions_;  // guards database_, and orders the writers' transactions
  std::optional<SqliteDatabase> database_;
};

base::Status SqliteTarget::Open() {
  if (database_) return {};
  auto opened = SqliteDatabase::Open(file_);
  if (!opened) return std::move(opened).error();
  if (auto prepared = PrepareSqliteFile(*opened, file_); !prepared) return prepared;
  database_.emplace(std::move(*opened));
  return {};
}

base::Status SqliteTarget::Run(const char* sql,
                               std::initializer_list<std::string_view> parameters) {
  if (auto opened = Open(); !opened) return opened;
  SqliteStatement statement;
  if (auto prepared = statement.Prepare(*database_, sql); !prepared) return prepared;
  int number = 0;
  for (const std::string_view parameter : parameters) statement.Bind(++number, parameter);
  if (statement.Step() != SQLITE_DONE) return database_->Failure("writing to");
  return {};
}

base::Result<std::optional<model::SyncState>> SqliteTarget::ReadState(
    const schema::DocumentTree& tree) {
  std::lock_guard lock(transactions_);
  if (auto opened = Open(); !opened) return std::move(opened).error();
  SqliteStatement statement;
  auto prepared = statement.Prepare(*database_, "SELECT state FROM state WHERE \"index\" = ?1");
  if (!prepared) return std::move(prepared).error();
  const int code = statement.Bind(1, tree.index).Step();
  if (code == SQLITE_DONE) return std::optional<model::SyncState>();
  if (code != SQLITE_ROW) return database_->Failure("reading");
  auto state =
      ParseState(statement.Text(0), fmt::format("SQLite file {}, index \"{}\"", file_, tree.index));
  if (!state) return std::move(state).error();
  return std::optional<model::SyncState>(std::move(*state));
}

base::Status SqliteTarget::WriteState(const schema::DocumentTree& tree,
                                      const model::SyncState& state) {
  auto present = ReadState(tree);
  if (!present) return std::move(present).error();
  if (*present) {
    if (auto may = MayReplace(**present, state, tree.index); !may) return may;
  }
  std::lock_guard lock(transactions_);
  return Run("INSERT OR REPLACE INTO state(\"index\", state) VALUES (?1, ?2)",
             {tree.index, StateToJson(state)});
}

base::Result<uint64_t> SqliteTarget::Sweep(const schema::DocumentTree& tree, uint64_t version) {
  SqliteWriter writer(file_, trees_, transactions_);
  return writer.Sweep(tree.index, version);
}

base::Result<std::vector<Target::RootKey>> SqliteTarget::Holders(
    const schema::DocumentTree& tree, const std::vector<std::string>& names) {
  std::lock_guard lock(transactions_);
  if (auto opened = Open(); !opened) return std::move(opened).error();
  SqliteStatement statement;
  auto prepared = statement.Prepare(
      *database_,
      "SELECT json_extract(d.body, '$._pgsync.root') FROM held h JOIN documents d USING (docid) "
      "WHERE h.\"index\" = ?1 AND h.name = ?2");
  if (!prepared) return std::move(prepared).error();
  std::vector<RootKey> found;
  for (const std::string& name : names) {
    statement.Bind(1, tree.index).Bind(2, name);
    int code;
    while ((code = statement.Step()) == SQLITE_ROW) {
      auto key = ParseRootKey(statement.Text(0));
      if (!key) return std::move(key).error();
      found.push_back(std::move(*key));
    }
    if (code != SQLITE_DONE) return database_->Failure("reading");
    statement.Reset();
  }
  return found;
}

base::Status SqliteTarget::WriteRejected(const schema::DocumentTree& tree,
                                         const std::vector<Rejected>& rejected) {
  std::lock_guard lock(transactions_);
  if (auto opened = Open(); !opened) return opened;
  // A letter at a time is durable by itself, and replaces itself when it comes again: no
  // transaction around them.
  for (const Rejected& letter : rejected) {
    const std::string left_out = LeftOut(letter);
    const bool fits = database_->RowTakes({tree.index, letter.id, letter.reason, letter.document});
    auto stored =
        Run("INSERT OR REPLACE INTO rejected(\"index\", id, reason, document, version, lsn) "
            "VALUES (?1, ?2, ?3, ?4, CAST(?5 AS INTEGER), ?6)",
            {tree.index, letter.id, letter.reason, fits ? letter.document : left_out,
             std::to_string(letter.version), base::ToString(letter.lsn)});
    if (!stored) return stored;
  }
  return {};
}

base::Result<uint64_t> SqliteTarget::Count(const schema::DocumentTree& tree) {
  std::lock_guard lock(transactions_);
  if (auto opened = Open(); !opened) return std::move(opened).error();
  SqliteStatement statement;
  auto prepared =
      statement.Prepare(*database_, "SELECT count(*) FROM documents WHERE \"index\" = ?1");
  if (!prepared) return std::move(prepared).error();
  if (statement.Bind(1, tree.index).Step() != SQLITE_ROW) return database_->Failure("reading");
  return static_cast<uint64_t>(statement.Number(0));
}

base::Status SqliteTarget::Drop(const schema::DocumentTree& tree) {
  {
    std::lock_guard lock(transactions_);
    // The state first: a half dropped index must not look like a loaded one.
    if (auto done = Run("DELETE FROM state WHERE \"index\" = ?1", {tree.index}); !done) return done;
    if (auto done = Run("DELETE FROM rejected WHERE \"index\" = ?1", {tree.index}); !done)
      return done;
  }
  SqliteWriter writer(file_, trees_, transactions_);
  auto swept = writer.Sweep(tree.index, INT64_MAX);
  if (!swept) return std::move(swept).error();
  std::lock_guard lock(transactions_);
  return Run("DELETE FROM tombstones WHERE \"index\" = ?1", {tree.index});
}

}  // namespace

base::Status PrepareSqliteFile(SqliteDatabase& database, const std::string& file) {
  SqliteStatement format;
  if (auto prepared = format.Prepare(database, "PRAGMA user_version"); !prepared) return prepared;
  if (format.Step() != SQLITE_ROW) return database.Failure("reading");
  const int64_t found = format.Number(0);
  format = {};
  if (found != 0 && found != kFormat) {
    return base::Refused(fmt::format(
        "SQLite file {} has format {}, and this pgsync-consumer knows only {}; name another file "
        "(--target sqlite:FILE), or delete this one and it is loaded anew",
        file, found, kFormat));
  }
  if (auto begun = database.Execute("BEGIN IMMEDIATE"); !begun) return begun;
  auto made = database.Execute(kTables);
  if (made) made = database.Execute(fmt::format("PRAGMA user_version = {}", kFormat).c_str());
  if (made) made = database.Execute("COMMIT");
  if (!made) (void)database.Execute("ROLLBACK");
  return made;
}

std::unique_ptr<Target> MakeSqliteTarget(const std::string& file,
                                         const std::vector<schema::DocumentTree>& trees) {
  return std::make_unique<SqliteTarget>(file, trees);
}

}  // namespace sink
