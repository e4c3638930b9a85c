// What becomes of the indices behind an alias, against tests/fakes/engine_stub.py.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/sink/stub_target.h"

namespace sink {
namespace {

using base::ErrorKind;
using Json = nlohmann::json;
using sink_test::Put;

using HttpGenerationsTest = sink_test::StubTargetTest;

TEST_F(HttpGenerationsTest, AFreshIndexIsFilledWithoutRefreshesAndGetsItsSettingsBack) {
  trees[0].index_body =
      R"({"settings":{"index":{"number_of_replicas":2,"refresh_interval":"9s"}}})";
  auto target = Created();
  const auto settings = [&] {
    return Json::parse(Ask("GET", "/book_1/_settings"))["book_1"]["settings"]["index"];
  };
  EXPECT_EQ(settings()["refresh_interval"], "-1");
  EXPECT_EQ(settings()["number_of_replicas"], "0");
  // Whoever finishes the load, the first process or one after it.
  model::SyncState state = sink_test::State();
  ASSERT_TRUE(target->WriteState(trees[0], state).ok());
  ASSERT_TRUE(Open()->EndLoad(trees[0]).ok());
  EXPECT_EQ(settings()["refresh_interval"], "9s");
  EXPECT_EQ(settings()["number_of_replicas"], "2");
  EXPECT_EQ(**Open()->ReadState(trees[0]), state);
  // Of an index that is loaded again in place nothing is taken, so nothing is given.
  Ask("PUT", "/book_1/_settings", R"({"index":{"refresh_interval":"7s"}})");
  ASSERT_TRUE(Open()->EndLoad(trees[0]).ok());
  EXPECT_EQ(settings()["refresh_interval"], "7s");
}

TEST_F(HttpGenerationsTest, TheEnginesOwnReplicasAreLeftAlone) {
  trees[0].index_body = R"({"settings":{"index":{"auto_expand_replicas":"0-1"}}})";
  auto target = Created();
  const Json filling = Json::parse(Ask("GET", "/book_1/_settings"))["book_1"]["settings"]["index"];
  EXPECT_EQ(filling["refresh_interval"], "-1");
  EXPECT_EQ(filling["number_of_replicas"], "1");
  ASSERT_TRUE(target->EndLoad(trees[0]).ok());
  const Json after = Json::parse(Ask("GET", "/book_1/_settings"))["book_1"]["settings"]["index"];
  EXPECT_FALSE(after.contains("refresh_interval"));
}

TEST_F(HttpGenerationsTest, AGenerationIsFilledBesideAndServedInOneStep) {
  auto target = Created();
  model::BulkRequest request;
  Put(&request, "1", 1, R"({"t":"old"})");
  ASSERT_TRUE(target->NewWriter()->Write(request).ok());
  Ask("PUT", "/book_4", "{}");  // not ours, and its number is taken

  model::SyncState state = sink_test::State();
  state.fingerprint = "beef";
  auto made = target->CreateBeside(trees[0], state);
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(*made, "book_5");
  EXPECT_TRUE(Json::parse(Ask("GET", "/book")).contains("book_1"));
  EXPECT_EQ(target->Generations(trees[0])->size(), 2u);

  trees[0].generation = *made;
  request = {};
  Put(&request, "2", 1, R"({"t":"new"})");
  ASSERT_TRUE(target->NewWriter()->Write(request).ok());
  state.applied = base::Lsn{state.applied.value + 1};
  ASSERT_TRUE(target->WriteState(trees[0], state).ok());
  EXPECT_EQ(Held("book"), "1@1 ");
  EXPECT_EQ(Held("book_5"), "2@1 ");
  ASSERT_TRUE(target->EndLoad(trees[0]).ok());

  ASSERT_TRUE(target->Serve(trees[0]).ok());
  EXPECT_EQ(Held("book"), "2@1 ");
  ASSERT_TRUE(target->Serve(trees[0]).ok()) << "may be called again";
  EXPECT_EQ(target->DropGeneration(trees[0], "book_5").error().kind, ErrorKind::kFatal);
  ASSERT_TRUE(target->DropGeneration(trees[0], "book_1").ok());
  ASSERT_TRUE(target->DropGeneration(trees[0], "book_1").ok()) << "may be called again";
  trees[0].generation = "";
  EXPECT_EQ(**target->ReadState(trees[0]), state);
  const auto left = target->Generations(trees[0]);
  ASSERT_EQ(left->size(), 1u);
  EXPECT_TRUE(left->front().served);
  EXPECT_EQ(left->front().number, 5);
}

}  // namespace
}  // namespace sink
