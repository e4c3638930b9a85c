// json and jsonb columns: their text, inlined. Parts of the table in json_cell.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "consumer/assemble/json_cell.h"

namespace assemble {

// The levels of arrays and objects that readers take: so many are the default of the engines'
// parser (Jackson, StreamReadConstraints) and of SQLite's. Elasticsearch 7 has no limit, and what
// overflows its stack is never answered.
inline constexpr size_t kDeepestJson = 1000;

// json is stored as it was written: newlines become spaces (a bulk body is cut at newlines), of
// duplicate keys the last one stays, and what readers refuse is kNoJson or kTooDeep.
CellResult AppendJsonCell(std::string_view cell, std::string* out);
CellResult AppendJsonbCell(std::string_view cell, std::string* out);

}  // namespace assemble
