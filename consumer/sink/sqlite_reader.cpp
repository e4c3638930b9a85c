#include "consumer/sink/sqlite_reader.h"

#include "consumer/sink/search_text.h"

namespace sink {

base::Status SqliteReader::EachRow(SqliteStatement& statement,
                                   const std::function<base::Status()>& see) {
  int code;
  base::Status seen;
  while (seen && (code = statement.Step()) == SQLITE_ROW) seen = see();
  if (seen && code != SQLITE_DONE) seen = database_.Failure("reading");
  statement.Reset();
  return seen;
}

base::Status SqliteReader::Documents(const std::vector<std::string>& ids,
                                     const std::function<base::Status(StoredDocument)>& see) {
  SqliteStatement find;
  auto prepared = find.Prepare(database_,
                               "SELECT coalesce(routing, ''), version, body FROM documents WHERE "
                               "\"index\" = ?1 AND id = ?2");
  if (!prepared) return prepared;
  for (const std::string& id : ids) {
    auto seen = EachRow(find.Bind(1, index_).Bind(2, id), [&] {
      return see({id, std::string(find.Text(0)), static_cast<uint64_t>(find.Number(1)),
                  std::string(find.Text(2))});
    });
    if (!seen) return seen;
  }
  return {};
}

base::Status SqliteReader::Ids(const std::function<base::Status(StoredDocument)>& see) {
  SqliteStatement all;
  auto prepared = all.Prepare(
      database_, "SELECT id, coalesce(routing, ''), version FROM documents WHERE \"index\" = ?1");
  if (!prepared) return prepared;
  return EachRow(all.Bind(1, index_), [&] {
    return see({std::string(all.Text(0)), std::string(all.Text(1)),
                static_cast<uint64_t>(all.Number(2)), ""});
  });
}

// With its search text, which can only be taken out word by word (sqlite_target.cpp).
base::Status SqliteReader::Remove(const StoredDocument& document, uint64_t version) {
  SqliteStatement find, forget, drop_held, remove;
  const std::pair<SqliteStatement*, const char*> all[] = {
      {&find,
       "SELECT docid, body FROM documents WHERE \"index\" = ?1 AND id = ?2 AND version <= ?3"},
      {&forget, "INSERT INTO documents_fts(documents_fts, rowid, text) VALUES ('delete', ?1, ?2)"},
      {&drop_held, "DELETE FROM held WHERE docid = ?1"},
      {&remove, "DELETE FROM documents WHERE docid = ?1"}};
  for (const auto& [statement, text] : all) {
    if (auto prepared = statement->Prepare(database_, text); !prepared) return prepared;
  }
  if (auto begun = database_.Execute("BEGIN IMMEDIATE"); !begun) return begun;
  int64_t docid = 0;
  std::string words;
  auto done = EachRow(find.Bind(1, index_)
                          .Bind(2, document.id)
                          .Bind(3, version == 0 ? INT64_MAX : static_cast<int64_t>(version)),
                      [&] {
                        docid = find.Number(0);
                        AppendSearchText(find.Text(1), &words);
                        return base::Status();
                      });
  const auto nothing = [] { return base::Status(); };
  if (done && docid > 0) done = EachRow(forget.Bind(1, docid).Bind(2, words), nothing);
  if (done && docid > 0) done = EachRow(drop_held.Bind(1, docid), nothing);
  if (done && docid > 0) done = EachRow(remove.Bind(1, docid), nothing);
  if (done) done = database_.Execute("COMMIT");
  if (!done) (void)database_.Execute("ROLLBACK");
  return done;
}

base::Status SqliteReader::DeadLetters(const std::function<base::Status(DeadLetter)>& see) {
  SqliteStatement all;
  auto prepared = all.Prepare(database_,
                              "SELECT id, reason, document, version, lsn, at FROM rejected WHERE "
                              "\"index\" = ?1 ORDER BY at, id");
  if (!prepared) return prepared;
  // All at once: a callback may remove letters.
  std::vector<DeadLetter> letters;
  auto read = EachRow(all.Bind(1, index_), [&] {
    const std::string at(all.Text(5));
    letters.push_back({std::string(all.Text(0)), std::string(all.Text(1)), std::string(all.Text(2)),
                       static_cast<uint64_t>(all.Number(3)), std::string(all.Text(4)), at, at});
    return base::Status();
  });
  for (DeadLetter& letter : letters) {
    if (read) read = see(std::move(letter));
  }
  return read;
}

base::Status SqliteReader::RemoveDeadLetter(const DeadLetter& letter) {
  SqliteStatement remove;
  auto prepared = remove.Prepare(
      database_, "DELETE FROM rejected WHERE \"index\" = ?1 AND id = ?2 AND at = ?3 AND lsn = ?4");
  if (!prepared) return prepared;
  remove.Bind(1, index_).Bind(2, letter.id).Bind(3, letter.at).Bind(4, letter.lsn);
  return EachRow(remove, [] { return base::Status(); });
}

}  // namespace sink
