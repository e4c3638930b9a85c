// Packing by msgpack's packer; unpacking by its visitor parser, which hands over one value at a
// time and allocates nothing for lengths that the bytes only claim.
#include "consumer/wire/batch_codec.h"

#include <array>
#include <cstdint>
#include <limits>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <msgpack.hpp>

namespace wire {
namespace {

// Positions in the arrays of the grammar in the header.
enum BatchField : uint32_t {
  kFloor,
  kLastCommit,
  kCompleteThrough,
  kXids,
  kTouches,
  kRebuilds,
  kRanges,
  kBatchFields
};
enum TouchField : uint32_t { kTouchDocument, kTouchEntry, kTouchValues, kTouchFields };
enum RebuildField : uint32_t { kRebuildDocument, kRebuildSweep, kRebuildFields };
enum RangeField : uint32_t {
  kRangeDocument,
  kRangeChunk,
  kRangeRelation,
  kRangeByKey,
  kRangeFirstPage,
  kRangeEndPage,
  kRangeAfterKey,
  kRangeThroughKey,
  kRangeCut,
  kRangeFields
};

// Appends to a string, so that the packed bytes are made in place.
struct StringSink {
  std::string* out;
  void write(const char* bytes, size_t size) { out->append(bytes, size); }
};

void PackString(const std::string& text, msgpack::packer<StringSink>* packer) {
  packer->pack_str(static_cast<uint32_t>(text.size()));
  packer->pack_str_body(text.data(), static_cast<uint32_t>(text.size()));
}

void PackStrings(const std::vector<std::string>& strings, msgpack::packer<StringSink>* packer) {
  packer->pack_array(static_cast<uint32_t>(strings.size()));
  for (const std::string& text : strings) PackString(text, packer);
}

void PackValues(const std::vector<std::optional<std::string>>& values,
                msgpack::packer<StringSink>* packer) {
  packer->pack_array(static_cast<uint32_t>(values.size()));
  for (const auto& value : values) value ? PackString(*value, packer) : (void)packer->pack_nil();
}

// Builds the batch from the parser's calls. `path_[d]` is the position inside the array at depth d;
// what is allowed next follows from the path alone, and whatever the grammar does not name there
// stops the parser.
class BatchVisitor : public msgpack::null_visitor {
 public:
  model::Batch batch;

  bool visit_positive_integer(uint64_t number) {
    uint32_t* target = nullptr;
    if (depth_ == 1) {
      switch (path_[1]) {
        case kFloor:
          batch.floor.value = number;
          return true;
        case kLastCommit:
          batch.last_commit.value = number;
          return true;
        case kCompleteThrough:
          batch.complete_through.value = number;
          return true;
        default:
          return false;
      }
    }
    if (depth_ == 2 && path_[1] == kXids) {
      batch.xids.push_back(0);
      target = &batch.xids.back();
    } else if (depth_ == 3) {
      target = Number();
    }
    if (target == nullptr || number > std::numeric_limits<uint32_t>::max()) return false;
    *target = static_cast<uint32_t>(number);
    return true;
  }

  bool visit_boolean(bool truth) {
    if (depth_ != 3) return false;
    if (path_[1] == kRebuilds && path_[3] == kRebuildSweep) {
      batch.rebuilds.back().sweep = truth;
      return true;
    }
    if (path_[1] == kRanges && path_[3] == kRangeByKey) {
      batch.ranges.back().by_key = truth;
      return true;
    }
    return false;
  }

  bool visit_str(const char* text, uint32_t size) {
    if (depth_ != 4) return false;
    if (InValues()) {
      batch.touches.back().values.emplace_back(std::in_place, text, size);
      return true;
    }
    std::vector<std::string>* strings = Strings();
    if (strings == nullptr) return false;
    strings->emplace_back(text, size);
    return true;
  }

  bool visit_nil() {
    if (depth_ != 4 || !InValues()) return false;
    batch.touches.back().values.emplace_back();
    return true;
  }

  bool start_array(uint32_t size) {
    if (!MayOpen(size)) return false;
    ++depth_;
    path_[depth_] = 0;
    return true;
  }
  bool end_array_item() {
    ++path_[depth_];
    return true;
  }
  bool end_array() {
    --depth_;
    return true;
  }

  bool visit_negative_integer(int64_t) { return false; }
  bool visit_float32(float) { return false; }
  bool visit_float64(double) { return false; }
  bool visit_bin(const char*, uint32_t) { return false; }
  bool visit_ext(const char*, uint32_t) { return false; }
  bool start_map(uint32_t) { return false; }

 private:
  bool MayOpen(uint32_t size) {
    switch (depth_) {
      case 0:
        return size == kBatchFields;
      case 1:
        return path_[1] >= kXids;
      case 2:
        if (path_[1] == kTouches && size == kTouchFields) {
          batch.touches.emplace_back();
          return true;
        }
        if (path_[1] == kRebuilds && size == kRebuildFields) {
          batch.rebuilds.emplace_back();
          return true;
        }
        if (path_[1] == kRanges && size == kRangeFields) {
          batch.ranges.emplace_back();
          return true;
        }
        return false;
      case 3:
        return InValues() || Strings() != nullptr;
      default:
        return false;
    }
  }

  // The number that belongs at the current path of depth 3, or null.
  uint32_t* Number() {
    if (path_[1] == kTouches) {
      switch (path_[3]) {
        case kTouchDocument:
          return &batch.touches.back().document;
        case kTouchEntry:
          return &batch.touches.back().entry;
        default:
          return nullptr;
      }
    }
    if (path_[1] == kRebuilds) {
      return path_[3] == kRebuildDocument ? &batch.rebuilds.back().document : nullptr;
    }
    if (path_[1] != kRanges) return nullptr;
    model::LoadRange& range = batch.ranges.back();
    switch (path_[3]) {
      case kRangeDocument:
        return &range.document;
      case kRangeChunk:
        return &range.chunk;
      case kRangeRelation:
        return &range.relation;
      case kRangeFirstPage:
        return &range.first_page;
      case kRangeEndPage:
        return &range.end_page;
      case kRangeCut:
        return &range.cut;
      default:
        return nullptr;
    }
  }

  // True in the values of a touch, from depth 3 on.
  bool InValues() const { return path_[1] == kTouches && path_[3] == kTouchValues; }

  // The list of strings that belongs at the current path from depth 3 on, or null.
  std::vector<std::string>* Strings() {
    if (path_[1] == kRanges && path_[3] == kRangeAfterKey) return &batch.ranges.back().after_key;
    if (path_[1] == kRanges && path_[3] == kRangeThroughKey) {
      return &batch.ranges.back().through_key;
    }
    return nullptr;
  }

  int depth_ = 0;
  std::array<uint32_t, 5> path_{};
};

}  // namespace

std::string PackBatch(const model::Batch& batch) {
  std::string out;
  out.reserve(PackedSizeBound(batch));
  out.push_back(static_cast<char>(kBatchVersion));
  StringSink sink{&out};
  msgpack::packer<StringSink> packer(sink);
  packer.pack_array(kBatchFields);
  packer.pack_uint64(batch.floor.value);
  packer.pack_uint64(batch.last_commit.value);
  packer.pack_uint64(batch.complete_through.value);
  packer.pack_array(static_cast<uint32_t>(batch.xids.size()));
  for (uint32_t xid : batch.xids) packer.pack_uint32(xid);
  packer.pack_array(static_cast<uint32_t>(batch.touches.size()));
  for (const model::Touch& touch : batch.touches) {
    packer.pack_array(kTouchFields);
    packer.pack_uint32(touch.document);
    packer.pack_uint32(touch.entry);
    PackValues(touch.values, &packer);
  }
  packer.pack_array(static_cast<uint32_t>(batch.rebuilds.size()));
  for (const model::Rebuild& rebuild : batch.rebuilds) {
    packer.pack_array(kRebuildFields);
    packer.pack_uint32(rebuild.document);
    rebuild.sweep ? packer.pack_true() : packer.pack_false();
  }
  packer.pack_array(static_cast<uint32_t>(batch.ranges.size()));
  for (const model::LoadRange& range : batch.ranges) {
    packer.pack_array(kRangeFields);
    packer.pack_uint32(range.document);
    packer.pack_uint32(range.chunk);
    packer.pack_uint32(range.relation);
    range.by_key ? packer.pack_true() : packer.pack_false();
    packer.pack_uint32(range.first_page);
    packer.pack_uint32(range.end_page);
    PackStrings(range.after_key, &packer);
    PackStrings(range.through_key, &packer);
    packer.pack_uint32(range.cut);
  }
  return out;
}

base::Result<model::Batch> UnpackBatch(std::string_view bytes) {
  if (bytes.empty()) return base::Fatal("packed batch: empty");
  const auto version = static_cast<unsigned char>(bytes.front());
  if (version != kBatchVersion) {
    return base::Fatal(
        fmt::format("packed batch: version {} at offset 0, but this build reads version {}",
                    version, kBatchVersion));
  }
  try {
    BatchVisitor visitor;
    size_t offset = 1;
    if (!msgpack::parse(bytes.data(), bytes.size(), offset, visitor)) {
      return base::Fatal(fmt::format("packed batch: {} at offset {} of {}",
                                     offset >= bytes.size() ? "cut short" : "not in the grammar",
                                     offset, bytes.size()));
    }
    if (offset != bytes.size()) {
      return base::Fatal(fmt::format("packed batch: {} bytes too many at offset {}",
                                     bytes.size() - offset, offset));
    }
    return std::move(visitor.batch);
  } catch (const std::bad_alloc&) {
    throw;  // the end of the process, not a property of the bytes
  } catch (const std::exception& e) {
    return base::Fatal(fmt::format("packed batch: {}", e.what()));
  }
}

size_t PackedSizeBound(const model::Batch& batch) {
  // msgpack takes at most 9 bytes for a 64-bit number and 5 for a 32-bit one, a string header or an
  // array header.
  constexpr size_t kNumber = 5;
  const auto strings_size = [](const std::vector<std::string>& strings) {
    size_t size = kNumber;
    for (const std::string& text : strings) size += kNumber + text.size();
    return size;
  };
  size_t size = 1 + 1 + 3 * 9 + 4 * kNumber + kNumber * batch.xids.size();
  for (const model::Touch& touch : batch.touches) {
    size += 1 + 3 * kNumber;
    for (const auto& value : touch.values) size += kNumber + (value ? value->size() : 0);
  }
  size += (1 + kNumber + 1) * batch.rebuilds.size();
  for (const model::LoadRange& range : batch.ranges) {
    size += 2 + 6 * kNumber + strings_size(range.after_key) + strings_size(range.through_key);
  }
  return size;
}

}  // namespace wire
