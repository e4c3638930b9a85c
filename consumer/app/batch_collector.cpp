#include "consumer/app/batch_collector.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

namespace app {
namespace {

constexpr size_t kRebuildBytes = 16;

size_t SizeOf(const model::Touch& touch) {
  size_t bytes = 16;
  for (const auto& value : touch.values) bytes += (value ? value->size() : 0) + 8;
  return bytes;
}

}  // namespace

BatchCollector::BatchCollector(const std::vector<schema::DocumentTree>& trees, base::Lsn start,
                               size_t batch_bytes, spool::Limits spool_limits)
    : affected_(trees),
      batch_bytes_(batch_bytes),
      complete_through_(start),
      spool_(std::move(spool_limits)) {}

base::Status BatchCollector::Add(const model::Record& record) {
  if (const auto* begin = std::get_if<model::Begin>(&record)) {
    StartTransaction(*begin);
  } else if (const auto* change = std::get_if<model::RowChange>(&record)) {
    return Collect(*change);
  } else if (const auto* truncate = std::get_if<model::Truncate>(&record)) {
    return Collect(*truncate);
  } else if (const auto* commit = std::get_if<model::Commit>(&record)) {
    EndTransaction(commit->end_lsn);
  } else if (const auto* start = std::get_if<model::StreamStart>(&record)) {
    block_ = Block{start->xid, start->xid, false};
  } else if (const auto* subtransaction = std::get_if<model::Subtransaction>(&record)) {
    block_->subxid = subtransaction->subxid;
  } else if (std::holds_alternative<model::StreamStop>(record)) {
    block_.reset();
  } else if (const auto* abort = std::get_if<model::StreamAbort>(&record)) {
    spool_.Abort(abort->xid, abort->subxid);
  } else if (const auto* end = std::get_if<model::StreamCommit>(&record)) {
    StartTransaction({end->commit_lsn, end->commit_time_us, end->xid});
    replay_end_ = end->end_lsn;
    return spool_.StartReplay(end->xid);
  }
  return {};
}

// What the change touches goes into the batch, or, inside of a block, into the spool.
template <typename Change>
base::Status BatchCollector::Collect(const Change& change) {
  if (!block_ || block_->committed) {
    const bool was_empty = batch_.Empty();
    auto bytes = CollectInto(change, &batch_);
    if (was_empty && !batch_.Empty()) batch_.floor = complete_through_;
    if (!bytes) return block_ ? Fail(std::move(bytes).error()) : std::move(bytes).error();
    if (*bytes == 0) return {};
    if (block_) {
      // Where its commit record is, nobody has said yet; somewhere behind this.
      Grow(*bytes, block_->xid, complete_through_);
    } else {
      Grow(*bytes, begin_.xid, begin_.commit_lsn);
    }
    return {};
  }
  auto part = spool_.Part(block_->xid, block_->subxid);
  if (!part) return part.error();
  auto bytes = CollectInto(change, *part);
  if (!bytes) return Fail(std::move(bytes).error());
  return spool_.Grew(*bytes);
}

// Whoever changed a table so that we cannot follow may still take that back, and of a transaction
// that committed a part may have been rolled back.
base::Status BatchCollector::Fail(base::Error error) {
  if (auto part = spool_.Part(block_->xid, block_->subxid); !part) return part.error();
  spool_.Fail(block_->xid, block_->subxid, std::move(error));
  return {};
}

base::Result<size_t> BatchCollector::CollectInto(const model::RowChange& change,
                                                 model::Batch* batch) {
  const size_t before = batch->touches.size();
  if (auto status = affected_.Collect(change, &batch->touches); !status) return status.error();
  size_t bytes = 0;
  for (size_t i = before; i < batch->touches.size(); ++i) bytes += SizeOf(batch->touches[i]);
  return bytes;
}

base::Result<size_t> BatchCollector::CollectInto(const model::Truncate& truncate,
                                                 model::Batch* batch) {
  affected_.Collect(truncate, &batch->rebuilds);
  return batch->rebuilds.empty() ? 0 : kRebuildBytes;
}

base::Status BatchCollector::Replay() {
  auto part = spool_.Replay();
  if (!part) return part.error();
  if (!part->has_value()) {
    EndTransaction(*std::exchange(replay_end_, std::nullopt));
    return {};
  }
  model::Batch& from = **part;
  if (batch_.Empty()) batch_.floor = complete_through_;
  size_t bytes = kRebuildBytes * from.rebuilds.size();
  for (const model::Touch& touch : from.touches) bytes += SizeOf(touch);
  batch_.touches.insert(batch_.touches.end(), std::make_move_iterator(from.touches.begin()),
                        std::make_move_iterator(from.touches.end()));
  for (const model::Rebuild& rebuild : from.rebuilds) model::AddRebuild(rebuild, &batch_.rebuilds);
  Grow(bytes, begin_.xid, begin_.commit_lsn);
  return {};
}

void BatchCollector::StartTransaction(model::Begin begin) {
  begin_ = begin;
  in_transaction_ = true;
}

void BatchCollector::EndTransaction(base::Lsn end) {
  in_transaction_ = false;
  complete_through_ = end;
}

void BatchCollector::Grow(size_t bytes, uint32_t xid, base::Lsn commit) {
  bytes_ += bytes;
  batch_.last_commit = std::max(batch_.last_commit, commit);
  if (batch_.xids.empty() || batch_.xids.back() != xid) batch_.xids.push_back(xid);
}

model::Batch BatchCollector::Take() {
  batch_.complete_through = complete_through_;
  model::RemoveDuplicates(&batch_.touches);
  bytes_ = 0;
  return std::exchange(batch_, {});
}

void BatchCollector::Advance(base::Lsn lsn) {
  if (!in_transaction_ && !block_) complete_through_ = std::max(complete_through_, lsn);
}

}  // namespace app
