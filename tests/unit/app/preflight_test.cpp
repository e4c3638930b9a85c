// The judging half of preflight: findings and remedies from what was read.
#include "consumer/app/preflight.h"

#include <gtest/gtest.h>

#include "consumer/app/preflight_server.h"

namespace app {
namespace {

Server Good() { return {150020, "sync", true, "logical", 10, 1, 10, 1}; }

std::vector<CheckResult> Judge(const Server& server, bool slot_exists = false) {
  std::vector<CheckResult> checks;
  CheckServer(server, slot_exists, &checks);
  return checks;
}

// The one check that is not ok.
CheckResult Only(const std::vector<CheckResult>& checks) {
  CheckResult only;
  int found = 0;
  for (const CheckResult& check : checks) {
    if (check.level == CheckLevel::kOk) continue;
    only = check;
    ++found;
  }
  EXPECT_EQ(found, 1);
  return only;
}

TEST(CheckServer, AllGood) {
  for (const CheckResult& check : Judge(Good())) {
    EXPECT_EQ(check.level, CheckLevel::kOk) << check.what;
    EXPECT_EQ(check.remedy, "");
  }
}

TEST(CheckServer, WalLevel) {
  Server server = Good();
  server.wal_level = "replica";
  EXPECT_EQ(Only(Judge(server)).level, CheckLevel::kError);
  EXPECT_EQ(Only(Judge(server)).remedy,
            "ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL");
  server.version = 190000;  // raises it by itself with the first slot
  EXPECT_EQ(Only(Judge(server)).level, CheckLevel::kWarning);
}

TEST(CheckServer, ReplicationRightIsQuoted) {
  Server server = Good();
  server.role = "Sy\"nc";
  server.may_replicate = false;
  EXPECT_EQ(Only(Judge(server)).remedy, "ALTER ROLE \"Sy\"\"nc\" REPLICATION; (as a superuser)");
}

TEST(CheckServer, SlotsOnlyMatterWhileOursIsToBeMade) {
  Server server = Good();
  server.used_slots = server.max_slots;
  EXPECT_EQ(Only(Judge(server)).level, CheckLevel::kError);
  EXPECT_FALSE(HasErrors(Judge(server, true)));
}

class CheckSlotTest : public ::testing::Test {
 protected:
  CheckResult Check(const std::optional<source::SlotInfo>& slot) {
    std::vector<CheckResult> checks;
    CheckSlot(slot, {"shop", "shop_book", trees_, catalog_, {}}, &checks);
    EXPECT_EQ(checks.size(), 1u);
    return checks.front();
  }
  static source::SlotInfo Ours() {
    source::SlotInfo slot;
    slot.plugin = "pgsync";
    slot.database = "shop";
    slot.confirmed_flush = {0x10};
    return slot;
  }

 private:
  std::vector<schema::DocumentTree> trees_;
  schema::Catalog catalog_;
};

TEST_F(CheckSlotTest, OursIsFine) { EXPECT_EQ(Check(Ours()).level, CheckLevel::kOk); }

TEST_F(CheckSlotTest, MissingOneIsForBootstrap) {
  const CheckResult check = Check(std::nullopt);
  EXPECT_EQ(check.level, CheckLevel::kError);
  EXPECT_TRUE(check.apply_slot);
  EXPECT_EQ(check.remedy, "pgsync-consumer bootstrap --apply SCHEMA");
}

TEST_F(CheckSlotTest, ForeignOrLostOnesAreNotTouched) {
  source::SlotInfo plugin = Ours(), database = Ours(), lost = Ours();
  plugin.plugin = "pgoutput";
  database.database = "other";
  lost.invalidated = true;
  for (const source::SlotInfo& slot : {plugin, database, lost}) {
    const CheckResult check = Check(slot);
    EXPECT_EQ(check.level, CheckLevel::kError);
    EXPECT_FALSE(check.apply_slot);
    EXPECT_TRUE(check.apply_sql.empty());
    EXPECT_NE(check.remedy, "");
  }
}

TEST(Checks, SlotIsMadeOnlyWhenNothingElseIsMissing) {
  CheckResult slot{CheckLevel::kError, "slot", "", {}, true};
  CheckResult identity{CheckLevel::kError, "identity", "", {"ALTER TABLE t"}, false};
  CheckResult unknown{CheckLevel::kUnknown, "plugin", "", {}, false};
  CheckResult warning{CheckLevel::kWarning, "index", "", {}, false};
  EXPECT_TRUE(OnlySlotIsMissing({slot}));
  EXPECT_TRUE(OnlySlotIsMissing({slot, warning}));
  EXPECT_FALSE(OnlySlotIsMissing({warning}));
  EXPECT_FALSE(OnlySlotIsMissing({slot, identity}));
  EXPECT_FALSE(OnlySlotIsMissing({unknown, slot}));
}

TEST(PluginList, ReadsAsTheServerDoes) {
  using List = std::vector<std::string>;
  EXPECT_EQ(ParsePluginList(""), List{});
  EXPECT_EQ(ParsePluginList("pgoutput, test_decoding"), (List{"pgoutput", "test_decoding"}));
  EXPECT_EQ(ParsePluginList("\"a, b\",c"), (List{"a, b", "c"}));
  EXPECT_EQ(ParsePluginList("\"q\"\"q\""), List{"q\"q"});
}

TEST(Checks, UnknownIsNotGoodEnough) {
  EXPECT_TRUE(HasErrors({{CheckLevel::kUnknown, "x", "y", {}, false}}));
  EXPECT_FALSE(HasErrors({{CheckLevel::kWarning, "x", "y", {}, false}}));
  EXPECT_EQ(ToString(CheckResult{CheckLevel::kError, "x", "y", {}, false}),
            "error    x\n         remedy: y\n");
}

}  // namespace
}  // namespace app
