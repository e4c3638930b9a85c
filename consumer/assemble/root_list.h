// RootList: the addresses of documents that are to be built, of one tree, however many: packed, and
// beyond a limit in a file without a name. Filled once, then read in parts by position.
//
//   segment = key*       kKeysOfASegment of them, the last one fewer
//   key     = value*     one per part of the address
//   value   = size:4 bytes, or 0xffffffff for NULL        in the machine's byte order
//
// One owner, one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/base/temporary_file.h"

namespace assemble {

// One array per id column, and one more for the routing where a column gives it; only that may
// hold NULL.
using RootKeys = std::vector<std::vector<std::optional<std::string>>>;

struct RootListLimits {
  size_t memory_bytes = 32u << 20;  // some 3,000,000 integer keys
  std::string directory = "/tmp";   // of the file
};

class RootList {
 public:
  RootList(size_t columns, RootListLimits limits) : columns_(columns), limits_(std::move(limits)) {}

  // REQUIRES: `key` has one value per column. Errors: kRefused with the remedy when the directory
  // cannot take what memory cannot hold.
  base::Status Add(std::span<const std::optional<std::string>> key);

  size_t size() const { return size_; }

  // The keys [begin, end). REQUIRES: end <= size().
  base::Result<RootKeys> Keys(size_t begin, size_t end) const;

 private:
  struct Segment {
    std::string bytes;         // empty when it is in the file
    uint64_t file_offset = 0;  // its place there
    size_t file_size = 0;
  };

  base::Status MoveToFile();
  base::Result<std::string> BytesOf(const Segment& segment) const;

  size_t columns_;
  RootListLimits limits_;
  std::vector<Segment> segments_;
  size_t first_in_memory_ = 0;
  size_t memory_ = 0;
  size_t size_ = 0;
  base::TemporaryFile file_;
};

}  // namespace assemble
