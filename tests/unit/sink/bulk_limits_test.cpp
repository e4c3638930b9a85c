#include "consumer/sink/bulk_limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace sink {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr size_t kMiB = 1u << 20;

// `rounds` times as many good answers to full requests as may be under way.
void Grow(BulkLimits* limits, int rounds, std::chrono::nanoseconds per_byte = 10ns) {
  for (int i = 0; i < rounds; ++i) {
    const size_t requests = limits->requests();
    for (size_t k = 0; k < requests; ++k) {
      limits->Answered(limits->bytes(), per_byte * static_cast<int64_t>(limits->bytes()));
    }
  }
}

TEST(BulkLimits, BeginAtTheBoundsAndStayThere) {
  BulkLimits limits(8 * kMiB, 4);
  EXPECT_EQ(limits.bytes(), 8 * kMiB);
  EXPECT_EQ(limits.requests(), 4u);
  Grow(&limits, 50);
  EXPECT_EQ(limits.bytes(), 8 * kMiB);
  EXPECT_EQ(limits.requests(), 4u);
}

TEST(BulkLimits, ARefusalHalvesOnceForAllThatWasUnderWay) {
  BulkLimits limits(8 * kMiB, 4);
  const uint64_t sent_after = limits.generation();
  for (int i = 0; i < 4; ++i) limits.Refused(sent_after);
  EXPECT_EQ(limits.bytes(), 4 * kMiB);
  EXPECT_EQ(limits.requests(), 2u);
  limits.Refused(limits.generation());
  EXPECT_EQ(limits.bytes(), 2 * kMiB);
  EXPECT_EQ(limits.requests(), 1u);
}

TEST(BulkLimits, NeverBelowWhatIsWorthSending) {
  BulkLimits limits(8 * kMiB, 4);
  for (int i = 0; i < 100; ++i) limits.Refused(limits.generation());
  EXPECT_EQ(limits.bytes(), 64u << 10);
  EXPECT_EQ(limits.requests(), 1u);
  BulkLimits small(1000, 1);
  small.Refused(small.generation());
  EXPECT_EQ(small.bytes(), 1000u);
}

TEST(BulkLimits, GoodAnswersLetThemGrowStepByStep) {
  BulkLimits limits(8 * kMiB, 4);
  limits.Refused(limits.generation());
  limits.Refused(limits.generation());
  Grow(&limits, 1);
  EXPECT_EQ(limits.bytes(), 2 * kMiB + kMiB / 2);
  EXPECT_EQ(limits.requests(), 2u);
  Grow(&limits, 20);
  EXPECT_EQ(limits.bytes(), 8 * kMiB);
  EXPECT_EQ(limits.requests(), 4u);
}

TEST(BulkLimits, SlowerAnswersDoNot) {
  BulkLimits limits(8 * kMiB, 4);
  limits.Refused(limits.generation());
  limits.Answered(limits.bytes(), 10ms);
  limits.Answered(limits.bytes(), 20ms);
  limits.Answered(limits.bytes(), 10ms);
  EXPECT_EQ(limits.bytes(), 4 * kMiB);
  limits.Answered(limits.bytes(), 10ms);
  EXPECT_EQ(limits.bytes(), 4 * kMiB + kMiB / 2);
}

TEST(BulkLimits, SmallRequestsSayNothing) {
  BulkLimits limits(8 * kMiB, 1);
  limits.Refused(limits.generation());
  for (int i = 0; i < 100; ++i) limits.Answered(1000, 1ms);
  EXPECT_EQ(limits.bytes(), 4 * kMiB);
}

TEST(BulkLimits, WhatIsTooLargeIsNeverSentAgain) {
  BulkLimits limits(8 * kMiB, 1);
  limits.TooLarge(5 * kMiB);
  EXPECT_EQ(limits.bytes(), 5 * kMiB - 1);
  Grow(&limits, 50);
  EXPECT_EQ(limits.bytes(), 5 * kMiB - 1);
}

TEST(BulkGate, LetsNoMoreInThanAllowed) {
  BulkGate gate(kMiB, 2);
  std::atomic<int> inside = 0, most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 200; ++k) {
        const auto generation = gate.Enter(std::nullopt);
        BulkGate::Permit permit(gate, *generation);
        const int now = ++inside;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 2);
}

TEST(BulkGate, GivesUpAtTheDeadline) {
  BulkGate gate(kMiB, 1);
  const auto first = gate.Enter(std::nullopt);
  BulkGate::Permit permit(gate, *first);
  EXPECT_FALSE(gate.Enter(Clock::now() + 10ms));
}

TEST(BulkGate, ARefusalClosesItForOthers) {
  BulkGate gate(kMiB, 2);
  {
    BulkGate::Permit permit(gate, *gate.Enter(std::nullopt));
    permit.Refused();
  }
  EXPECT_EQ(gate.requests(), 1u);
  BulkGate::Permit permit(gate, *gate.Enter(std::nullopt));
  EXPECT_FALSE(gate.Enter(Clock::now() + 10ms));
}

}  // namespace
}  // namespace sink
