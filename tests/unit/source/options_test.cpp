#include <gtest/gtest.h>

#include "consumer/source/replication_stream.h"
#include "consumer/source/slot.h"

namespace source {
namespace {

TEST(TablesOption, QuotesNamesAndPartsColumns) {
  EXPECT_EQ(TablesOption({{{"public", "book"}, {"id", "author_id"}, {"title"}, {}}}),
            R"("public"."book"("id","author_id";"title"))");
}

TEST(TablesOption, SeparatesTablesByCommas) {
  EXPECT_EQ(TablesOption({{{"a", "b"}, {"x"}, {}, {}}, {{"c", "d"}, {"y"}, {}, {}}}),
            R"("a"."b"("x"), "c"."d"("y"))");
}

TEST(TablesOption, KeepsOddNames) {
  EXPECT_EQ(TablesOption({{{"My Schema", "a\"b"}, {"x;y", "z)"}, {"o'k"}, {}}}),
            R"x("My Schema"."a""b"("x;y","z)";"o'k"))x");
}

TEST(TablesOption, DoesNotWatchWhatIsEmitted) {
  EXPECT_EQ(TablesOption({{{"s", "t"}, {"a", "b"}, {"b", "c"}, {}}}), R"("s"."t"("a","b";"c"))");
  EXPECT_EQ(TablesOption({{{"s", "t"}, {"a"}, {"a"}, {}}}), R"("s"."t"("a"))");
}

TEST(TablesOption, NoColumnsAreNotAllColumns) {
  EXPECT_EQ(TablesOption({{{"s", "t"}, {}, {}, {}}}), R"("s"."t"(;))");
  EXPECT_EQ(TablesOption({{{"s", "t"}, {}, {"a"}, {}}}), R"("s"."t"(;"a"))");
}

TEST(StartCommand, AsksForWhatIsWanted) {
  PluginOptions options;
  options.tables = {{{"s", "t"}, {"o'k"}, {}, {}}};
  EXPECT_EQ(StartCommand("my_slot", base::Lsn{0x16B374D848}, options),
            R"x(START_REPLICATION SLOT "my_slot" LOGICAL 16/B374D848 (proto_version '1', )x"
            R"x(origin 'any', tables '"s"."t"("o''k")'))x");
  options.origin = "none";
  options.streaming = true;
  options.statistics_interval = std::chrono::seconds(10);
  EXPECT_EQ(StartCommand("my_slot", base::Lsn{1}, options),
            R"x(START_REPLICATION SLOT "my_slot" LOGICAL 0/1 (proto_version '1', origin 'none', )x"
            R"x(streaming 'on', statistics_interval '10000', tables '"s"."t"("o''k")'))x");
}

TEST(SlotNameFrom, MapsToWhatTheServerAllows) {
  EXPECT_EQ(SlotNameFrom("Shop-DB_books.v2"), "shop_db_books_v2");
  EXPECT_EQ(SlotNameFrom("caf\xc3\xa9"), "caf__");
}

TEST(SlotNameFrom, CutsAt63Bytes) { EXPECT_EQ(SlotNameFrom(std::string(100, 'a')).size(), 63u); }

TEST(AllowPluginStatement, KeepsThePresentList) {
  EXPECT_EQ(AllowPluginStatement("pgoutput, wal2json"),
            "ALTER SYSTEM SET output_plugin_libraries = pgoutput, wal2json, pgsync; SELECT "
            "pg_reload_conf();");
}

TEST(AllowPluginStatement, AssumesTheDefaultWhenTheListIsHidden) {
  EXPECT_EQ(AllowPluginStatement(""),
            "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, pgsync; SELECT "
            "pg_reload_conf();");
}

}  // namespace
}  // namespace source
