#include "consumer/app/committed_check.h"

#include <span>
#include <utility>

namespace app {
namespace {

// WAL carries the low 32 bits of an id: the full one is the nearest below the next id that a
// snapshot knows. What is not below it is not asked for, that would be an error.
constexpr char kCommitted[] =
    "SELECT CASE WHEN age BETWEEN 1 AND least(2147483647, next - 1) "
    "THEN pg_xact_status((next - age)::text::xid8) END "
    "FROM (SELECT next, (next - $1::bigint) & 4294967295 AS age "
    "FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next) AS a) AS b";

}  // namespace

bool CommittedCheck::Committed(uint32_t xid) {
  if (!connection_ || !connection_->Alive()) {
    connection_.reset();
    auto opened = pg::Connection::Open(postgres_, database_);
    if (!opened) return false;
    connection_ = std::move(*opened);
  }
  const pg::Param id = std::to_string(xid);
  const auto rows = connection_->Query(kCommitted, std::span(&id, 1));
  if (!rows) {
    connection_.reset();
    return false;
  }
  return rows->size() == 1 && !rows->IsNull(0, 0) && rows->Cell(0, 0) == "committed";
}

}  // namespace app
