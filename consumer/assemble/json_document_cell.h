// json and jsonb columns: their text, inlined. Parts of the table in json_cell.cpp.
#pragma once

#include <string>
#include <string_view>

#include "consumer/assemble/json_cell.h"

namespace assemble {

// json is stored as it was written: newlines become spaces (a bulk body is cut at newlines), of
// duplicate keys the last one stays, and what readers refuse is kNoJson.
CellResult AppendJsonCell(std::string_view cell, std::string* out);
CellResult AppendJsonbCell(std::string_view cell, std::string* out);

}  // namespace assemble
