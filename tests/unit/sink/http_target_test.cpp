// The engine target against tests/fakes/engine_stub.py. With PGSYNC_TEST_ENGINE=http://host:port
// set, AWholeLife runs on that engine instead (its indices are called pgsync_sink_test and are
// dropped afterwards).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/sink/stub_target.h"

namespace sink {
namespace {

using Json = nlohmann::json;
using base::ErrorKind;
using model::ItemStatus;
using sink_test::Delete;
using sink_test::Put;

class HttpTargetTest : public sink_test::StubTargetTest {
 protected:
  HttpTargetTest() { config.timeout = std::chrono::seconds(30); }

  void Control(const std::string& what) {
    EXPECT_EQ(Ask("POST", "/_stub/" + what), R"({"ok": true})");
  }
  static std::vector<ItemStatus> Statuses(const base::Result<model::BulkOutcome>& outcome) {
    std::vector<ItemStatus> statuses;
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    if (outcome) {
      for (const auto& item : outcome->items) statuses.push_back(item.status);
    }
    return statuses;
  }
};

TEST_F(HttpTargetTest, ProbeNamesTheProduct) {
  EXPECT_EQ(Open()->Describe(), "OpenSearch 2.19.5 at " + stub.url);
  Control("product?number=8.11.1&distribution=elasticsearch");
  EXPECT_EQ(Open()->Describe(), "Elasticsearch 8.11.1 at " + stub.url);
}

TEST_F(HttpTargetTest, ProbeRefusesOldAndUnknownProducts) {
  for (const std::string product :
       {"number=6.8.23&distribution=elasticsearch", "number=1.0&distribution=couchbase"}) {
    Control("product?" + product);
    auto probed = MakeHttpTarget(config, trees, *log)->Probe();
    ASSERT_FALSE(probed.ok()) << product;
    EXPECT_EQ(probed.error().kind, ErrorKind::kRefused);
  }
}

TEST_F(HttpTargetTest, ProbeRefusesAPipelineThatTheEngineDoesNotHave) {
  trees[0].pipeline = "enrich";
  Open();
  trees[0].pipeline = "missing one";
  auto probed = MakeHttpTarget(config, trees, *log)->Probe();
  ASSERT_FALSE(probed.ok());
  EXPECT_EQ(probed.error().kind, ErrorKind::kRefused);
  EXPECT_NE(probed.error().message.find("no ingest pipeline \"missing one\""), std::string::npos);
}

TEST_F(HttpTargetTest, DeletionsThatNameNoRoutingAreNotSent) {
  auto target = Created();
  auto writer = target->NewWriter();
  model::BulkRequest request;
  Put(&request, "a", 5, R"({"n":1})");
  Delete(&request, "x", 5);
  request.items.back().any_routing = true;
  Put(&request, "b", 5, R"({"n":2})");
  Control("fail_items?pattern=x&status=400");  // it would be rejected
  EXPECT_EQ(Statuses(writer->Write(request)),
            (std::vector{ItemStatus::kDone, ItemStatus::kDone, ItemStatus::kDone}));
  EXPECT_EQ(Held("book"), "a@5 b@5 ");
}

TEST_F(HttpTargetTest, ProbeNamesTheRemedyWhenNobodyAnswers) {
  config.url = "http://127.0.0.1:1";
  auto probed = MakeHttpTarget(config, trees, *log)->Probe();
  ASSERT_FALSE(probed.ok());
  EXPECT_EQ(probed.error().kind, ErrorKind::kRefused);
  EXPECT_NE(probed.error().message.find("http://127.0.0.1:1"), std::string::npos);
  EXPECT_NE(probed.error().message.find("ELASTICSEARCH_URL"), std::string::npos);
}

TEST_F(HttpTargetTest, CredentialsAreUsedAndNeverShown) {
  Control("auth?user=elastic&password=hunter2");
  auto refused = MakeHttpTarget(config, trees, *log)->Probe();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::kRefused);
  EXPECT_NE(refused.error().message.find("ELASTICSEARCH_PASSWORD"), std::string::npos);
  config.url = "http://elastic:hunter2@" + stub.url.substr(7) + "/";
  auto target = Open();
  EXPECT_EQ(target->Describe().find("hunter2"), std::string::npos);
  config.url = "http://elastic:hunter2@127.0.0.1:1";
  EXPECT_EQ(MakeHttpTarget(config, trees, *log)->Probe().error().message.find("hunter2"),
            std::string::npos);
}

TEST_F(HttpTargetTest, CreatesAGenerationBehindAnAlias) {
  auto target = Open();
  EXPECT_FALSE(target->ReadState(trees[0])->has_value());
  ASSERT_TRUE(target->Create(trees[0], sink_test::State()).ok());
  const Json made = Json::parse(Ask("GET", "/book_1"))["book_1"];
  EXPECT_TRUE(made["aliases"].contains("book"));
  EXPECT_EQ(made["mappings"]["_meta"]["owner"], "us");
  EXPECT_EQ(made["mappings"]["properties"]["t"]["type"], "text");
  EXPECT_EQ(**Open()->ReadState(trees[0]), sink_test::State());
}

TEST_F(HttpTargetTest, CreateLeavesLeftOverGenerationsAlone) {
  Ask("PUT", "/book_1", "{}");
  auto target = Created();
  EXPECT_TRUE(Json::parse(Ask("GET", "/book")).contains("book_2"));
}

// A request for the index that came through after all, when nobody waited for it any more: of a
// daemon that was killed, or sent twice.
TEST_F(HttpTargetTest, CreateTakesWhatCameThroughLate) {
  auto target = Open();
  EXPECT_FALSE(target->ReadState(trees[0])->has_value());
  ASSERT_TRUE(Open()->Create(trees[0], sink_test::State()).ok());
  model::SyncState state = sink_test::State();
  state.applied.value += 7;
  ASSERT_TRUE(target->Create(trees[0], state).ok());
  EXPECT_EQ(Json::parse(Ask("GET", "/book_*")).size(), 1u);
  EXPECT_EQ(**target->ReadState(trees[0]), state);

  state.slot = "another";
  auto other = target->Create(trees[0], state);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().kind, ErrorKind::kRetry);
  EXPECT_EQ(Json::parse(Ask("GET", "/book_*")).size(), 1u);
}

TEST_F(HttpTargetTest, ARealIndexOfTheAliassNameIsRefusedWithBothWaysOut) {
  Ask("PUT", "/book", "{}");
  auto target = Open();
  for (const auto& error :
       {target->ReadState(trees[0]).error(), target->Create(trees[0], {}).error()}) {
    EXPECT_EQ(error.kind, ErrorKind::kRefused);
    EXPECT_NE(error.message.find("\"alias\": false"), std::string::npos);
    EXPECT_NE(error.message.find("curl -X DELETE"), std::string::npos);
  }
}

TEST_F(HttpTargetTest, SomebodyElsesAliasIsRefused) {
  Ask("PUT", "/theirs", R"({"aliases":{"book":{}}})");
  EXPECT_EQ(Open()->ReadState(trees[0]).error().kind, ErrorKind::kRefused);
}

TEST_F(HttpTargetTest, APlainIndexIsTakenOverWithItsMeta) {
  trees[0].alias = false;
  Ask("PUT", "/book", R"({"mappings":{"_meta":{"theirs":1},"properties":{}}})");
  auto target = Open();
  EXPECT_FALSE(target->ReadState(trees[0])->has_value());
  ASSERT_TRUE(target->Create(trees[0], sink_test::State()).ok());
  EXPECT_EQ(**target->ReadState(trees[0]), sink_test::State());
  EXPECT_EQ(Json::parse(Ask("GET", "/book"))["book"]["mappings"]["_meta"]["theirs"], 1);
}

TEST_F(HttpTargetTest, StateIsReplacedAndOtherKeysAreKept) {
  auto target = Created();
  model::SyncState state = sink_test::State();
  state.applied = base::Lsn{0x1700000000};
  state.load.complete = true;
  auto written = target->WriteState(trees[0], state);
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(**Open()->ReadState(trees[0]), state);
  EXPECT_EQ(Json::parse(Ask("GET", "/book_1"))["book_1"]["mappings"]["_meta"]["owner"], "us");
}

TEST_F(HttpTargetTest, AnIndexThatWasDeletedMeanwhileIsNoticed) {
  auto target = Created();
  Ask("DELETE", "/book_1");
  EXPECT_EQ(target->WriteState(trees[0], sink_test::State()).error().kind, ErrorKind::kRefused);
  model::BulkRequest request;
  Put(&request, "1", 1, "{}");
  EXPECT_EQ(target->NewWriter()->Write(request).error().kind, ErrorKind::kRefused);
  Ask("PUT", "/book_1", R"({"aliases":{"book":{}}})");  // made again by somebody else
  EXPECT_EQ(target->WriteState(trees[0], sink_test::State()).error().kind, ErrorKind::kRefused);
}

TEST_F(HttpTargetTest, AStateOfAnotherFormatIsRefused) {
  Ask("PUT", "/book_1", R"({"aliases":{"book":{}},"mappings":{"_meta":{"pgsync":{"format":2}}}})");
  EXPECT_EQ(Open()->ReadState(trees[0]).error().kind, ErrorKind::kRefused);
}

TEST_F(HttpTargetTest, WritesWithVersions) {
  auto target = Created();
  auto writer = target->NewWriter();
  model::BulkRequest first;
  Put(&first, "1", 10, R"({"t":"é"})");
  Put(&first, "2", 10, R"({"t":"y"})");
  Delete(&first, "3", 10);
  EXPECT_EQ(Statuses(writer->Write(first)), std::vector(3, ItemStatus::kDone));
  model::BulkRequest second;
  Put(&second, "1", 9, R"({"t":"old"})");
  Put(&second, "3", 9, R"({"t":"undead"})");
  Delete(&second, "2", 11);
  EXPECT_EQ(Statuses(writer->Write(second)),
            (std::vector{ItemStatus::kFresher, ItemStatus::kFresher, ItemStatus::kDone}));
  EXPECT_EQ(Held("book"), "1@10 ");
  ASSERT_TRUE(target->MakeSearchable(trees[0]).ok());
  EXPECT_EQ(*target->Count(trees[0]), 1u);
}

TEST_F(HttpTargetTest, CompressesWhenAsked) {
  config.compress = true;
  auto target = Created();
  model::BulkRequest request;
  for (int i = 0; i < 100; ++i) Put(&request, std::to_string(i), 1, R"({"t":"text"})");
  EXPECT_EQ(Statuses(target->NewWriter()->Write(request)), std::vector(100, ItemStatus::kDone));
  EXPECT_EQ(*target->Count(trees[0]), 100u);
  EXPECT_EQ(Json::parse(Ask("GET", "/_stub/counters"))["gzip"], 1);
}

TEST_F(HttpTargetTest, SplitsWhatIsTooLargeAndRejectsWhatIsTooLargeAlone) {
  auto target = Created();
  Control("max_bytes?n=400");
  model::BulkRequest request;
  for (int i = 0; i < 9; ++i) {
    Put(&request, std::to_string(i), 1,
        i == 4 ? R"({"t":")" + std::string(500, 'x') + R"("})" : R"({"t":"x"})");
  }
  auto expected = std::vector(9, ItemStatus::kDone);
  expected[4] = ItemStatus::kRejected;
  EXPECT_EQ(Statuses(target->NewWriter()->Write(request)), expected);
  EXPECT_EQ(Held("book"), "0@1 1@1 2@1 3@1 5@1 6@1 7@1 8@1 ");
}

TEST_F(HttpTargetTest, AnIdThatFailsTheWholeRequestIsFoundAndRejected) {
  auto target = Created();
  model::BulkRequest request;
  Put(&request, "a", 1, "{}");
  Put(&request, std::string(513, 'i'), 1, "{}");
  Put(&request, "b", 1, "{}");
  const auto outcome = target->NewWriter()->Write(request);
  EXPECT_EQ(Statuses(outcome),
            (std::vector{ItemStatus::kDone, ItemStatus::kRejected, ItemStatus::kDone}));
  ASSERT_TRUE(
      target->WriteRejected(trees[0], {{request.items[1].id, "r", "{}", 1, base::Lsn{1}}}).ok());
  EXPECT_TRUE(Held("book-rejected").starts_with("hash-"));
}

TEST_F(HttpTargetTest, TransportAndOverloadAreWorthARetry) {
  auto target = Created();
  auto writer = target->NewWriter();
  model::BulkRequest request;
  Put(&request, "1", 1, "{}");
  for (const std::string trouble : {"fail?status=429", "fail?status=503",
                                    "reset?count=5&when=before", "reset?count=5&when=after"}) {
    Control(trouble);
    const auto outcome = writer->Write(request);
    ASSERT_FALSE(outcome.ok()) << trouble;
    EXPECT_EQ(outcome.error().kind, ErrorKind::kRetry) << trouble << outcome.error().message;
    Control("clear");  // libcurl itself repeats a request once that a kept connection lost
    EXPECT_EQ(Statuses(writer->Write(request)), std::vector{ItemStatus::kDone}) << trouble;
  }
  Control("fail?status=403");
  EXPECT_EQ(writer->Write(request).error().kind, ErrorKind::kRefused);
  Control("fail?status=500");
  EXPECT_EQ(writer->Write(request).error().kind, ErrorKind::kFatal);
}

TEST_F(HttpTargetTest, TheDeadlineEndsAWaitForAnAnswer) {
  auto target = Created();
  auto writer = target->NewWriter();
  model::BulkRequest request;
  Put(&request, "1", 1, "{}");
  Control("hold");
  writer->SetDeadline(std::chrono::steady_clock::now() + std::chrono::milliseconds(200));
  const auto outcome = writer->Write(request);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::kRetry);
  Control("release");
}

TEST_F(HttpTargetTest, MixedDocumentsAreABug) {
  trees = sink_test::Trees({"book", "author"});
  auto target = Created();
  model::BulkRequest request;
  Put(&request, "1", 1, "{}", 0);
  Put(&request, "1", 1, "{}", 1);
  EXPECT_EQ(target->NewWriter()->Write(request).error().kind, ErrorKind::kFatal);
}

TEST_F(HttpTargetTest, DeliveryThroughTroubleLeavesEveryDocument) {
  auto target = Created();
  auto writer = target->NewWriter();
  Control("fail?status=429&count=2");
  Control("fail_items?pattern=^1$&status=429&count=2");
  Control("fail_items?pattern=^2$&status=400");
  model::BulkRequest request;
  for (int i = 0; i < 5; ++i) Put(&request, std::to_string(i), 7, R"({"t":"x"})");
  base::StopSignal stop;
  base::Metrics metrics;
  auto counts =
      Deliver(*target, *writer, trees, request, base::Lsn{0x10},
              std::chrono::steady_clock::now() + std::chrono::seconds(30), stop, *log, metrics);
  ASSERT_TRUE(counts.ok()) << counts.error().message;
  EXPECT_EQ(counts->done, 4u);
  EXPECT_EQ(counts->rejected, 1u);
  EXPECT_EQ(Held("book"), "0@7 1@7 3@7 4@7 ");
  const Json letter = Json::parse(Ask("GET", "/book-rejected/_doc/2"))["_source"];
  EXPECT_EQ(letter["document"], Json::parse(R"({"t":"x"})"));
  EXPECT_EQ(letter["lsn"], "0/10");
  EXPECT_EQ(letter["version"], 7);
}

TEST_F(HttpTargetTest, ADocumentWhoseGuessedMappingLostIsSentOnceMore) {
  auto target = Created();
  Control("fail_items?pattern=^1$&status=400&type=illegal_argument_exception&count=1");
  Control("fail_items?pattern=^2$&status=400&type=illegal_argument_exception");
  Control("fail_items?pattern=^3$&status=400&type=mapper_parsing_exception&count=1");
  model::BulkRequest request;
  for (int i = 0; i < 5; ++i) Put(&request, std::to_string(i), 7, R"({"t":"x"})");
  const auto outcome = target->NewWriter()->Write(request);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  for (const size_t i : {0u, 1u, 4u})
    EXPECT_EQ(outcome->items[i].status, model::ItemStatus::kDone) << i;
  EXPECT_EQ(outcome->items[2].status, model::ItemStatus::kRejected);
  EXPECT_EQ(outcome->items[3].status, model::ItemStatus::kRejected);
  EXPECT_EQ(Held("book"), "0@7 1@7 4@7 ");
}

TEST_F(HttpTargetTest, ADeadLetterIsStoredEvenWhenItIsNoJsonOrTooLarge) {
  auto target = Created();
  ASSERT_TRUE(target->WriteRejected(trees[0], {{"1", "r", "{broken", 1, base::Lsn{1}}}).ok());
  EXPECT_EQ(Json::parse(Ask("GET", "/book-rejected/_doc/1"))["_source"]["document"], "{broken");
  Control("max_bytes?n=500");
  const std::string large = R"({"t":")" + std::string(1000, 'x') + R"("})";
  ASSERT_TRUE(target->WriteRejected(trees[0], {{"2", "r", large, 1, base::Lsn{1}}}).ok());
  EXPECT_EQ(
      Json::parse(Ask("GET", "/book-rejected/_doc/2"))["_source"]["document"]["left_out_bytes"],
      large.size());
}

TEST_F(HttpTargetTest, DeadLettersGoTogetherAndOnesThatAreTooLargeHoldUpNoOther) {
  auto target = Created();
  std::vector<Rejected> letters;
  for (int i = 0; i < 100; ++i) {
    const std::string text(i % 10 == 3 ? 3000 : 3, 'x');
    letters.push_back({std::to_string(i), "r", R"({"t":")" + text + R"("})", 1, base::Lsn{1}});
  }
  ASSERT_TRUE(target->WriteRejected(trees[0], letters).ok());
  const std::string requests = Ask("GET", "/_stub/log");
  const size_t first = requests.find("/book-rejected/_bulk");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(requests.find("/book-rejected/_bulk", first + 1), std::string::npos) << requests;

  Control("max_bytes?n=2000");
  for (Rejected& letter : letters) letter.version = 2;
  ASSERT_TRUE(target->WriteRejected(trees[0], letters).ok());
  for (int i = 0; i < 100; ++i) {
    const Json letter =
        Json::parse(Ask("GET", fmt::format("/book-rejected/_doc/{}", i)))["_source"];
    EXPECT_EQ(letter["version"], 2);
    EXPECT_EQ(letter["document"].contains("left_out_bytes"), i % 10 == 3) << letter;
  }
}

TEST_F(HttpTargetTest, SweepsWhatIsOlder) {
  auto target = Created();
  model::BulkRequest request;
  for (int i = 0; i < 4500; ++i) Put(&request, std::to_string(i), i % 3 == 0 ? 8 : 5, "{}");
  ASSERT_TRUE(target->NewWriter()->Write(request).ok());
  auto swept = target->Sweep(trees[0], 8);
  ASSERT_TRUE(swept.ok()) << swept.error().message;
  EXPECT_EQ(*swept, 3000u);
  EXPECT_EQ(*target->Count(trees[0]), 1500u);
}

TEST_F(HttpTargetTest, SweepsNothingThatTheTablesHave) {
  auto target = Created();
  model::BulkRequest request;
  for (int i = 0; i < 10; ++i) Put(&request, std::to_string(i), 5, "{}");
  ASSERT_TRUE(target->NewWriter()->Write(request).ok());
  ASSERT_TRUE(target
                  ->WriteRejected(trees[0], {{"3", "refused in this load", "{}", 8, {}},
                                             {"4", "refused before it", "{}", 7, {}},
                                             {"50", "was never there", "{}", 9, {}}})
                  .ok());
  auto swept = target->Sweep(trees[0], 8);
  ASSERT_TRUE(swept.ok()) << swept.error().message;
  EXPECT_EQ(*swept, 9u);
  EXPECT_NE(Ask("GET", "/book/_doc/3").find("\"found\": true"), std::string::npos);
}

TEST_F(HttpTargetTest, AsynchronousTranslogIsFlushedBeforeTheState) {
  trees[0].index_body = R"({"settings":{"index":{"translog":{"durability":"async"}}}})";
  auto target = Created();
  ASSERT_TRUE(target->WriteState(trees[0], sink_test::State()).ok());
  EXPECT_NE(Ask("GET", "/_stub/log").find("/book_1/_flush"), std::string::npos);
}

TEST_F(HttpTargetTest, DropRemovesWhatIsOursAndNothingElse) {
  auto target = Created();
  ASSERT_TRUE(target->WriteRejected(trees[0], {{"1", "r", "{}", 1, base::Lsn{1}}}).ok());
  Ask("PUT", "/book_2",
      R"({"mappings":{"_meta":{"pgsync":{"format":1}}}})");  // a rebuild that was not finished
  Ask("PUT", "/book_3", "{}");                               // not ours
  Ask("PUT", "/book_shelf", R"({"mappings":{"_meta":{"pgsync":{"format":1}}}})");
  ASSERT_TRUE(target->Drop(trees[0]).ok());
  const Json left = Json::parse(Ask("GET", "/*"));
  EXPECT_EQ(left.size(), 2u) << left.dump();
  EXPECT_TRUE(left.contains("book_3") && left.contains("book_shelf"));
  EXPECT_FALSE(target->ReadState(trees[0])->has_value());
  EXPECT_TRUE(target->Drop(trees[0]).ok());
}

// A whole life on whatever engine there is.
void LiveOn(const HttpConfig& config, bool is_stub) {
  auto log = base::MakeSilentLogger();
  std::vector<schema::DocumentTree> trees = sink_test::Trees({"pgsync_sink_test"});
  trees[0].index_body = R"({"settings":{"number_of_replicas":0},
      "mappings":{"dynamic":"strict","properties":{"t":{"type":"text"},"n":{"type":"long"}}}})";
  auto target = MakeHttpTarget(config, trees, *log);
  const auto check = [](const base::Status& status) {
    ASSERT_TRUE(status.ok()) << status.error().message;
  };
  check(target->Probe());
  check(target->Drop(trees[0]));
  EXPECT_FALSE(target->ReadState(trees[0])->has_value());
  check(target->Create(trees[0], sink_test::State()));
  EXPECT_EQ(**target->ReadState(trees[0]), sink_test::State());
  model::SyncState state = sink_test::State();
  state.load.complete = true;
  state.applied = base::Lsn{0x1700000099};
  check(target->WriteState(trees[0], state));
  EXPECT_EQ(**target->ReadState(trees[0]), state);

  auto writer = target->NewWriter();
  base::StopSignal stop;
  base::Metrics metrics;
  const uint64_t version = (uint64_t{1} << 40) + 7;
  model::BulkRequest request;
  for (int i = 0; i < 5000; ++i)
    Put(&request, std::to_string(i), version + (i % 2), R"({"t":"wörd","n":1})");
  Delete(&request, "gone", version);
  Put(&request, "gone", version - 1, R"({"t":"undead"})");
  Put(&request, std::string(600, 'i'), version, R"({"t":"bad id"})");
  Put(&request, "bad", version, R"({"n":"not a number"})");
  Put(&request, "strict", version, R"({"unknown":1})");
  Put(&request, "broken", version, R"({"t":)");
  auto counts =
      Deliver(*target, *writer, trees, request, base::Lsn{0x10},
              std::chrono::steady_clock::now() + std::chrono::seconds(60), stop, *log, metrics);
  ASSERT_TRUE(counts.ok()) << counts.error().message;
  EXPECT_EQ(counts->done, is_stub ? 5003u : 5001u);
  EXPECT_EQ(counts->fresher, 1u);
  EXPECT_EQ(counts->rejected, is_stub ? 2u : 4u);  // the stub has no mappings
  check(target->EndLoad(trees[0]));
  check(target->MakeSearchable(trees[0]));
  auto swept = target->Sweep(trees[0], version + 1);
  ASSERT_TRUE(swept.ok()) << swept.error().message;
  EXPECT_EQ(*swept, is_stub ? 2502u : 2500u);
  check(target->MakeSearchable(trees[0]));
  EXPECT_EQ(*target->Count(trees[0]), 2500u);
  auto beside = target->CreateBeside(trees[0], state);
  ASSERT_TRUE(beside.ok()) << beside.error().message;
  EXPECT_EQ(*beside, "pgsync_sink_test_2");
  trees[0].generation = *beside;
  check(target->EndLoad(trees[0]));
  check(target->Serve(trees[0]));
  check(target->DropGeneration(trees[0], "pgsync_sink_test_1"));
  EXPECT_EQ(*target->Count(trees[0]), 0u);
  trees[0].generation = "";
  check(target->Drop(trees[0]));
  EXPECT_FALSE(target->ReadState(trees[0])->has_value());
  EXPECT_EQ(target->NewWriter()->Write(request).error().kind, ErrorKind::kRefused);
}

TEST_F(HttpTargetTest, AWholeLife) {
  const char* url = getenv("PGSYNC_TEST_ENGINE");
  if (url != nullptr) config.url = url;
  LiveOn(config, url == nullptr);
}

}  // namespace
}  // namespace sink
