#include "consumer/app/batch_collector.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace app {
namespace {

size_t SizeOf(const model::Touch& touch) {
  size_t bytes = 16;
  for (const std::string& value : touch.values) bytes += value.size() + 8;
  return bytes;
}

}  // namespace

BatchCollector::BatchCollector(const std::vector<schema::DocumentTree>& trees, base::Lsn start,
                               size_t batch_bytes)
    : affected_(trees), batch_bytes_(batch_bytes), complete_through_(start) {}

base::Status BatchCollector::Add(const model::Record& record) {
  if (const auto* begin = std::get_if<model::Begin>(&record)) {
    begin_ = *begin;
    in_transaction_ = true;
  } else if (const auto* change = std::get_if<model::RowChange>(&record)) {
    const size_t before = batch_.touches.size();
    const bool was_empty = batch_.Empty();
    if (auto status = affected_.Collect(*change, &batch_.touches); !status) return status;
    size_t bytes = 0;
    for (size_t i = before; i < batch_.touches.size(); ++i) bytes += SizeOf(batch_.touches[i]);
    if (was_empty && !batch_.Empty()) batch_.floor = complete_through_;
    if (bytes > 0) Grow(bytes);
  } else if (const auto* truncate = std::get_if<model::Truncate>(&record)) {
    const bool was_empty = batch_.Empty();
    affected_.Collect(*truncate, &batch_.rebuilds);
    if (was_empty && !batch_.Empty()) batch_.floor = complete_through_;
    if (!batch_.rebuilds.empty()) Grow(16);
  } else if (const auto* commit = std::get_if<model::Commit>(&record)) {
    in_transaction_ = false;
    complete_through_ = commit->end_lsn;
  }
  return {};
}

// Something of the current transaction is in the batch.
void BatchCollector::Grow(size_t bytes) {
  bytes_ += bytes;
  batch_.last_commit = begin_.commit_lsn;
  if (batch_.xids.empty() || batch_.xids.back() != begin_.xid) batch_.xids.push_back(begin_.xid);
}

model::Batch BatchCollector::Take() {
  batch_.complete_through = complete_through_;
  std::sort(batch_.touches.begin(), batch_.touches.end());
  batch_.touches.erase(std::unique(batch_.touches.begin(), batch_.touches.end()),
                       batch_.touches.end());
  bytes_ = 0;
  return std::exchange(batch_, {});
}

void BatchCollector::Advance(base::Lsn lsn) {
  if (!in_transaction_) complete_through_ = std::max(complete_through_, lsn);
}

}  // namespace app
