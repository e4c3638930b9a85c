#include "consumer/base/log.h"

#include <gtest/gtest.h>

#include <string>

namespace base {
namespace {

std::string Written(LogFormat format, LogLevel minimum) {
  testing::internal::CaptureStderr();
  auto logger = MakeLogger(format, minimum);
  logger->Debug("source", "too much");
  logger->Warning("sink", "a \"quoted\" {} %v word");
  logger.reset();
  return testing::internal::GetCapturedStderr();
}

TEST(Logger, WritesOneLineOfText) {
  const std::string line = Written(LogFormat::kText, LogLevel::kInfo);
  EXPECT_TRUE(line.ends_with(" warning sink: a \"quoted\" {} %v word\n")) << line;
  EXPECT_EQ(line.find("too much"), std::string::npos);
}

TEST(Logger, WritesOneJsonObject) {
  const std::string line = Written(LogFormat::kJson, LogLevel::kInfo);
  EXPECT_TRUE(line.starts_with("{\"time\":\"")) << line;
  EXPECT_TRUE(
      line.ends_with("\"level\":\"warning\",\"room\":\"sink\",\"message\":"
                     "\"a \\\"quoted\\\" {} %v word\"}\n"))
      << line;
}

TEST(Logger, ShowsDebugWhenAsked) {
  EXPECT_NE(Written(LogFormat::kText, LogLevel::kDebug).find("debug source: too much"),
            std::string::npos);
}

TEST(Logger, CanBeSilent) {
  testing::internal::CaptureStderr();
  MakeSilentLogger()->Error("app", "nothing");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace base
