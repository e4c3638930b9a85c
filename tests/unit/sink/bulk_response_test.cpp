#include "consumer/sink/bulk_response.h"

#include <gtest/gtest.h>

namespace sink {
namespace {

using base::ErrorKind;
using model::BulkItem;
using model::ItemStatus;

std::vector<BulkItem> Items(const std::string& kinds) {  // "id": an index action, then a deletion
  std::vector<BulkItem> items;
  for (const char c : kinds) {
    items.emplace_back().kind = c == 'd' ? BulkItem::Kind::kDelete : BulkItem::Kind::kIndex;
  }
  return items;
}

// The outcome of one index action that was answered by `answer`.
base::Result<model::BulkOutcome> One(const std::string& answer, const std::string& kind = "i") {
  const std::string verb = kind == "d" ? "delete" : "index";
  return ClassifyBulk(200, R"({"errors":true,"items":[{")" + verb + "\":" + answer + "}]}",
                      Items(kind));
}

std::string ItemError(int status, const std::string& type) {
  return R"({"status":)" + std::to_string(status) + R"(,"error":{"type":")" + type +
         R"(","reason":"because"}})";
}

TEST(BulkResponse, OutcomesComeInTheOrderOfTheItems) {
  const auto outcome = ClassifyBulk(
      200,
      R"({"errors":true,"items":[{"index":{"status":201}},{"delete":{"status":404}},{"index":{"status":200}},
          {"index":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}}]})",
      Items("idii"));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  ASSERT_EQ(outcome->items.size(), 4u);
  EXPECT_EQ(outcome->items[0].status, ItemStatus::kDone);
  EXPECT_EQ(outcome->items[1].status, ItemStatus::kDone);
  EXPECT_EQ(outcome->items[2].status, ItemStatus::kDone);
  EXPECT_EQ(outcome->items[3].status, ItemStatus::kFresher);
}

TEST(BulkResponse, AllOfThemDone) {
  const std::string body =
      R"({"errors":false,"items":[{"index":{"status":201}},{"delete":{"status":404}},{"delete":{"status":200}},)"
      R"({"index":{"status":200}}]})";
  const auto outcome = ClassifyBulk(200, body, Items("iddi"));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  for (const model::ItemOutcome& item : outcome->items) EXPECT_EQ(item.status, ItemStatus::kDone);
  EXPECT_EQ(outcome->items[0].code, 201);
  EXPECT_EQ(outcome->items[1].code, 404);
  EXPECT_EQ(outcome->items[2].code, 200);
  EXPECT_EQ(outcome->items[3].code, 200);

  for (const char* others : {"iidi", "dddi", "idd", "iddid", "", "idid"}) {
    EXPECT_FALSE(ClassifyBulk(200, body, Items(others)).ok()) << others;
  }
  for (size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(ClassifyBulk(200, body.substr(0, length), Items("iddi")).ok()) << length;
  }
  EXPECT_FALSE(ClassifyBulk(200, body + "]", Items("iddi")).ok());
}

TEST(BulkResponse, WhatPassesIsRetried) {
  for (const auto& [status, type] :
       std::vector<std::pair<int, std::string>>{{429, "es_rejected_execution_exception"},
                                                {429, "rejected_execution_exception"},
                                                {429, "circuit_breaking_exception"},
                                                {429, "cluster_block_exception"},
                                                {403, "cluster_block_exception"},
                                                {503, "unavailable_shards_exception"},
                                                {503, "never_heard_of_it"},
                                                {500, "node_disconnected_exception"}}) {
    const auto outcome = One(ItemError(status, type));
    ASSERT_TRUE(outcome.ok()) << status << type;
    EXPECT_EQ(outcome->items[0].status, ItemStatus::kRetry) << status << type;
    EXPECT_EQ(outcome->items[0].reason, type + ": because");
    EXPECT_EQ(outcome->items[0].code, status);
  }
}

TEST(BulkResponse, TheDocumentsFaultIsRejected) {
  for (const std::string type :
       {"mapper_parsing_exception", "document_parsing_exception",
        "strict_dynamic_mapping_exception", "illegal_argument_exception"}) {
    const auto outcome = One(ItemError(400, type));
    ASSERT_TRUE(outcome.ok());
    EXPECT_EQ(outcome->items[0].status, ItemStatus::kRejected) << type;
  }
  EXPECT_EQ(One(ItemError(413, "too_large"))->items[0].status, ItemStatus::kRejected);
}

TEST(BulkResponse, IgnoredStatusesAreASuccessOfDeletionsOnly) {
  const std::vector<int> ignored = {400, 404, 429};
  const auto outcome = [&](const std::string& kind, int status, const std::string& type) {
    const std::string verb = kind == "d" ? "delete" : "index";
    return ClassifyBulk(
        200, R"({"errors":true,"items":[{")" + verb + "\":" + ItemError(status, type) + "}]}",
        Items(kind), ignored);
  };
  EXPECT_EQ(outcome("d", 400, "routing_missing_exception")->items[0].status, ItemStatus::kDone);
  EXPECT_EQ(outcome("d", 404, "document_missing_exception")->items[0].status, ItemStatus::kDone);
  EXPECT_EQ(outcome("i", 400, "mapper_parsing_exception")->items[0].status, ItemStatus::kRejected);
  EXPECT_EQ(outcome("d", 422, "unprocessable")->items[0].status, ItemStatus::kRejected);
  // What passes is tried again, and a lost index is no success, whatever the list says.
  EXPECT_EQ(outcome("d", 429, "circuit_breaking_exception")->items[0].status, ItemStatus::kRetry);
  EXPECT_EQ(outcome("d", 404, "index_not_found_exception").error().kind, ErrorKind::kRefused);
}

TEST(BulkResponse, WhatAnOperatorMustRepairIsRefused) {
  for (const auto& answer :
       {ItemError(403, "security_exception"), ItemError(401, "security_exception"),
        ItemError(404, "index_not_found_exception"), ItemError(400, "index_closed_exception")}) {
    const auto outcome = One(answer);
    ASSERT_FALSE(outcome.ok()) << answer;
    EXPECT_EQ(outcome.error().kind, ErrorKind::kRefused) << answer;
  }
}

TEST(BulkResponse, AMissingIndexIsNotAnAcknowledgedDeletion) {
  const auto outcome = One(ItemError(404, "index_not_found_exception"), "d");
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::kRefused);
}

TEST(BulkResponse, WhatIsNotUnderstoodStops) {
  for (const std::string& answer :
       {std::string(R"({"status":404})"), std::string(R"({"status":302})"),
        std::string(R"({"status":"200"})"), std::string("{}"), std::string(R"({"status":400})"),
        ItemError(500, "null_pointer_exception"), ItemError(200, "x"),
        ItemError(409, "some_other_conflict")}) {
    const auto outcome = One(answer);
    ASSERT_FALSE(outcome.ok()) << answer;
    EXPECT_EQ(outcome.error().kind, ErrorKind::kFatal) << answer;
  }
}

TEST(BulkResponse, GarbageStops) {
  for (const std::string body :
       {"", "<html>502</html>", "[]", "null", "{}", R"({"items":{}})", R"({"items":[]})",
        R"({"items":[1]})", R"({"items":[{"index":1}]})",
        R"({"items":[{"delete":{"status":200}}]})",
        R"({"items":[{"index":{"status":200}},{"index":{"status":200}}]})",
        R"({"items":[{"index":{"status":200},"delete":{"status":200}}]})",
        "{\"items\":[{\"index\":\xff}]}", R"({"items":[{"index":{"status":200)"}) {
    const auto outcome = ClassifyBulk(200, body, Items("i"));
    ASSERT_FALSE(outcome.ok()) << body;
    EXPECT_EQ(outcome.error().kind, ErrorKind::kFatal) << body;
  }
}

TEST(BulkResponse, WholeAnswersByStatus) {
  const auto kind = [](int status, const std::string& body) {
    return ClassifyBulk(status, body, Items("i")).error().kind;
  };
  for (const int status : {408, 429, 502, 503, 504})
    EXPECT_EQ(kind(status, "<html>"), ErrorKind::kRetry);
  EXPECT_EQ(kind(500, R"({"error":{"type":"master_not_discovered_exception","reason":"r"}})"),
            ErrorKind::kRetry);
  EXPECT_EQ(kind(403, R"({"error":{"type":"cluster_block_exception","reason":"r"}})"),
            ErrorKind::kRetry);
  EXPECT_EQ(kind(401, ""), ErrorKind::kRefused);
  EXPECT_EQ(kind(403, "Forbidden"), ErrorKind::kRefused);
  EXPECT_EQ(kind(404, R"({"error":{"type":"index_not_found_exception"}})"), ErrorKind::kRefused);
  for (const int status : {201, 302, 400, 404, 500})
    EXPECT_EQ(kind(status, "{}"), ErrorKind::kFatal) << status;
}

TEST(BulkResponse, AdviceAboutParts) {
  EXPECT_EQ(AdviceFor(413, "<html>"), PartsAdvice::kSplitReject);
  EXPECT_EQ(AdviceFor(400, R"({"error":{"type":"action_request_validation_exception"}})"),
            PartsAdvice::kSplitReject);
  EXPECT_EQ(AdviceFor(429, R"({"error":{"type":"circuit_breaking_exception"}})"),
            PartsAdvice::kSplit);
  EXPECT_EQ(AdviceFor(400, R"({"error":{"type":"illegal_argument_exception"}})"),
            PartsAdvice::kNone);
  EXPECT_EQ(AdviceFor(429, ""), PartsAdvice::kNone);
  EXPECT_EQ(AdviceFor(200, R"({"error":{"type":"circuit_breaking_exception"}})"),
            PartsAdvice::kNone);
}

TEST(BulkResponse, ReasonsAreBoundedAtACharacter) {
  std::string longer;
  for (int i = 0; i < 2000; ++i) longer += "é";
  const auto outcome = One(R"({"status":400,"error":{"type":"t","reason":")" + longer + R"("}})");
  ASSERT_TRUE(outcome.ok());
  const std::string& reason = outcome->items[0].reason;
  EXPECT_LT(reason.size(), 1100u);
  EXPECT_TRUE(reason.ends_with("é…"));
}

TEST(BulkResponse, TheCauseBelongsToTheReason) {
  const auto outcome = One(
      R"({"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse","caused_by":{"reason":"no date"}}})");
  EXPECT_EQ(outcome->items[0].reason, "mapper_parsing_exception: failed to parse; no date");
}

}  // namespace
}  // namespace sink
