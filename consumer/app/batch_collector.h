// BatchCollector: stream records -> batches for the queue. Knows where transactions begin and end,
// so that every batch carries the position that may be acknowledged while it is the oldest
// unfinished one. One stream session, one thread.
//
// A batch may end in the middle of a transaction: large ones pass through in bounded memory. What
// blocks of transactions in progress touch waits in the spool; their commit makes them
// transactions like all others, whose content then comes from Replay instead of Add. Of one that is
// known to have committed, though its commit record has not come, nothing has to wait: builds will
// see it, and no position is complete before that record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "consumer/assemble/affected_roots.h"
#include "consumer/base/lsn.h"
#include "consumer/base/result.h"
#include "consumer/model/batch.h"
#include "consumer/model/row_change.h"
#include "consumer/schema/tree.h"
#include "consumer/spool/spool.h"

namespace app {

class BatchCollector {
 public:
  // Everything before `start` is dealt with. `trees` outlives the collector.
  BatchCollector(const std::vector<schema::DocumentTree>& trees, base::Lsn start,
                 size_t batch_bytes, spool::Limits spool_limits);

  // REQUIRES: !Replaying().
  base::Status Add(const model::Record& record);

  // The transaction of the present block has committed. REQUIRES: the last Add was a StreamStart.
  void BlockIsCommitted() { block_->committed = true; }

  // After the commit of a transaction in progress: take the batch whenever it is Full(), and call
  // Replay, until it is no longer Replaying().
  bool Replaying() const { return replay_end_.has_value(); }
  base::Status Replay();

  bool Empty() const { return batch_.Empty(); }
  bool Full() const { return bytes_ >= batch_bytes_; }

  // Moves the batch out, each touch once. REQUIRES: !Empty().
  model::Batch Take();

  // End of the last transaction that arrived completely. While Empty(), all WAL before it has been
  // handed over.
  base::Lsn CompleteThrough() const { return complete_through_; }

  // The server says that it sent everything before `lsn`. Between transactions that completes the
  // WAL up to there, also while others are in progress: it is the commit's position that decides
  // whether the server sends a transaction again, and the slot's restart_lsn keeps the WAL that it
  // then reads from the beginning.
  void Advance(base::Lsn lsn);

  spool::Usage SpoolUsage() const { return spool_.Used(); }

 private:
  // The place in a block.
  struct Block {
    uint32_t xid = 0, subxid = 0;
    bool committed = false;
  };

  template <typename Change>
  base::Status Collect(const Change& change);
  // The error counts only if what the block belongs to commits.
  base::Status Fail(base::Error error);
  // Return the bytes by which `batch` has grown.
  base::Result<size_t> CollectInto(const model::RowChange& change, model::Batch* batch);
  base::Result<size_t> CollectInto(const model::Truncate& truncate, model::Batch* batch);
  void StartTransaction(model::Begin begin);
  void EndTransaction(base::Lsn end);
  // Says that `bytes` of transaction `xid` have come into the batch.
  void Grow(size_t bytes, uint32_t xid, base::Lsn commit);

  assemble::AffectedRoots affected_;
  size_t batch_bytes_;
  model::Batch batch_;
  size_t bytes_ = 0;
  bool in_transaction_ = false;
  model::Begin begin_;
  base::Lsn complete_through_;

  spool::Spool spool_;
  std::optional<Block> block_;
  std::optional<base::Lsn> replay_end_;  // end of the transaction that is replayed
};

}  // namespace app
