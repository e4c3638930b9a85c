// SqliteDatabase and SqliteStatement: handles of SQLite, and its result codes as errors. For the
// files of sqlite_target only.
#pragma once

#include <sqlite3.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "consumer/base/result.h"

namespace sink {

struct SqliteCloser {
  void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
};
struct SqliteFinalizer {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};

// One connection; one thread at a time.
class SqliteDatabase {
 public:
  // Opens, creating the file if need be, in WAL mode with every commit synced.
  static base::Result<SqliteDatabase> Open(const std::string& file);

  base::Status Execute(const char* sql);
  // What the last failure of this connection means.
  base::Error Failure(std::string_view doing) const;
  // Whether one row may hold these texts and some numbers (SQLITE_LIMIT_LENGTH).
  bool RowTakes(std::initializer_list<std::string_view> texts) const;
  sqlite3* handle() const { return handle_.get(); }

 private:
  SqliteDatabase(sqlite3* handle, std::string file) : handle_(handle), file_(std::move(file)) {}

  std::unique_ptr<sqlite3, SqliteCloser> handle_;
  std::string file_;
};

// A prepared statement. Bound texts are borrowed until Reset.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  base::Status Prepare(const SqliteDatabase& database, const char* sql);

  SqliteStatement& Bind(int parameter, std::string_view text);
  SqliteStatement& Bind(int parameter, int64_t number);

  // SQLITE_ROW, SQLITE_DONE or an error code; the parameters that were not bound are NULL.
  int Step() { return sqlite3_step(statement_.get()); }
  void Reset() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
  }
  int64_t Number(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  // Valid until the next Step or Reset.
  std::string_view Text(int column) const;

 private:
  std::unique_ptr<sqlite3_stmt, SqliteFinalizer> statement_;
};

}  // namespace sink
