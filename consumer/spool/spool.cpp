#include "consumer/spool/spool.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "consumer/wire/batch_codec.h"

namespace spool {
namespace {

using base::Status;

constexpr size_t kSegmentBytes = 256u << 10;
constexpr size_t kWindowBytes = 256u << 10;

struct RecordHead {
  uint32_t subxid = 0, size = 0;
};

RecordHead HeadAt(const char* bytes) {
  RecordHead head;
  std::memcpy(&head, bytes, sizeof head);
  return head;
}

}  // namespace

base::Result<model::Batch*> Spool::Part(uint32_t xid, uint32_t subxid) {
  if (pending_ && (pending_->xid != xid || pending_->subxid != subxid)) {
    if (Status sealed = Seal(); !sealed) return sealed.error();
  }
  if (!pending_) pending_ = Pending{xid, subxid, {}, 0};
  return &pending_->batch;
}

Status Spool::Grew(size_t bytes) {
  pending_->bytes += bytes;
  return pending_->bytes < limits_.part_bytes ? Status() : Seal();
}

void Spool::Fail(uint32_t xid, uint32_t subxid, base::Error error) {
  std::vector<Failure>& failures = transactions_[xid].failures;
  if (!failures.empty()) {
    const Failure& last = failures.back();
    if (last.subxid == subxid) return;
    if (last.error->message == error.message) {
      failures.push_back({subxid, last.error});
      return;
    }
  }
  failures.push_back({subxid, std::make_shared<const base::Error>(std::move(error))});
}

void Spool::Abort(uint32_t xid, uint32_t subxid) {
  if (pending_ && pending_->xid == xid && (subxid == xid || pending_->subxid == subxid)) {
    pending_.reset();
  }
  const auto found = transactions_.find(xid);
  if (found == transactions_.end()) return;
  Transaction& transaction = found->second;
  if (subxid == xid) {
    memory_ -= MemoryOf(transaction);
    transactions_.erase(found);
    return;
  }
  std::erase_if(transaction.failures, [&](const Failure& f) { return f.subxid == subxid; });
  // Most aborts name what was begun last, and of that nothing is in the log.
  if (!transaction.latest_kept || XidSet::Later(subxid, *transaction.latest_kept)) return;
  memory_ -= MemoryOf(transaction);
  transaction.aborted.Insert(subxid);
  transaction.aborted_since_sweep = true;
  memory_ += MemoryOf(transaction);
}

// Packs the pending part and appends it to its transaction's log.
Status Spool::Seal() {
  Pending pending = *std::exchange(pending_, std::nullopt);
  if (pending.batch.Empty()) return {};
  model::RemoveDuplicates(&pending.batch.touches);
  const std::string packed = wire::PackBatch(pending.batch);
  Transaction& transaction = transactions_[pending.xid];
  memory_ -= MemoryOf(transaction);
  Append(&transaction, pending.subxid, packed);
  memory_ += MemoryOf(transaction);
  return memory_ <= limits_.memory_bytes ? Status() : MakeRoom();
}

void Spool::Append(Transaction* transaction, uint32_t subxid, const std::string& packed) {
  std::deque<std::string>& segments = transaction->segments;
  if (segments.empty() || segments.back().size() + packed.size() > kSegmentBytes) {
    if (!segments.empty()) segments.back().shrink_to_fit();
    segments.emplace_back();
  }
  const RecordHead head{subxid, static_cast<uint32_t>(packed.size())};
  char bytes[sizeof head];
  std::memcpy(bytes, &head, sizeof head);
  segments.back().append(bytes, sizeof bytes).append(packed);
  transaction->segment_bytes += sizeof head + packed.size();
  if (!transaction->latest_kept || XidSet::Later(subxid, *transaction->latest_kept)) {
    transaction->latest_kept = subxid;
  }
}

// First what is known to be dropped, then by files, the largest first: few large writes.
Status Spool::MakeRoom() {
  for (auto& [xid, transaction] : transactions_) {
    if (transaction.aborted_since_sweep) Sweep(&transaction);
  }
  while (memory_ > limits_.memory_bytes) {
    const auto largest = std::max_element(transactions_.begin(), transactions_.end(),
                                          [](const auto& a, const auto& b) {
                                            return a.second.segment_bytes < b.second.segment_bytes;
                                          });
    if (largest == transactions_.end() || largest->second.segment_bytes == 0) break;
    if (Status moved = MoveToFile(largest->first, &largest->second); !moved) return moved;
  }
  return {};
}

// Takes the records of aborted subtransactions out of memory.
void Spool::Sweep(Transaction* transaction) {
  memory_ -= MemoryOf(*transaction);
  std::deque<std::string> old = std::exchange(transaction->segments, {});
  transaction->segment_bytes = 0;
  for (; !old.empty(); old.pop_front()) {
    const std::string& segment = old.front();
    for (size_t at = 0; at < segment.size();) {
      const RecordHead head = HeadAt(segment.data() + at);
      at += sizeof head;
      if (!transaction->aborted.Contains(head.subxid)) {
        Append(transaction, head.subxid, segment.substr(at, head.size));
      }
      at += head.size;
    }
  }
  // An aborted subtransaction sends no more; only the file may still hold something of it.
  if (transaction->latest_filed) {
    transaction->aborted.DropLaterThan(*transaction->latest_filed);
  } else {
    transaction->aborted.Clear();
  }
  transaction->aborted_since_sweep = false;
  memory_ += MemoryOf(*transaction);
}

Status Spool::MoveToFile(uint32_t xid, Transaction* transaction) {
  const auto refused = [&](const base::Error& error) {
    return base::Refused(fmt::format(
        "transaction {} is in progress and larger than the memory for such transactions ({} MiB), "
        "and spool directory {} cannot take it: {}. Make room there, name another directory "
        "(--spool-dir) or allow more memory (--spool-memory), and start again: nothing is lost, "
        "the slot still holds it",
        xid, limits_.memory_bytes >> 20, limits_.directory, error.message));
  };
  if (!transaction->file.IsOpen()) {
    auto file = base::TemporaryFile::Make(limits_.directory);
    if (!file) return refused(file.error());
    transaction->file = std::move(*file);
  }
  memory_ -= MemoryOf(*transaction);
  Status written;
  std::deque<std::string>& segments = transaction->segments;
  for (; !segments.empty(); segments.pop_front()) {
    if (written = transaction->file.Append(segments.front()); !written) break;
    transaction->segment_bytes -= segments.front().size();
    transaction->latest_filed = transaction->latest_kept;
  }
  memory_ += MemoryOf(*transaction);
  return written ? Status() : Status(refused(written.error()));
}

Status Spool::StartReplay(uint32_t xid) {
  if (pending_) {
    if (Status sealed = Seal(); !sealed) return sealed;
  }
  const auto found = transactions_.find(xid);
  reading_ = Reading{};
  reading_->xid = xid;
  if (found == transactions_.end()) return {};
  if (!found->second.failures.empty()) return *found->second.failures.front().error;
  memory_ -= MemoryOf(found->second);
  reading_->transaction = std::move(found->second);
  transactions_.erase(found);
  return {};
}

base::Result<std::optional<model::Batch>> Spool::Replay() {
  Transaction& transaction = reading_->transaction;
  std::string_view packed;
  const auto unpack = [&]() -> base::Result<std::optional<model::Batch>> {
    auto part = wire::UnpackBatch(packed);
    if (!part) return std::move(part).error().While("spool");
    return std::optional(*std::move(part));
  };

  while (reading_->file_offset < transaction.file.Size()) {
    auto bytes = FromFile(sizeof(RecordHead));
    if (!bytes) return bytes.error();
    const RecordHead head = HeadAt(bytes->data());
    reading_->file_offset += sizeof head;
    if (transaction.aborted.Contains(head.subxid)) {
      reading_->file_offset += head.size;
      continue;
    }
    bytes = FromFile(head.size);
    if (!bytes) return bytes.error();
    reading_->file_offset += head.size;
    packed = *bytes;
    return unpack();
  }

  std::deque<std::string>& segments = transaction.segments;
  while (!segments.empty()) {
    const std::string& segment = segments.front();
    if (reading_->segment_offset == segment.size()) {
      transaction.segment_bytes -= segment.size();
      segments.pop_front();
      reading_->segment_offset = 0;
      continue;
    }
    const RecordHead head = HeadAt(segment.data() + reading_->segment_offset);
    const size_t at = reading_->segment_offset + sizeof head;
    reading_->segment_offset = at + head.size;
    if (transaction.aborted.Contains(head.subxid)) continue;
    packed = std::string_view(segment).substr(at, head.size);
    return unpack();
  }

  reading_.reset();
  return std::optional<model::Batch>();
}

// The next `size` bytes of the file that is replayed; valid up to the next call.
base::Result<std::string_view> Spool::FromFile(size_t size) {
  Reading& r = *reading_;
  const base::TemporaryFile& file = r.transaction.file;
  const uint64_t end = r.file_offset + size;
  if (end > file.Size()) return base::Fatal("spool: a record is longer than its file");
  if (r.file_offset < r.window_offset || end > r.window_offset + r.window.size()) {
    const uint64_t left = file.Size() - r.file_offset;
    r.window.resize(std::min<uint64_t>(left, std::max(size, kWindowBytes)));
    r.window_offset = r.file_offset;
    if (Status read = file.Read(r.window_offset, r.window.size(), r.window.data()); !read) {
      return std::move(read).error().While(fmt::format(
          "reading transaction {} back from spool directory {}", r.xid, limits_.directory));
    }
  }
  return std::string_view(r.window).substr(r.file_offset - r.window_offset, size);
}

size_t Spool::MemoryOf(const Transaction& transaction) const {
  return transaction.segment_bytes + transaction.aborted.Bytes();
}

Usage Spool::Used() const {
  Usage usage{transactions_.size() + (reading_ ? 1 : 0), memory_, 0};
  if (pending_ && transactions_.find(pending_->xid) == transactions_.end()) ++usage.transactions;
  if (pending_) usage.memory_bytes += pending_->bytes;
  if (reading_) {
    usage.memory_bytes += MemoryOf(reading_->transaction);
    usage.file_bytes = reading_->transaction.file.Size();
  }
  for (const auto& [xid, transaction] : transactions_) usage.file_bytes += transaction.file.Size();
  return usage;
}

}  // namespace spool
