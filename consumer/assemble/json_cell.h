// One binary result cell -> JSON text, appended to a buffer. Equal to PostgreSQL's to_json, after
// parsing, for the types it knows (the table in json_cell.cpp, and arrays of them); all others are
// selected as to_json(…) and arrive as type json. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "consumer/base/result.h"

namespace assemble {

enum class CellResult : uint8_t {
  kWritten,
  kBadBytes,  // not what the type's send function makes: a bug, or a server we do not know
  kNoJson,    // a value that PostgreSQL stores as json, but no reader takes: \u0000, half a
              // surrogate pair
  kTooDeep,   // one nested deeper than readers go
};

// Writes a cell that is not NULL. What it appended before it failed is garbage.
using CellWriter = CellResult (*)(std::string_view cell, std::string* out);

// Of a result column of this type; nullptr = there is none.
CellWriter FindCellWriter(uint32_t type_oid);

// True when values of the type are written to JSON by us from their binary form; otherwise they are
// to be selected as to_json(…).
inline bool HasBinaryWriter(uint32_t type_oid) { return FindCellWriter(type_oid) != nullptr; }

// For a failure: kFatal for kBadBytes, kRejectDocument for the others. Never the value.
base::Error CellError(CellResult result, uint32_t type_oid, size_t bytes);

// Both in one, for a single cell.
base::Status AppendCell(uint32_t type_oid, std::string_view cell, std::string* out);

// Big-endian int8, as ordinals arrive. REQUIRES: 8 bytes.
int64_t ReadInt8(std::string_view cell);

}  // namespace assemble
