// inet, cidr, macaddr and macaddr8 as JSON strings, from their binary form. Parts of the table in
// json_cell.cpp.
#pragma once

#include <string>
#include <string_view>

#include "consumer/assemble/cell_bytes.h"
#include "consumer/assemble/json_cell.h"

namespace assemble {

CellResult AppendInetCell(std::string_view cell, std::string* out);
CellResult AppendCidrCell(std::string_view cell, std::string* out);

template <size_t kBytes>
CellResult AppendMacCell(std::string_view cell, std::string* out) {
  if (cell.size() != kBytes) return CellResult::kBadBytes;
  char text[3 * kBytes + 1];
  char* at = text;
  for (size_t i = 0; i < kBytes; ++i) {
    *at++ = i == 0 ? '"' : ':';
    at = WriteHex(cell[i], at);
  }
  *at = '"';
  out->append(text, sizeof text);
  return CellResult::kWritten;
}

}  // namespace assemble
