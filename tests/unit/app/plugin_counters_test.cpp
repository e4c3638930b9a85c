#include "consumer/app/plugin_counters.h"

#include <string>

#include <gtest/gtest.h>

namespace app {
namespace {

model::Counters Of(uint32_t relid, uint64_t filtered, uint64_t suppressed, uint64_t sent,
                   uint64_t bytes, const char* table = nullptr) {
  model::Counters counters{relid, nullptr, filtered + suppressed + sent, filtered, suppressed,
                           sent,  bytes};
  if (table != nullptr) {
    auto relation = std::make_shared<model::Relation>();
    relation->id = relid;
    relation->schema = "public";
    relation->table = table;
    counters.relation = relation;
  }
  return counters;
}

class PluginCountersTest : public ::testing::Test {
 protected:
  uint64_t Rows(const std::string& relation, const std::string& outcome) {
    return metrics_
        .counter(base::Labelled("pgsync_plugin_rows_total",
                                {{"relation", relation}, {"outcome", outcome}}),
                 "")
        .Value();
  }
  uint64_t Bytes(const std::string& relation) {
    return metrics_
        .counter(base::Labelled("pgsync_plugin_bytes_total", {{"relation", relation}}), "")
        .Value();
  }

  base::Metrics metrics_;
  PluginCounters counters_{metrics_};
};

TEST_F(PluginCountersTest, AddsWhatCameSinceTheLastReport) {
  counters_.Take({{Of(1, 1, 2, 3, 400, "book")}});
  counters_.Take({{Of(1, 1, 5, 13, 1400)}});
  EXPECT_EQ(Rows("public.book", "filtered"), 1u);
  EXPECT_EQ(Rows("public.book", "suppressed"), 5u);
  EXPECT_EQ(Rows("public.book", "sent"), 13u);
  EXPECT_EQ(Bytes("public.book"), 1400u);
}

TEST_F(PluginCountersTest, NextSessionBeginsAtZero) {
  counters_.Take({{Of(1, 0, 0, 3, 400, "book")}});
  PluginCounters next(metrics_);
  next.Take({{Of(1, 0, 0, 2, 100, "book")}});
  EXPECT_EQ(Rows("public.book", "sent"), 5u);
  EXPECT_EQ(Bytes("public.book"), 500u);
}

TEST_F(PluginCountersTest, TablesThatAreNotOursAreOneAndPartitionsHaveTheirOid) {
  counters_.Take({{Of(1, 7, 0, 0, 0), Of(2, 8, 0, 0, 0), Of(3, 0, 0, 4, 50)}});
  EXPECT_EQ(Rows("other", "filtered"), 15u);
  EXPECT_EQ(Rows("3", "sent"), 4u);
}

TEST_F(PluginCountersTest, RenamedTableGoesOnUnderItsNewName) {
  counters_.Take({{Of(1, 0, 0, 3, 400, "book")}});
  counters_.Take({{Of(1, 0, 0, 5, 600, "tome")}});
  EXPECT_EQ(Rows("public.book", "sent"), 3u);
  EXPECT_EQ(Rows("public.tome", "sent"), 2u);
}

TEST_F(PluginCountersTest, NumberOfRelationsIsBounded) {
  for (uint32_t relid = 1; relid <= PluginCounters::kMostRelations + 50; ++relid) {
    counters_.Take({{Of(relid, 0, 0, 1, 10)}});
  }
  EXPECT_EQ(Rows(std::to_string(PluginCounters::kMostRelations), "sent"), 1u);
  EXPECT_EQ(Rows("other", "sent"), 50u);
}

}  // namespace
}  // namespace app
