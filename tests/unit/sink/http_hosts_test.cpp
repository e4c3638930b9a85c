// Several hosts of one cluster, and writers that an engine holds back. Against
// tests/fakes/guarded_stub.py.
#include <gtest/gtest.h>

#include "consumer/sink/http_client.h"
#include "consumer/sink/http_writer.h"
#include "consumer/sink/target.h"
#include "tests/unit/sink/bulk_builder.h"
#include "tests/unit/sink/stub_process.h"

namespace sink {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;
using base::ErrorKind;
using sink_test::Put;
using sink_test::StubProcess;

Json Of(const std::string& cluster) { return Json::object({{"cluster", cluster}}); }

std::string Ask(const std::string& url, const std::string& method, const std::string& path,
                const std::string& body = "") {
  HttpConfig config;
  config.url = url;
  HttpClient client(config);
  auto response = client.Send({.method = method, .path = path, .body = body});
  EXPECT_TRUE(response.ok() && response->status == 200) << path;
  return response ? response->body : "";
}

size_t Counter(const StubProcess& stub, const std::string& name) {
  return Json::parse(Ask(stub.url, "GET", "/_stub/counters"))[name];
}

struct HttpHosts : testing::Test {
  std::vector<schema::DocumentTree> trees = sink_test::Trees({"book"});
  std::unique_ptr<base::Logger> log = base::MakeSilentLogger();

  base::Status Probe(const std::string& urls) {
    HttpConfig config;
    config.url = urls;
    return MakeHttpTarget(config, trees, *log)->Probe();
  }
  static model::BulkRequest Some(int number) {
    model::BulkRequest request;
    for (int i = 0; i < number; ++i) Put(&request, std::to_string(i), 1, R"({"t":"x"})");
    return request;
  }
};

TEST_F(HttpHosts, AllThatAnswerMustBeOneCluster) {
  StubProcess a(Of("c1")), b(Of("c1")), other(Of("c2"));
  EXPECT_TRUE(Probe(a.url + "," + b.url).ok());
  const auto mixed = Probe(a.url + "," + other.url);
  ASSERT_FALSE(mixed.ok());
  EXPECT_EQ(mixed.error().kind, ErrorKind::kRefused);
  EXPECT_NE(mixed.error().message.find(a.url), std::string::npos);
  EXPECT_NE(mixed.error().message.find(other.url), std::string::npos);
}

TEST_F(HttpHosts, OneThatAnswersIsEnough) {
  StubProcess a(Of("c1"));
  EXPECT_TRUE(Probe("http://127.0.0.1:1," + a.url).ok());
  const auto none = Probe("http://127.0.0.1:1,http://127.0.0.1:2");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().kind, ErrorKind::kRefused);
  EXPECT_NE(none.error().message.find("http://127.0.0.1:1"), std::string::npos);
  EXPECT_NE(none.error().message.find("http://127.0.0.1:2"), std::string::npos);
}

TEST_F(HttpHosts, ConnectionsAreSpreadAndMoveWhenOneDies) {
  auto a = std::make_unique<StubProcess>(Of("c"));
  StubProcess b(Of("c"));
  for (const std::string& url : {a->url, b.url}) {
    Ask(url, "PUT", "/book_1", R"({"aliases":{"book":{}}})");
  }
  HttpConfig config;
  config.url = a->url + "," + b.url;
  auto target = MakeHttpTarget(config, trees, *log);
  ASSERT_TRUE(target->Probe().ok());
  auto first = target->NewWriter(), second = target->NewWriter();
  ASSERT_TRUE(first->Write(Some(1)).ok());
  ASSERT_TRUE(second->Write(Some(1)).ok());
  EXPECT_EQ(Counter(*a, "bulk"), 1u);
  EXPECT_EQ(Counter(b, "bulk"), 1u);

  const int port = a->port;
  a.reset();
  // Nothing had arrived, so nobody has to hear of it.
  ASSERT_TRUE(first->Write(Some(1)).ok());
  ASSERT_TRUE(second->Write(Some(1)).ok());
  EXPECT_EQ(Counter(b, "bulk"), 3u);

  StubProcess again(Json::object({{"cluster", "c"}, {"port", port}}));
  Ask(again.url, "PUT", "/book_1", R"({"aliases":{"book":{}}})");
  for (const auto end = Clock::now() + 20s; Counter(again, "bulk") == 0;) {
    ASSERT_LT(Clock::now(), end) << "nobody comes back";
    ASSERT_TRUE(first->Write(Some(1)).ok());
    ASSERT_TRUE(second->Write(Some(1)).ok());
  }
}

// A writer with a gate that can be seen.
struct HeldBack : HttpHosts {
  StubProcess stub;
  HttpConfig config;
  Hosts hosts{stub.url};
  BulkGate gate{config.max_bulk_bytes, config.max_bulk_requests};
  HeldBack() {
    config.url = stub.url;
    config.timeout = 1s;
    Ask(stub.url, "PUT", "/book_1", R"({"aliases":{"book":{}}})");
  }
};

TEST_F(HeldBack, ARefusalHalvesAndRetryAfterIsRemembered) {
  HttpWriter writer(config, trees, true, hosts, gate);
  Ask(stub.url, "POST", "/_guard/refuse?status=429&after=7");
  const auto before = Clock::now();
  auto outcome = writer.Write(Some(3));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, ErrorKind::kRetry);
  EXPECT_GE(writer.not_before, before + 7s);
  EXPECT_LE(writer.not_before, Clock::now() + 7s);
  EXPECT_EQ(gate.bytes(), config.max_bulk_bytes / 2);
  EXPECT_EQ(gate.requests(), config.max_bulk_requests / 2);
  EXPECT_TRUE(writer.Write(Some(3)).ok());
}

TEST_F(HeldBack, DeliveryWaitsAsLongAsRetryAfterSays) {
  HttpWriter writer(config, trees, true, hosts, gate);
  Ask(stub.url, "POST", "/_guard/refuse?status=503&after=1");
  auto target = MakeHttpTarget(config, trees, *log);
  base::StopSignal stop;
  base::Metrics metrics;
  const auto before = Clock::now();
  auto counts = Deliver(*target, writer, trees, Some(3), {}, before + 20s, stop, *log, metrics);
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->done, 3u);
  EXPECT_GE(Clock::now(), before + 1s);
}

TEST_F(HeldBack, SingleItemsThatAreRefusedAndLateAnswersHalveToo) {
  HttpWriter writer(config, trees, true, hosts, gate);
  Ask(stub.url, "POST", "/_stub/fail_items?pattern=^1$&status=429&count=1");
  EXPECT_TRUE(writer.Write(Some(3)).ok());
  EXPECT_EQ(gate.bytes(), config.max_bulk_bytes / 2);
  Ask(stub.url, "POST", "/_stub/hold");
  EXPECT_FALSE(writer.Write(Some(3)).ok());
  EXPECT_EQ(gate.bytes(), config.max_bulk_bytes / 4);
  Ask(stub.url, "POST", "/_stub/release");
}

TEST_F(HeldBack, WhoeverIsNotReachedLearnsNothing) {
  HttpWriter writer(config, trees, true, hosts, gate);
  stub.Kill();
  EXPECT_FALSE(writer.Write(Some(3)).ok());
  EXPECT_EQ(gate.bytes(), config.max_bulk_bytes);
}

TEST_F(HeldBack, WhatIsTooLargeOnceIsNotSentAgain) {
  HttpWriter writer(config, trees, true, hosts, gate);
  Ask(stub.url, "POST", "/_stub/max_bytes?n=200000");
  model::BulkRequest request;
  for (int i = 0; i < 30; ++i)
    Put(&request, std::to_string(i), 1, "\"" + std::string(9000, 'x') + "\"");
  ASSERT_TRUE(writer.Write(request).ok());
  const size_t sent = Counter(stub, "bulk");
  ASSERT_TRUE(writer.Write(request).ok());
  EXPECT_EQ(Counter(stub, "bulk"), sent + 2);  // two halves, and no third
}

TEST_F(HeldBack, NoMoreActionsThanAllowed) {
  config.max_bulk_items = 3;
  HttpWriter writer(config, trees, true, hosts, gate);
  ASSERT_TRUE(writer.Write(Some(10)).ok());
  EXPECT_EQ(Counter(stub, "bulk"), 4u);
}

}  // namespace
}  // namespace sink
