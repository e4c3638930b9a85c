#include "consumer/sink/generations.h"

#include <gtest/gtest.h>

namespace sink {
namespace {

TEST(Generations, NumbersAreBehindTheLastUnderscore) {
  EXPECT_EQ(GenerationNumber("book", "book_1"), 1);
  EXPECT_EQ(GenerationNumber("book", "book_123456789"), 123456789);
  EXPECT_EQ(GenerationNumber("book_1", "book_1_2"), 2);
  for (const char* name : {"book", "book_", "book_x", "book_1x", "book_1_2", "books_1", "book-1",
                           "book_1234567890", "book_-1", "boo_1"}) {
    EXPECT_EQ(GenerationNumber("book", name), 0) << name;
  }
}

TEST(Generations, AreFoundInOrderOfTheirNumbers) {
  const auto indices = nlohmann::json::parse(R"({
    "book_10": {"mappings": {"_meta": {"pgsync": {}}}}, "book_2": {"mappings": {}},
    "book_shelf": {}, "book-rejected": {}, "book_9": {"mappings": {"_meta": 7}}})");
  const auto found = GenerationsIn(indices, "book");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].name, "book_2");
  EXPECT_EQ(found[1].name, "book_9");
  EXPECT_TRUE(found[1].meta.is_object());
  EXPECT_TRUE(found[2].meta.contains("pgsync"));
}

}  // namespace
}  // namespace sink
