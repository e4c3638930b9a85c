// What is done about the generations that a start finds.
#include "consumer/app/generations.h"

#include <gtest/gtest.h>

namespace app {
namespace {

using Names = std::vector<std::string>;

class PlanGenerationsTest : public ::testing::Test {
 protected:
  PlanGenerationsTest() {
    tree_.index = "book";
    tree_.fingerprint = "all-2";
    tree_.file_fingerprint = "file-2";
  }

  // One of this pipeline, made from file 1, 2, …
  sink::GenerationState& Add(int number, const std::string& file, bool served) {
    sink::GenerationState one;
    one.number = number;
    one.name = "book_" + std::to_string(number);
    one.served = served;
    one.state.fingerprint = "all-" + file;
    one.state.file_fingerprint = "file-" + file;
    one.state.system_identifier = origin_.system_identifier;
    one.state.database = origin_.database;
    one.state.slot = origin_.slot;
    one.state.applied = base::Lsn{100};
    one.state.shapes = kShapes;
    all_.push_back(std::move(one));
    return all_.back();
  }
  GenerationPlan Plan() const { return PlanGenerations(all_, tree_, kShapes, origin_); }

  static constexpr char kShapes[] = "{}";
  const Origin origin_{"73", "shop", "shop_book", base::Lsn{100}};
  schema::DocumentTree tree_;
  std::vector<sink::GenerationState> all_;
};

TEST_F(PlanGenerationsTest, NoneIsServedBeforeTheFirstStart) {
  EXPECT_EQ(Plan().served, nullptr);
  Add(1, "1", false);  // of another time: somebody took the alias away
  const GenerationPlan plan = Plan();
  EXPECT_EQ(plan.served, nullptr);
  EXPECT_FALSE(plan.beside);
  EXPECT_TRUE(plan.unfinished.empty() && plan.retired.empty());
}

TEST_F(PlanGenerationsTest, TheSameFileNeedsNoOther) {
  Add(1, "2", true);
  const GenerationPlan plan = Plan();
  EXPECT_EQ(plan.served->name, "book_1");
  EXPECT_FALSE(plan.beside);
}

TEST_F(PlanGenerationsTest, ChangedTablesAloneNeedNoOther) {
  Add(1, "2", true).state.fingerprint = "all-of-other-tables";
  EXPECT_FALSE(Plan().beside);
}

TEST_F(PlanGenerationsTest, AChangedFileNeedsAnotherOne) {
  Add(1, "1", true);
  const GenerationPlan plan = Plan();
  EXPECT_TRUE(plan.beside);
  EXPECT_EQ(plan.next, "");
}

TEST_F(PlanGenerationsTest, AnInterruptedFillingGoesOn) {
  Add(1, "1", true);
  Add(2, "2", false);
  const GenerationPlan plan = Plan();
  EXPECT_TRUE(plan.beside);
  EXPECT_EQ(plan.next, "book_2");
  EXPECT_TRUE(plan.unfinished.empty() && plan.retired.empty());
}

TEST_F(PlanGenerationsTest, WhatIsOfAThirdFileIsDropped) {
  Add(1, "1", true);
  Add(2, "3", false);
  const GenerationPlan plan = Plan();
  EXPECT_TRUE(plan.beside);
  EXPECT_EQ(plan.next, "");
  EXPECT_EQ(plan.unfinished, Names{"book_2"});
}

TEST_F(PlanGenerationsTest, OfTwoThatFitTheLaterOneGoesOn) {
  Add(1, "1", true);
  Add(2, "2", false);
  Add(3, "2", false);
  const GenerationPlan plan = Plan();
  EXPECT_EQ(plan.next, "book_3");
  EXPECT_EQ(plan.unfinished, Names{"book_2"});
}

TEST_F(PlanGenerationsTest, WhatMissedChangesDoesNotGoOn) {
  Add(1, "1", true);
  Add(2, "2", false).state.applied = base::Lsn{99};  // the old file ran in between
  const GenerationPlan plan = Plan();
  EXPECT_EQ(plan.next, "");
  EXPECT_EQ(plan.unfinished, Names{"book_2"});
}

TEST_F(PlanGenerationsTest, WhatIsOfOtherTablesDoesNotGoOn) {
  Add(1, "1", true);
  Add(2, "2", false).state.shapes =
      R"({"public.t": {"oid": 7, "kind": "r", "persistence": "p", "schema_marks": ["1", "a"],
          "name_marks": ["2", "b"], "identity": "d", "keys": null, "view": null,
          "partitions": {}, "columns": {"id": [1, 23, -1, "5", "c"]}}})";
  EXPECT_EQ(Plan().next, "");
}

TEST_F(PlanGenerationsTest, TheOldFileBackDropsWhatIsUnfinished) {
  Add(1, "2", true);
  Add(2, "1", false);
  const GenerationPlan plan = Plan();
  EXPECT_FALSE(plan.beside);
  EXPECT_EQ(plan.unfinished, Names{"book_2"});
}

TEST_F(PlanGenerationsTest, WhatHasServedIsRetired) {
  Add(1, "1", false);
  Add(2, "2", true);
  const GenerationPlan plan = Plan();
  EXPECT_FALSE(plan.beside);
  EXPECT_EQ(plan.retired, Names{"book_1"});
  EXPECT_TRUE(plan.unfinished.empty());
}

TEST_F(PlanGenerationsTest, WhatIsOfAnotherPipelineIsLeftAlone) {
  Add(1, "1", true);
  Add(2, "2", false).state.slot = "other";
  Add(3, "2", false).state.system_identifier = "74";
  Add(4, "3", false).state.database = "other";
  const GenerationPlan plan = Plan();
  EXPECT_EQ(plan.next, "");
  EXPECT_TRUE(plan.unfinished.empty() && plan.retired.empty());
}

}  // namespace
}  // namespace app
