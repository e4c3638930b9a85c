// How much an engine is sent at once: the bytes of one bulk request, and how many requests may be
// under way. Both begin at their bounds; a refusal for overload halves them, and answers in full
// requests that take no longer per byte than usual let them grow again, step by step. The engine is
// one, so all writers of a target share one gate.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace sink {

// The arithmetic. Pure; one thread at a time.
class BulkLimits {
 public:
  BulkLimits(size_t most_bytes, size_t most_requests);

  size_t bytes() const { return bytes_; }
  size_t requests() const { return requests_; }
  // Which halving a request was sent after: what was under way at once is refused at once, and
  // counts once.
  uint64_t generation() const { return generation_; }

  void Refused(uint64_t generation);
  // For its size, and not for what it holds: so much is never sent again.
  void TooLarge(size_t bytes);
  void Answered(size_t bytes, std::chrono::nanoseconds took);

 private:
  size_t most_bytes_;
  const size_t most_requests_;
  size_t bytes_, requests_;
  uint64_t generation_ = 0;
  size_t good_answers_ = 0;    // since the last step
  double usual_per_byte_ = 0;  // nanoseconds, of the last answers; 0 = none yet
};

// BulkLimits for many threads, and the requests under way.
class BulkGate {
 public:
  using Clock = std::chrono::steady_clock;

  BulkGate(size_t most_bytes, size_t most_requests) : limits_(most_bytes, most_requests) {}
  BulkGate(BulkGate&&) = delete;

  // The right to have one request under way, until it is destroyed. Without a verdict (nobody was
  // reached) nothing is learned.
  class Permit {
   public:
    Permit(BulkGate& gate, uint64_t generation) : gate_(gate), generation_(generation) {}
    Permit(Permit&&) = delete;
    ~Permit() { gate_.Leave(); }
    void Refused() { gate_.Refused(generation_); }
    void Answered(size_t bytes) { gate_.Answered(bytes, Clock::now() - begun_); }

   private:
    BulkGate& gate_;
    const uint64_t generation_;
    const Clock::time_point begun_ = Clock::now();
  };

  // Waits for others to be answered if there are too many. Returns nothing when that takes longer
  // than `deadline`.
  std::optional<uint64_t> Enter(std::optional<Clock::time_point> deadline);

  void TooLarge(size_t bytes);
  size_t bytes() const;
  size_t requests() const;

 private:
  void Leave();
  void Refused(uint64_t generation);
  void Answered(size_t bytes, std::chrono::nanoseconds took);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  BulkLimits limits_;
  size_t under_way_ = 0;
};

}  // namespace sink
