#include "consumer/sink/sqlite_database.h"

#include <fmt/format.h>

namespace sink {
namespace {

constexpr int kBusyTimeoutMs = 10'000;  // other processes: the demo's reader, the sqlite3 shell
constexpr size_t kRowOverhead = 256;    // more than a row's header and numbers need

}  // namespace

base::Result<SqliteDatabase> SqliteDatabase::Open(const std::string& file) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDatabase database(raw, file);
  if (code != SQLITE_OK) return database.Failure("opening");
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  // synchronous=FULL: in WAL mode each commit is synced, so an answered write survives a power cut.
  auto set = database.Execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; PRAGMA "
      "temp_store=MEMORY;"
      "PRAGMA wal_autocheckpoint=4000;");
  if (!set) return std::move(set).error();
  return database;
}

base::Status SqliteDatabase::Execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return Failure("using");
}

base::Error SqliteDatabase::Failure(std::string_view doing) const {
  const int code = handle_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(handle_.get());
  const std::string text =
      fmt::format("{} SQLite file {}: {}", doing, file_,
                  handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_.get()));
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return base::Retry(text + "; another program holds it");
    case SQLITE_FULL:
      return base::Retry(text + "; free space on its disk");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return base::Refused(
          text + "; its directory must exist and be writable for us (--target sqlite:FILE)");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return base::Refused(
          text +
          "; name another file (--target sqlite:FILE), or delete this one and it is loaded anew");
    default:
      return base::Fatal(text);
  }
}

bool SqliteDatabase::RowTakes(std::initializer_list<std::string_view> texts) const {
  size_t bytes = kRowOverhead;
  for (const std::string_view text : texts) bytes += text.size();
  return bytes <= static_cast<size_t>(sqlite3_limit(handle_.get(), SQLITE_LIMIT_LENGTH, -1));
}

base::Status SqliteStatement::Prepare(const SqliteDatabase& database, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) !=
      SQLITE_OK) {
    return database.Failure("preparing for");
  }
  statement_.reset(raw);
  return {};
}

SqliteStatement& SqliteStatement::Bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL.
  sqlite3_bind_text64(statement_.get(), parameter, text.data() == nullptr ? "" : text.data(),
                      text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::Bind(int parameter, int64_t number) {
  sqlite3_bind_int64(statement_.get(), parameter, number);
  return *this;
}

std::string_view SqliteStatement::Text(int column) const {
  const auto* text = sqlite3_column_text(statement_.get(), column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

}  // namespace sink
