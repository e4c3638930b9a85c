// The frame of every transaction that reads documents, shared by the builder's files: one snapshot,
// known by name, read only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "consumer/assemble/snapshot.h"
#include "consumer/base/result.h"
#include "consumer/pg/connection.h"

namespace assemble {

inline const std::string kBegin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
inline const std::string kSnapshot = "SELECT pg_current_snapshot()::text";
inline const std::string kCommit = "COMMIT";
// For keys and links that may be no UTF-8: the server neither checks nor converts them, in both
// directions. Only where Connection::TextIsBytes().
inline const std::string kTextAsBytes = "SET LOCAL client_encoding = 'SQL_ASCII'";

// Begins a transaction that reads keys. `lock`: a statement that comes first, or "".
inline base::Status BeginForKeys(pg::Connection& connection, const std::string& lock) {
  for (const std::string& sql :
       {kBegin, lock, connection.TextIsBytes() ? kTextAsBytes : std::string()}) {
    if (sql.empty()) continue;
    if (auto done = connection.Query(sql); !done) return std::move(done).error();
  }
  return {};
}

// The snapshot of the connection's transaction, or, outside of one, of the moment.
inline base::Result<Snapshot> CurrentSnapshot(pg::Connection& connection) {
  auto row = connection.Query(kSnapshot);
  if (!row) return std::move(row).error();
  return Snapshot::Parse(row->Cell(0, 0));
}

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
