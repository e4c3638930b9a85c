// LoadPlan: how a root table is cut into ranges for the load (design D7). Heaps are cut by pages,
// known at once; views, materialized views and foreign tables by their key, one range after the
// other. The plan is stored as text with the load's progress, so that a killed load goes on with
// the very same cuts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/model/batch.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"

namespace assemble {

struct HeapPart {
  uint32_t relation = 0;  // Oid
  uint32_t file_node =
      0;  // a rewrite (VACUUM FULL, CLUSTER) gives another: rows moved silently, the plan is void
  uint32_t pages = 0;  // when the load began; later pages hold rows that the stream carries

  bool operator==(const HeapPart&) const = default;
};

class LoadPlan {
 public:
  // Plans the root table of `tree` anew: about `rows_per_chunk` rows in each range.
  static base::Result<LoadPlan> Make(pg::Connection& connection, const schema::DocumentTree& tree,
                                     uint32_t rows_per_chunk);

  // The stored plan again, or nothing when it is unreadable or its tables were rewritten since.
  static base::Result<std::optional<LoadPlan>> Restore(pg::Connection& connection,
                                                       const schema::DocumentTree& tree,
                                                       const std::string& text);

  std::string ToText() const;

  // Number of chunks; 0 for plans by key, which know it only at the end.
  uint32_t Chunks() const;
  bool ByKey() const { return by_key_; }

  // REQUIRES: !ByKey(), chunk < Chunks().
  model::LoadRange Range(uint32_t document, uint32_t chunk) const;

  // Whether what it was planned for is still there as it was: a rewrite moves rows silently,
  // perhaps from pages not yet read to pages that were. Always true of plans by key.
  base::Result<bool> Holds(pg::Connection& connection, const schema::DocumentTree& tree) const;

  // REQUIRES: ByKey(). The range that follows `after` (empty: the first). Its through_key is empty
  // when it is the last.
  base::Result<model::LoadRange> NextKeyRange(pg::Connection& connection,
                                              const schema::DocumentTree& tree, uint32_t chunk,
                                              const std::vector<std::string>& after) const;

 private:
  bool by_key_ = false;
  uint32_t step_ = 0;  // pages, or rows by key, per chunk
  std::vector<HeapPart> heaps_;
};

// The range of the next `rows` root rows in order of the key, after `after` (empty: from the
// first). Its through_key is empty when there are no more than these.
base::Result<model::LoadRange> NextRange(pg::Connection& connection,
                                         const schema::DocumentTree& tree, uint32_t rows,
                                         const std::vector<std::string>& after);

}  // namespace assemble
