// Small batches for the queue tests, and checks that print what a call answered.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "consumer/model/batch.h"
#include "consumer/queue/queue.h"

namespace queue {

inline constexpr size_t kMany = 1 << 20;
inline constexpr std::chrono::milliseconds kNoWait{0};

// A batch of one whole transaction that ends at `complete`, after everything before `floor`.
inline model::Batch StreamBatch(uint64_t floor, uint64_t complete, std::string value = "1") {
  model::Batch batch;
  batch.floor.value = floor;
  batch.last_commit.value = complete - 1;
  batch.complete_through.value = complete;
  batch.xids = {static_cast<uint32_t>(complete)};
  batch.touches.push_back({0, 0, {std::move(value)}});
  return batch;
}

inline model::Batch LoadBatch(uint32_t chunk) {
  model::Batch batch;
  model::LoadRange range;
  range.chunk = chunk;
  range.first_page = chunk * 100;
  range.end_page = chunk * 100 + 100;
  batch.ranges.push_back(range);
  return batch;
}

template <typename T>
testing::AssertionResult Succeeds(const base::Result<T>& result) {
  if (result.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error().message;
}

template <typename T>
testing::AssertionResult FailsWith(base::ErrorKind kind, const base::Result<T>& result) {
  if (result.ok()) return testing::AssertionFailure() << "it succeeded";
  if (result.error().kind == kind) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "kind " << static_cast<int>(result.error().kind) << ": " << result.error().message;
}

#define ASSERT_SUCCEEDS(call) ASSERT_TRUE(Succeeds(call))
#define EXPECT_FAILS(kind, call) EXPECT_TRUE(FailsWith(base::ErrorKind::kind, call))

}  // namespace queue
