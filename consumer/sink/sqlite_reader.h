// SqliteReader: reads the file of a SQLite target over a connection of its own.
#pragma once

#include <string>

#include "consumer/sink/reader.h"
#include "consumer/sink/sqlite_database.h"

namespace sink {

class SqliteReader : public Reader {
 public:
  SqliteReader(SqliteDatabase database, std::string index)
      : database_(std::move(database)), index_(std::move(index)) {}

  base::Status Documents(const std::vector<std::string>& ids,
                         const std::function<base::Status(StoredDocument)>& see) override;
  base::Status Ids(const std::function<base::Status(StoredDocument)>& see) override;
  base::Status Remove(const StoredDocument& document, uint64_t version) override;
  base::Status DeadLetters(const std::function<base::Status(DeadLetter)>& see) override;
  base::Status RemoveDeadLetter(const DeadLetter& letter) override;

 private:
  // Steps through the rows of a bound statement.
  base::Status EachRow(SqliteStatement& statement, const std::function<base::Status()>& see);

  SqliteDatabase database_;
  const std::string index_;
};

}  // namespace sink
