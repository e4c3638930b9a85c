#include "consumer/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace base {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return Fatal("odd");
  return number / 2;
}

Status Check(bool good) {
  if (!good) return Refused("do this");
  return {};
}

TEST(Result, HoldsAValueOrAnError) {
  auto good = Half(4);
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(*good, 2);
  auto bad = Half(3);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().kind, ErrorKind::kFatal);
  EXPECT_EQ(bad.error().message, "odd");
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  std::unique_ptr<int> out = *std::move(result);
  EXPECT_EQ(*out, 7);
}

TEST(Result, ReachesIntoItsValue) {
  Result<std::string> result(std::string("word"));
  EXPECT_EQ(result->size(), 4u);
  result->push_back('s');
  EXPECT_EQ(result.value(), "words");
}

TEST(ResultDeathTest, SaysWhatWasOverlooked) {
  Result<int> failed(Retry("no route to host"));
  EXPECT_DEATH(static_cast<void>(*failed), "overlooked: no route to host");
  Result<int> good(1);
  EXPECT_DEATH(static_cast<void>(good.error()), "result_test.cpp:[0-9]+ takes a success");
  Status fine;
  EXPECT_DEATH(static_cast<void>(fine.error()), "result_test.cpp:[0-9]+ takes a success");
}

TEST(Status, IsGoodWithoutAWord) {
  EXPECT_TRUE(Check(true).ok());
  auto bad = Check(false);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().kind, ErrorKind::kRefused);
}

TEST(Error, GetsContextInFrontAndKeepsItsKind) {
  const Error error = Retry("connection refused").While("reading").While("starting");
  EXPECT_EQ(error.message, "starting: reading: connection refused");
  EXPECT_EQ(error.kind, ErrorKind::kRetry);
}

TEST(Error, HasAMakerForEveryKind) {
  EXPECT_EQ(Retry("").kind, ErrorKind::kRetry);
  EXPECT_EQ(Reconnect("").kind, ErrorKind::kReconnect);
  EXPECT_EQ(RejectDocument("").kind, ErrorKind::kRejectDocument);
  EXPECT_EQ(Fatal("").kind, ErrorKind::kFatal);
  EXPECT_EQ(Usage("").kind, ErrorKind::kUsage);
  EXPECT_EQ(Refused("").kind, ErrorKind::kRefused);
}

}  // namespace
}  // namespace base
