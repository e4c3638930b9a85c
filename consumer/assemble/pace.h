// Pace: how much to read in one snapshot, so that it is written long before it is too old (design
// D3), and takes little memory. Halves what took too long or was large, doubles what was quick and
// small; a slow target gets small pieces and still gets on. Pure, one owner.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace assemble {

class Pace {
 public:
  Pace(uint32_t first, uint32_t least, uint32_t most)
      : now_(std::clamp(first, least, most)), least_(least), most_(most) {}

  uint32_t Now() const { return now_; }

  // A piece of Now() took this long from snapshot to durable, and its rows this much memory.
  void Took(std::chrono::steady_clock::duration time, size_t bytes) {
    if (time > kLong || bytes > kLarge) {
      Failed();
    } else if (time < kShort && bytes < kLarge / 3) {
      now_ = std::min(most_, now_ * 2);
    }
  }

  // A piece was not written in time, or could not be read for its size.
  void Failed() { now_ = std::max(least_, now_ / 2); }

 private:
  // Builds are thrown away after 30 s; at 4 s even a target that becomes several times slower is in
  // time.
  static constexpr std::chrono::milliseconds kLong{4000};
  static constexpr std::chrono::milliseconds kShort{1000};
  // Three of them may be in memory: one being read, one written, and its text.
  static constexpr size_t kLarge = 12u << 20;

  uint32_t now_, least_, most_;
};

}  // namespace assemble
