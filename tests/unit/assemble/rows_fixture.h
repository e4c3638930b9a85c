// Answers of a server, by hand.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <libpq-fe.h>

#include "consumer/pg/connection.h"

namespace assemble::testing {

using Cells = std::vector<std::optional<std::string>>;

// Columns of these types; cells in binary form, as the server sends them.
inline pg::Rows MakeRows(const std::vector<uint32_t>& types, const std::vector<Cells>& rows) {
  pg::ResultHandle result(PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK));
  std::vector<PGresAttDesc> columns(types.size());
  std::string name = "x";
  for (size_t i = 0; i < types.size(); ++i) {
    columns[i].name = name.data();
    columns[i].typid = types[i];
    columns[i].format = 1;
  }
  PQsetResultAttrs(result.get(), static_cast<int>(types.size()), columns.data());
  for (size_t row = 0; row < rows.size(); ++row) {
    for (size_t i = 0; i < types.size(); ++i) {
      auto cell = rows[row][i];
      PQsetvalue(result.get(), static_cast<int>(row), static_cast<int>(i),
                 cell ? cell->data() : nullptr, cell ? static_cast<int>(cell->size()) : -1);
    }
  }
  return pg::Rows(std::move(result));
}

inline std::string Int4(int32_t value) {
  std::string bytes(4, '\0');
  for (int i = 0; i < 4; ++i)
    bytes[3 - i] = static_cast<char>(static_cast<uint32_t>(value) >> (8 * i));
  return bytes;
}

inline std::string Int8(int64_t value) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i)
    bytes[7 - i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
  return bytes;
}

}  // namespace assemble::testing
