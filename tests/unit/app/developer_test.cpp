// PGSYNC_DEVELOPER: nothing is guessed.
#include <gtest/gtest.h>

#include "consumer/app/developer.h"

namespace app {
namespace {

TEST(Developer, ReadsWhatIsSet) {
  const auto settings = ParseDeveloper(" batch_bytes=300 shuffle=7  record_ms=20 ");
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->batch_bytes, 300u);
  EXPECT_EQ(settings->shuffle, 7u);
  EXPECT_EQ(settings->record_interval.count(), 20);
  EXPECT_EQ(settings->take_bytes, DeveloperSettings().take_bytes);
}

TEST(Developer, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"batch=3", "shuffle", "shuffle=", "shuffle=x", "take_bytes=-1"}) {
    const auto settings = ParseDeveloper(text);
    ASSERT_FALSE(settings.ok()) << text;
    EXPECT_EQ(settings.error().kind, base::ErrorKind::kUsage) << text;
    EXPECT_NE(settings.error().message.find("PGSYNC_DEVELOPER"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace app
