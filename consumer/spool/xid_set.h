// XidSet: transaction ids, as ranges. Ids are given out in ascending order, so the subtransactions
// that a loop rolls back one after the other take one range or eight bytes each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace spool {

class XidSet {
 public:
  void Insert(uint32_t xid) {
    if (!ranges_.empty() && ranges_.back().second == xid) return;
    if (!ranges_.empty() && xid > ranges_.back().second && xid - ranges_.back().second == 1) {
      ranges_.back().second = xid;
      return;
    }
    sorted_ = sorted_ && (ranges_.empty() || ranges_.back().second < xid);
    ranges_.emplace_back(xid, xid);
  }

  bool Contains(uint32_t xid) {
    if (!sorted_) Sort();
    const auto after =
        std::upper_bound(ranges_.begin(), ranges_.end(), xid,
                         [](uint32_t value, const auto& range) { return value < range.first; });
    return after != ranges_.begin() && xid <= std::prev(after)->second;
  }

  // Drops the ranges that lie behind `xid` as a whole. Ids wrap around; all that live at one time
  // lie within half of them.
  void DropLaterThan(uint32_t xid) {
    std::erase_if(ranges_, [&](const auto& range) { return Later(range.first, xid); });
  }

  static bool Later(uint32_t xid, uint32_t than) { return static_cast<int32_t>(xid - than) > 0; }

  size_t Bytes() const { return ranges_.size() * sizeof(ranges_[0]); }
  void Clear() { *this = XidSet(); }

 private:
  void Sort() {
    std::sort(ranges_.begin(), ranges_.end());
    size_t kept = 0;
    for (size_t i = 1; i < ranges_.size(); ++i) {
      auto& last = ranges_[kept];
      // Not "<= second + 1": that wraps at the last id.
      if (ranges_[i].first <= last.second || ranges_[i].first - last.second == 1) {
        last.second = std::max(last.second, ranges_[i].second);
      } else {
        ranges_[++kept] = ranges_[i];
      }
    }
    ranges_.resize(ranges_.empty() ? 0 : kept + 1);
    sorted_ = true;
  }

  std::vector<std::pair<uint32_t, uint32_t>> ranges_;  // first, last
  bool sorted_ = true;
};

}  // namespace spool
