// Spool: what transactions in progress touched, kept aside until they commit or abort. In from
// app/batch_collector come touches and rebuilds of one (sub)transaction after the other; out go
// those of a transaction that committed, without those of its aborted subtransactions. Nothing of
// it survives the process, and need not: the server sends transactions in progress again.
//
// Memory is bounded: over all transactions about `memory_bytes`, beyond that the largest one moves
// to a file without a name. What grows without bound is a few bytes per aborted subtransaction of
// which something lies in a file.
//
//   log     = record*           in memory in segments; in the file the oldest of them, one after
//                               the other
//   record  = subxid:4 size:4 packed                  in the machine's byte order
//   packed  = a batch by wire/batch_codec, with nothing but touches and rebuilds
//
// The order of records does not matter (touches only name documents), so a subtransaction may have
// many. The disadvantage of one log for all of them: an abort marks, and what it marked is
// freed only when memory is short, or at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/base/temporary_file.h"
#include "consumer/model/batch.h"
#include "consumer/spool/xid_set.h"

namespace spool {

struct Limits {
  size_t memory_bytes = 64u << 20;
  size_t part_bytes = 64u << 10;  // of touches that are packed, and handed out, together
  std::string directory;          // of the files
};

struct Usage {
  size_t transactions = 0;
  size_t memory_bytes = 0;
  uint64_t file_bytes = 0;
};

// One stream session, one thread.
class Spool {
 public:
  explicit Spool(Limits limits) : limits_(std::move(limits)) {}

  // The part that takes what a (sub)transaction touches next. Valid up to the next call; Grew says
  // by how many bytes it has grown. Errors: kRefused with the remedy when the directory cannot take
  // what memory cannot hold.
  base::Result<model::Batch*> Part(uint32_t xid, uint32_t subxid);
  base::Status Grew(size_t bytes);

  // A change that cannot be followed. It matters only if its (sub)transaction is not aborted: then
  // StartReplay returns the error.
  void Fail(uint32_t xid, uint32_t subxid, base::Error error);

  // Forgets one subtransaction, or with subxid = xid the whole transaction. Ids of which nothing
  // was kept are ignored.
  void Abort(uint32_t xid, uint32_t subxid);

  // The transaction committed: Replay hands out its parts one by one, then nothing, and then it is
  // forgotten. One replay at a time; no other call in between.
  base::Status StartReplay(uint32_t xid);
  base::Result<std::optional<model::Batch>> Replay();

  Usage Used() const;

 private:
  struct Failure {
    uint32_t subxid;
    std::shared_ptr<const base::Error> error;  // shared by neighbours: it is mostly the same one
  };
  struct Transaction {
    std::deque<std::string> segments;
    size_t segment_bytes = 0;
    base::TemporaryFile file;
    XidSet aborted;
    bool aborted_since_sweep = false;
    std::optional<uint32_t> latest_kept;   // the latest subxid of a record that was written
    std::optional<uint32_t> latest_filed;  // the same of records in the file
    std::vector<Failure> failures;
  };
  struct Pending {
    uint32_t xid = 0, subxid = 0;
    model::Batch batch;
    size_t bytes = 0;
  };
  struct Reading {
    uint32_t xid = 0;
    Transaction transaction;
    uint64_t file_offset = 0;    // of the next record in the file
    uint64_t window_offset = 0;  // of `window`
    std::string window;          // a piece of the file
    size_t segment_offset = 0;   // of the next record in the first segment
  };

  base::Status Seal();
  void Append(Transaction* transaction, uint32_t subxid, const std::string& packed);
  base::Status MakeRoom();
  void Sweep(Transaction* transaction);
  base::Status MoveToFile(uint32_t xid, Transaction* transaction);
  base::Result<std::string_view> FromFile(size_t size);
  size_t MemoryOf(const Transaction& transaction) const;

  const Limits limits_;
  std::unordered_map<uint32_t, Transaction> transactions_;  // by xid
  std::optional<Pending> pending_;
  std::optional<Reading> reading_;
  size_t memory_ = 0;  // of the logs and sets in transactions_
};

}  // namespace spool
