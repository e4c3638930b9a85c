// The frame of every transaction that reads documents, shared by the builder's files: one snapshot,
// known by name, read only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "consumer/assemble/snapshot.h"
#include "consumer/pg/connection.h"

namespace assemble {

inline const std::string kBegin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
inline const std::string kSnapshot = "SELECT pg_current_snapshot()::text";
inline const std::string kCommit = "COMMIT";

inline bool ShowsAll(const Snapshot& snapshot, std::span<const uint32_t> xids) {
  return std::all_of(xids.begin(), xids.end(), [&](uint32_t xid) { return snapshot.Shows(xid); });
}

template <typename Text>
std::vector<pg::Param> ArrayParams(const std::vector<std::vector<Text>>& arrays) {
  std::vector<pg::Param> params;
  params.reserve(arrays.size());
  for (const auto& array : arrays) params.emplace_back(pg::ArrayLiteral(array));
  return params;
}

}  // namespace assemble
