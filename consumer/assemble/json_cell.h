// One binary result cell -> JSON text, appended to a buffer. Equal to PostgreSQL's to_json for the
// types it knows (HasBinaryWriter in statements.h); all others are selected as to_json(…) and
// arrive as type json. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "consumer/base/result.h"

namespace assemble {

// `type_oid` is the type of the result column. kFatal when the bytes do not have the length the
// type demands.
base::Status AppendCell(uint32_t type_oid, std::string_view cell, std::string* out);

// Big-endian int8, as ordinals arrive. REQUIRES: 8 bytes.
int64_t ReadInt8(std::string_view cell);

}  // namespace assemble
