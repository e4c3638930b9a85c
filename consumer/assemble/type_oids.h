// Oids of the built-in types that have a JSON writer of ours. They are fixed for ever:
// src/include/catalog/pg_type.dat.
#pragma once

#include <cstdint>

namespace assemble::type_oid {

inline constexpr uint32_t kBool = 16;
inline constexpr uint32_t kName = 19;
inline constexpr uint32_t kInt8 = 20;
inline constexpr uint32_t kInt2 = 21;
inline constexpr uint32_t kInt4 = 23;
inline constexpr uint32_t kText = 25;
inline constexpr uint32_t kJson = 114;
inline constexpr uint32_t kFloat4 = 700;
inline constexpr uint32_t kFloat8 = 701;
inline constexpr uint32_t kBpchar = 1042;
inline constexpr uint32_t kVarchar = 1043;
inline constexpr uint32_t kUuid = 2950;
inline constexpr uint32_t kJsonb = 3802;

}  // namespace assemble::type_oid
