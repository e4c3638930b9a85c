// Batch: the unit of work between the producers (stream, load) and the workers. It names documents
// to rebuild, by keys or by ranges, never their content. Packed to bytes by wire/batch_codec for
// queues that leave the process.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "consumer/base/lsn.h"

namespace model {

// "Whatever documents hang on these values": `values` are those of the columns of entry point
// `entry` (schema/tree.h) of document `document`, as text. Entry 0 is the root's own key. Nothing
// is NULL; only the values that an entry point carries along (its last ones) may be that.
struct Touch {
  uint32_t document = 0;  // position in the schema file
  uint32_t entry = 0;
  std::vector<std::optional<std::string>> values;

  auto operator<=>(const Touch&) const = default;
};

// "Every document of this index": after TRUNCATE of one of its tables.
struct Rebuild {
  uint32_t document = 0;
  bool sweep = false;  // the root was truncated: also delete what the tables no longer have

  auto operator<=>(const Rebuild&) const = default;
};

// Sorts, and keeps each touch once.
inline void RemoveDuplicates(std::vector<Touch>* touches) {
  std::sort(touches->begin(), touches->end());
  touches->erase(std::unique(touches->begin(), touches->end()), touches->end());
}

// Adds it; of two for one document one is enough, and it sweeps if either does.
inline void AddRebuild(const Rebuild& rebuild, std::vector<Rebuild>* rebuilds) {
  const auto same = std::find_if(rebuilds->begin(), rebuilds->end(), [&](const Rebuild& other) {
    return other.document == rebuild.document;
  });
  if (same == rebuilds->end()) {
    rebuilds->push_back(rebuild);
  } else {
    same->sweep |= rebuild.sweep;
  }
}

// A part of a root table, for the load. By pages of a heap (ctid) or, when `by_key`, by its key
// (from, to].
struct LoadRange {
  uint32_t document = 0;
  uint32_t chunk = 0;     // ordinal, from 0; what the load's progress counts
  uint32_t cut = 0;       // which cutting of the table the ordinal belongs to (LoadBoard::SetPlan)
  uint32_t relation = 0;  // Oid of the heap the pages belong to (a partition's own)
  bool by_key = false;
  uint32_t first_page = 0, end_page = 0;            // [first, end)
  std::vector<std::string> after_key, through_key;  // empty = open end

  auto operator<=>(const LoadRange&) const = default;
};

struct Batch {
  // The stream's part: everything committed before `floor` is in earlier batches, so while this
  // batch is the oldest unfinished one, `floor` is the furthest position that may be acknowledged.
  base::Lsn floor;
  base::Lsn last_commit;       // commit record of the last transaction with a part in here
  base::Lsn complete_through;  // end of the last transaction that is wholly in this batch and those
                               // before it
  std::vector<uint32_t> xids;  // a build must see these (design D4)
  std::vector<Touch> touches;
  std::vector<Rebuild> rebuilds;
  // The load's part; a batch has one or the other.
  std::vector<LoadRange> ranges;

  bool IsLoad() const { return !ranges.empty(); }
  bool Empty() const { return touches.empty() && rebuilds.empty() && ranges.empty(); }
};

}  // namespace model
