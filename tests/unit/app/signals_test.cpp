// Signals sent to this very process.
#include "consumer/app/signals.h"

#include <future>

#include <unistd.h>

#include <gtest/gtest.h>

namespace app {
namespace {

constexpr std::chrono::seconds kPatience{10};

TEST(Signals, FirstOneAsksForADrain) {
  for (const int number : {SIGTERM, SIGINT}) {
    base::StopSignal stop;
    const auto log = base::MakeSilentLogger();
    const Signals signals(stop, *log);
    EXPECT_FALSE(stop.Requested());
    kill(getpid(), number);
    EXPECT_TRUE(stop.WaitFor(kPatience)) << number;
  }
}

TEST(Signals, SecondInterruptLeavesAtOnce) {
  base::StopSignal stop;
  const auto log = base::MakeSilentLogger();
  std::promise<int> left;
  const Signals signals(stop, *log, [&](int status) { left.set_value(status); });
  kill(getpid(), SIGINT);
  ASSERT_TRUE(stop.WaitFor(kPatience));
  auto status = left.get_future();
  kill(getpid(), SIGINT);
  ASSERT_EQ(status.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(status.get(), 130);
}

TEST(Signals, RepeatedTermChangesNothing) {
  base::StopSignal stop;
  const auto log = base::MakeSilentLogger();
  std::promise<int> left;
  const Signals signals(stop, *log, [&](int status) { left.set_value(status); });
  kill(getpid(), SIGTERM);
  ASSERT_TRUE(stop.WaitFor(kPatience));
  kill(getpid(), SIGTERM);
  kill(getpid(), SIGINT);
  auto status = left.get_future();
  ASSERT_EQ(status.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(status.get(), 130);  // of the SIGINT; the SIGTERM before it left nothing
}

TEST(Signals, BrokenPipesAreIgnored) {
  base::StopSignal stop;
  const auto log = base::MakeSilentLogger();
  const Signals signals(stop, *log);
  raise(SIGPIPE);
  EXPECT_FALSE(stop.Requested());
}

}  // namespace
}  // namespace app
