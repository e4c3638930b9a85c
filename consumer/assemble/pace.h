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
  struct Limits {
    // Builds are thrown away after 30 s; at 4 s even a target that becomes several times slower is
    // in time.
    std::chrono::milliseconds long_time{4000};
    std::chrono::milliseconds short_time{1000};
    // Three of them may be in memory: one being read, one written, and its text.
    size_t large = 12u << 20;
  };

  Pace(uint32_t first, uint32_t least, uint32_t most) : Pace(first, least, most, Limits()) {}
  Pace(uint32_t first, uint32_t least, uint32_t most, Limits limits)
      : now_(std::clamp(first, least, most)), least_(least), most_(most), limits_(limits) {}

  uint32_t Now() const { return now_; }
  bool AtLeast() const { return now_ == least_; }

  // A piece of Now() took this long from snapshot to durable, and its rows this much memory.
  void Took(std::chrono::steady_clock::duration time, size_t bytes) {
    if (time > limits_.long_time || bytes > limits_.large) {
      Failed();
    } else if (time < limits_.short_time && bytes < limits_.large / 3) {
      now_ = std::min(most_, now_ * 2);
    }
  }

  // A piece was not written in time, or could not be read for its size.
  void Failed() { now_ = std::max(least_, now_ / 2); }

 private:
  uint32_t now_, least_, most_;
  Limits limits_;
};

}  // namespace assemble
