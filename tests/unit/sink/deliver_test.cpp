// Deliver against a writer that answers by script.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <thread>

#include "consumer/sink/target.h"
#include "tests/unit/sink/bulk_builder.h"

namespace sink {
namespace {

using model::ItemStatus;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class ScriptedTarget : public Target, public Writer {
 public:
  explicit ScriptedTarget(const RetryBounds& bounds = {}) : Writer(bounds) {}
  using Answer = std::function<base::Result<model::BulkOutcome>(const model::BulkRequest&)>;
  std::deque<Answer> script;         // one per Write; after its end everything is done
  std::deque<base::Status> burials;  // one per WriteRejected; after its end it succeeds
  std::vector<std::string> bodies;
  std::vector<Rejected> buried;

  base::Result<model::BulkOutcome> Write(const model::BulkRequest& request) override {
    bodies.push_back(request.body);
    if (script.empty())
      return model::BulkOutcome{std::vector<model::ItemOutcome>(request.items.size())};
    Answer answer = std::move(script.front());
    script.pop_front();
    return answer(request);
  }
  base::Status WriteRejected(const schema::DocumentTree&,
                             const std::vector<Rejected>& rejected) override {
    if (!burials.empty()) {
      base::Status status = std::move(burials.front());
      burials.pop_front();
      if (!status) return status;
    }
    buried.insert(buried.end(), rejected.begin(), rejected.end());
    return {};
  }
  std::string Describe() const override { return "script"; }
  base::Status Probe() override { return {}; }
  base::Result<std::optional<model::SyncState>> ReadState(const schema::DocumentTree&) override {
    return std::optional<model::SyncState>();
  }
  base::Status Create(const schema::DocumentTree&, const model::SyncState&) override { return {}; }
  base::Status WriteState(const schema::DocumentTree&, const model::SyncState&) override {
    return {};
  }
  std::unique_ptr<Writer> NewWriter() override { return nullptr; }
  base::Result<uint64_t> Sweep(const schema::DocumentTree&, uint64_t) override {
    return uint64_t{0};
  }
  base::Result<uint64_t> Count(const schema::DocumentTree&) override { return uint64_t{0}; }
  base::Status MakeSearchable(const schema::DocumentTree&) override { return {}; }
  base::Status Drop(const schema::DocumentTree&) override { return {}; }
};

ScriptedTarget::Answer Items(std::vector<model::ItemOutcome> items) {
  return [items](const model::BulkRequest&) { return model::BulkOutcome{items}; };
}
ScriptedTarget::Answer Fails(base::Error error) {
  return [error](const model::BulkRequest&) { return error; };
}

class CountingLog : public base::Logger {
 public:
  void Write(base::LogLevel level, std::string_view, std::string_view text) override {
    ++lines[level];
    last = text;
  }
  std::map<base::LogLevel, int> lines;
  std::string last;
};

struct DeliverTest : testing::Test {
  ScriptedTarget target;
  std::vector<schema::DocumentTree> trees = sink_test::Trees({"book"});
  base::StopSignal stop;
  CountingLog log;
  base::Metrics metrics;

  model::BulkRequest Three() {
    model::BulkRequest request;
    sink_test::Put(&request, "a", 5, R"({"n":1})");
    sink_test::Delete(&request, "b", 5);
    sink_test::Put(&request, "c", 5, R"({"n":3})");
    return request;
  }
  base::Result<DeliveryCounts> Run(Clock::duration time = 20s) {
    return Deliver(target, target, trees, Three(), base::Lsn{0x100}, Clock::now() + time, stop, log,
                   metrics);
  }
  uint64_t Counter(const char* name) { return metrics.counter(name, "").Value(); }
};

TEST_F(DeliverTest, CountsWhatIsDone) {
  target.script.push_back(Items({{}, {ItemStatus::kFresher, 409, ""}, {}}));
  const auto counts = Run();
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->done, 2u);
  EXPECT_EQ(counts->fresher, 1u);
  EXPECT_EQ(Counter("pgsync_sink_documents_total"), 3u);
  EXPECT_EQ(Counter("pgsync_sink_retries_total"), 0u);
  EXPECT_EQ(metrics.histogram("pgsync_sink_bulk_seconds", "").Count(), 1u);
}

TEST_F(DeliverTest, StoresDocumentsThatCouldNotBeMadeAsDeadLetters) {
  model::BulkRequest request;
  request.unmade.push_back({0, "a", 5, "public.book.doc (key \"doc\") holds \\u0000"});
  const auto counts = Deliver(target, target, trees, std::move(request), base::Lsn{0x100},
                              Clock::now() + 20s, stop, log, metrics);
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->rejected, 1u);
  EXPECT_TRUE(target.bodies.empty());
  ASSERT_EQ(target.buried.size(), 1u);
  EXPECT_EQ(target.buried[0].id, "a");
  EXPECT_EQ(target.buried[0].version, 5u);
  EXPECT_NE(target.buried[0].reason.find("public.book.doc"), std::string::npos);
}

TEST_F(DeliverTest, SendsOnlyTheItemsThatFailedAgain) {
  target.script.push_back(
      Items({{}, {ItemStatus::kRetry, 429, "busy"}, {ItemStatus::kRetry, 429, "busy"}}));
  target.script.push_back(Items({{ItemStatus::kRetry, 429, "busy"}, {}}));
  const auto counts = Run();
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->done, 3u);
  const model::BulkRequest all = Three();
  ASSERT_EQ(target.bodies.size(), 3u);
  EXPECT_EQ(target.bodies[1],
            std::string(all.Text(all.items[1])) + std::string(all.Text(all.items[2])));
  EXPECT_EQ(target.bodies[2], all.Text(all.items[1]));
  EXPECT_EQ(Counter("pgsync_sink_retries_total"), 2u);
}

TEST_F(DeliverTest, SendsADocumentAgainBehindADeletionOfItsOldCopy) {
  model::BulkRequest request;
  sink_test::Delete(&request, "a", 5);  // under the old routing
  sink_test::Put(&request, "a", 5, R"({"n":1})");
  sink_test::Put(&request, "b", 5, R"({"n":2})");
  const model::BulkRequest all = request;
  target.script.push_back(Items({{ItemStatus::kRetry, 429, "busy"}, {}, {}}));
  const auto counts = Deliver(target, target, trees, std::move(request), base::Lsn{0x100},
                              Clock::now() + 20s, stop, log, metrics);
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->done, 3u);
  ASSERT_EQ(target.bodies.size(), 2u);
  EXPECT_EQ(target.bodies[1],
            std::string(all.Text(all.items[0])) + std::string(all.Text(all.items[1])));
}

TEST_F(DeliverTest, RepeatsWholeRequestsAndLogsTheOutageOnce) {
  for (int i = 0; i < 3; ++i) target.script.push_back(Fails(base::Retry("refused")));
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(target.bodies.size(), 4u);
  EXPECT_EQ(log.lines[base::LogLevel::kWarning], 1);
  EXPECT_EQ(log.lines[base::LogLevel::kInfo], 1);
  EXPECT_EQ(metrics.gauge("pgsync_sink_stalled", "").Value(), 0);
}

TEST_F(DeliverTest, BuriesRejectedDocumentsBeforeItSucceeds) {
  target.script.push_back(
      Items({{}, {}, {ItemStatus::kRejected, 400, "mapper_parsing_exception: 'secret'"}}));
  target.burials.push_back(base::Retry("busy"));
  const auto counts = Run();
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->done, 2u);
  EXPECT_EQ(counts->rejected, 1u);
  ASSERT_EQ(target.buried.size(), 1u);
  EXPECT_EQ(target.buried[0].id, "c");
  EXPECT_EQ(target.buried[0].document, R"({"n":3})");
  EXPECT_EQ(target.buried[0].version, 5u);
  EXPECT_EQ(target.buried[0].lsn, base::Lsn{0x100});
  EXPECT_EQ(Counter("pgsync_sink_rejected_total"), 1u);
  EXPECT_EQ(log.last.find("secret"), std::string::npos);
}

TEST_F(DeliverTest, FailsWhenADeadLetterCannotBeStored) {
  target.script.push_back(Items({{}, {}, {ItemStatus::kRejected, 400, "no"}}));
  target.burials.push_back(base::Refused("not allowed"));
  const auto counts = Run();
  ASSERT_FALSE(counts.ok());
  EXPECT_EQ(counts.error().kind, base::ErrorKind::kRefused);
  EXPECT_EQ(Counter("pgsync_sink_documents_total"), 0u);
}

TEST_F(DeliverTest, GivesUpAtTheDeadline) {
  for (int i = 0; i < 100; ++i) target.script.push_back(Fails(base::Retry("refused")));
  const auto counts = Run(300ms);
  ASSERT_FALSE(counts.ok());
  EXPECT_EQ(counts.error().kind, base::ErrorKind::kRetry);
  EXPECT_FALSE(target.script.empty());
}

TEST_F(DeliverTest, AnAnswerAfterTheDeadlineCountsForNothing) {
  target.script.push_back([](const model::BulkRequest& request) {
    std::this_thread::sleep_for(20ms);  // the answer's travel: the time that is under test
    return model::BulkOutcome{std::vector<model::ItemOutcome>(request.items.size())};
  });
  const auto counts = Run(5ms);
  ASSERT_FALSE(counts.ok());
  EXPECT_EQ(counts.error().kind, base::ErrorKind::kRetry);
}

TEST_F(DeliverTest, StopsWaitingWhenAskedTo) {
  target.script.push_back([this](const model::BulkRequest&) {
    stop.Request();
    return base::Result<model::BulkOutcome>(base::Retry("refused"));
  });
  const auto counts = Run();
  ASSERT_FALSE(counts.ok());
  EXPECT_EQ(counts.error().kind, base::ErrorKind::kRetry);
  EXPECT_EQ(target.bodies.size(), 1u);
}

TEST_F(DeliverTest, EndsAfterSoManyRetriesWhereThereIsABound) {
  ScriptedTarget bounded({1ms, 2ms, 3});
  const auto deliver = [&](Clock::duration time) {
    return Deliver(bounded, bounded, trees, Three(), base::Lsn{0x100}, Clock::now() + time, stop,
                   log, metrics);
  };
  for (int i = 0; i < 10; ++i) bounded.script.push_back(Fails(base::Retry("refused")));
  auto counts = deliver(20s);
  ASSERT_FALSE(counts.ok());
  EXPECT_EQ(counts.error().kind, base::ErrorKind::kFatal);
  EXPECT_NE(counts.error().message.find("ELASTICSEARCH_MAX_RETRIES"), std::string::npos);
  EXPECT_EQ(bounded.bodies.size(), 4u);
  // Documents that are built anew do not begin anew: nothing was taken meanwhile.
  EXPECT_EQ(deliver(20s).error().kind, base::ErrorKind::kFatal);
  EXPECT_EQ(bounded.bodies.size(), 5u);
  bounded.script.clear();
  ASSERT_TRUE(deliver(20s).ok());
  for (int i = 0; i < 3; ++i) bounded.script.push_back(Fails(base::Retry("refused")));
  EXPECT_TRUE(deliver(20s).ok());
}

TEST_F(DeliverTest, WaitsAsLongAsTheTargetAsks) {
  Clock::time_point until;
  target.script.push_back([&](const model::BulkRequest&) {
    target.not_before = until = Clock::now() + 150ms;
    return base::Result<model::BulkOutcome>(base::Retry("busy"));
  });
  ASSERT_TRUE(Run().ok());
  EXPECT_GE(Clock::now(), until);
  EXPECT_EQ(target.bodies.size(), 2u);
}

TEST_F(DeliverTest, APauseThatOutlivesTheDocumentsIsKeptForTheNext) {
  target.not_before = Clock::now() + 300ms;
  EXPECT_EQ(Run(50ms).error().kind, base::ErrorKind::kRetry);
  EXPECT_TRUE(target.bodies.empty());
  ASSERT_TRUE(Run().ok());
  EXPECT_GE(Clock::now(), target.not_before);
}

TEST_F(DeliverTest, AStopDoesNotKeepAFirstTryFromBeingMade) {
  stop.Request();
  EXPECT_TRUE(Run().ok());
}

TEST_F(DeliverTest, OtherErrorsAreNotRetried) {
  for (const auto& error : {base::Fatal("f"), base::Refused("r")}) {
    target.bodies.clear();
    target.script.push_back(Fails(error));
    const auto counts = Run();
    ASSERT_FALSE(counts.ok());
    EXPECT_EQ(counts.error().kind, error.kind);
    EXPECT_EQ(target.bodies.size(), 1u);
  }
}

TEST_F(DeliverTest, AMissingOutcomeStops) {
  target.script.push_back(Items({{}}));
  const auto counts = Run();
  ASSERT_FALSE(counts.ok());
  EXPECT_EQ(counts.error().kind, base::ErrorKind::kFatal);
}

}  // namespace
}  // namespace sink
