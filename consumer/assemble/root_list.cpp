#include "consumer/assemble/root_list.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace assemble {
namespace {

using base::Result;
using base::Status;

constexpr size_t kKeysOfASegment = 1024;
constexpr uint32_t kNull = 0xffffffff;

}  // namespace

Status RootList::Add(std::span<const std::optional<std::string>> key) {
  if (size_ % kKeysOfASegment == 0) {
    if (memory_ > limits_.memory_bytes) {
      if (auto moved = MoveToFile(); !moved) return moved;
    }
    segments_.emplace_back();
  }
  std::string& bytes = segments_.back().bytes;
  const size_t before = bytes.size();
  for (const auto& value : key) {
    const uint32_t size = value ? static_cast<uint32_t>(value->size()) : kNull;
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    if (value) bytes.append(*value);
  }
  memory_ += bytes.size() - before;
  ++size_;
  return {};
}

Status RootList::MoveToFile() {
  const auto refused = [&](const base::Error& error) {
    return base::Refused(
        fmt::format("one change touches more than {} documents, and spool directory {} cannot take "
                    "their keys: {}. Make room there, or name another directory (--spool-dir), and "
                    "start again: nothing is lost, the slot still holds it",
                    size_, limits_.directory, error.message));
  };
  if (!file_.IsOpen()) {
    auto file = base::TemporaryFile::Make(limits_.directory);
    if (!file) return refused(file.error());
    file_ = std::move(*file);
  }
  for (; first_in_memory_ < segments_.size(); ++first_in_memory_) {
    Segment& segment = segments_[first_in_memory_];
    segment.file_offset = file_.Size();
    if (auto written = file_.Append(segment.bytes); !written) return refused(written.error());
    segment.file_size = segment.bytes.size();
    memory_ -= segment.file_size;
    std::string().swap(segment.bytes);
  }
  return {};
}

Result<std::string> RootList::BytesOf(const Segment& segment) const {
  if (segment.file_size == 0) return segment.bytes;
  std::string bytes(segment.file_size, '\0');
  if (auto read = file_.Read(segment.file_offset, bytes.size(), bytes.data()); !read) {
    return std::move(read).error().While("reading keys back from spool directory " +
                                         limits_.directory);
  }
  return bytes;
}

Result<RootKeys> RootList::Keys(size_t begin, size_t end) const {
  RootKeys keys(columns_);
  for (auto& column : keys) column.reserve(end - begin);
  size_t at = begin / kKeysOfASegment * kKeysOfASegment;
  while (at < end) {
    auto bytes = BytesOf(segments_[at / kKeysOfASegment]);
    if (!bytes) return bytes.error();
    const char* from = bytes->data();
    const size_t segment_end = std::min(end, at + kKeysOfASegment);
    for (; at < segment_end; ++at) {
      for (auto& column : keys) {
        uint32_t size;
        std::memcpy(&size, from, sizeof size);
        from += sizeof size;
        if (at >= begin) {
          if (size == kNull) {
            column.emplace_back();
          } else {
            column.emplace_back(std::in_place, from, size);
          }
        }
        if (size != kNull) from += size;
      }
    }
  }
  return keys;
}

}  // namespace assemble
