// Keys come back as they went in, from memory and from the file.
#include "consumer/assemble/root_list.h"

#include <gtest/gtest.h>

namespace assemble {
namespace {

using Key = std::vector<std::optional<std::string>>;

Key KeyOf(size_t i) {
  return {std::to_string(i), i % 3 == 0 ? std::nullopt : std::optional("r" + std::to_string(i))};
}

class RootListTest : public ::testing::TestWithParam<size_t> {};

TEST_P(RootListTest, GivesBackEveryPart) {
  RootList list(2, {GetParam(), ::testing::TempDir()});
  constexpr size_t kKeys = 10'000;
  for (size_t i = 0; i < kKeys; ++i) ASSERT_TRUE(list.Add(KeyOf(i)));
  ASSERT_EQ(list.size(), kKeys);
  for (const auto& [begin, end] : std::vector<std::pair<size_t, size_t>>{
           {0, kKeys}, {0, 0}, {0, 1}, {1023, 1025}, {1024, 2048}, {5000, 9999}, {9999, kKeys}}) {
    const auto keys = list.Keys(begin, end);
    ASSERT_TRUE(keys);
    ASSERT_EQ(keys->size(), 2u);
    ASSERT_EQ((*keys)[0].size(), end - begin);
    for (size_t i = begin; i < end; ++i) {
      EXPECT_EQ((*keys)[0][i - begin], KeyOf(i)[0]);
      EXPECT_EQ((*keys)[1][i - begin], KeyOf(i)[1]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InMemoryPartlyAndInTheFile, RootListTest,
                         ::testing::Values(1u << 30, 40'000u, 0u));

TEST(RootListTest, AFullDirectoryIsRefusedWithTheRemedy) {
  RootList list(1, {0, "/proc/nowhere"});
  base::Status added;
  for (size_t i = 0; i < 3000 && added; ++i) added = list.Add(Key{std::to_string(i)});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, base::ErrorKind::kRefused);
  EXPECT_NE(added.error().message.find("--spool-dir"), std::string::npos);
}

}  // namespace
}  // namespace assemble
