// BatchCollector: stream records -> batches for the queue. Knows where transactions begin and end,
// so that every batch carries the position that may be acknowledged while it is the oldest
// unfinished one. Pure. One stream session, one thread.
//
// A batch may end in the middle of a transaction: large ones pass through in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "consumer/assemble/affected_roots.h"
#include "consumer/base/lsn.h"
#include "consumer/base/result.h"
#include "consumer/model/batch.h"
#include "consumer/model/row_change.h"
#include "consumer/schema/tree.h"

namespace app {

class BatchCollector {
 public:
  // Everything before `start` is dealt with. `trees` outlives the collector.
  BatchCollector(const std::vector<schema::DocumentTree>& trees, base::Lsn start,
                 size_t batch_bytes);

  base::Status Add(const model::Record& record);

  bool Empty() const { return batch_.Empty(); }
  bool Full() const { return bytes_ >= batch_bytes_; }
  bool InTransaction() const { return in_transaction_; }

  // Moves the batch out, each touch once. REQUIRES: !Empty().
  model::Batch Take();

  // End of the last transaction that arrived completely. While Empty(), all WAL before it has been
  // handed over.
  base::Lsn CompleteThrough() const { return complete_through_; }

  // The server says that it sent everything before `lsn`. Between transactions that completes the
  // WAL up to there.
  void Advance(base::Lsn lsn);

 private:
  void Grow(size_t bytes);

  assemble::AffectedRoots affected_;
  size_t batch_bytes_;
  model::Batch batch_;
  size_t bytes_ = 0;
  bool in_transaction_ = false;
  model::Begin begin_;
  base::Lsn complete_through_;
};

}  // namespace app
