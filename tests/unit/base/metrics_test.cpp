#include "consumer/base/metrics.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace base {
namespace {

TEST(Histogram, IsZeroWhenEmpty) {
  EXPECT_EQ(Histogram().Quantile(0.5), 0u);
  EXPECT_EQ(Histogram().Count(), 0u);
}

TEST(Histogram, FindsTheBucketOfAQuantile) {
  Histogram histogram;
  for (int i = 0; i < 90; ++i) histogram.Observe(100);    // below 128
  for (int i = 0; i < 10; ++i) histogram.Observe(50000);  // below 65536
  EXPECT_EQ(histogram.Count(), 100u);
  EXPECT_EQ(histogram.SumMicroseconds(), 90u * 100 + 10u * 50000);
  EXPECT_EQ(histogram.Quantile(0), 128u);
  EXPECT_EQ(histogram.Quantile(0.5), 128u);
  EXPECT_EQ(histogram.Quantile(0.89), 128u);
  EXPECT_EQ(histogram.Quantile(0.95), 65536u);
  EXPECT_EQ(histogram.Quantile(0.99), 65536u);
  EXPECT_EQ(histogram.Quantile(1.0), 65536u);
}

TEST(Histogram, HoldsTheExtremes) {
  Histogram histogram;
  histogram.Observe(0);
  histogram.Observe(~uint64_t{0} >> 1);
  EXPECT_EQ(histogram.Quantile(0), 1u);
  EXPECT_EQ(histogram.Bucket(Histogram::kBuckets - 1), 1u);
}

TEST(Metrics, GivesTheSameObjectForTheSameName) {
  Metrics metrics;
  metrics.counter("a_total", "A.").Add(2);
  metrics.counter("a_total", "A.").Add(3);
  EXPECT_EQ(metrics.counter("a_total", "").Value(), 5u);
  metrics.gauge("g", "").Set(7);
  metrics.gauge("g", "").Add(-9);
  EXPECT_EQ(metrics.gauge("g", "").Value(), -2);
}

TEST(Metrics, LabelsMakeOneFamily) {
  Metrics metrics;
  metrics.counter(Labelled("rows_total", {{"table", "a"}, {"kind", "x"}}), "Rows.").Add(1);
  metrics.counter(Labelled("rows_total", {{"table", "b\"\\\n"}}), "Rows.").Add(2);
  EXPECT_EQ(metrics.PrometheusText(),
            "# HELP rows_total Rows.\n# TYPE rows_total counter\n"
            "rows_total{table=\"a\",kind=\"x\"} 1\n"
            "rows_total{table=\"b\\\"\\\\\\n\"} 2\n");
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&metrics] {
      for (int n = 0; n < 10000; ++n) {
        metrics.counter("n_total", "").Add();
        metrics.histogram("h", "").Observe(static_cast<uint64_t>(n));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(metrics.counter("n_total", "").Value(), 40000u);
  EXPECT_EQ(metrics.histogram("h", "").Count(), 40000u);
}

TEST(Metrics, SpeaksPrometheus) {
  Metrics metrics;
  metrics.counter("pgsync_rows_total", "Rows read.").Add(3);
  metrics.gauge("pgsync_lag_bytes", "Lag.").Set(-1);
  metrics.histogram("pgsync_bulk_seconds", "Bulk.").Observe(3);
  const std::string text = metrics.PrometheusText();
  EXPECT_NE(text.find("# HELP pgsync_rows_total Rows read.\n# TYPE pgsync_rows_total counter\n"
                      "pgsync_rows_total 3\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("# TYPE pgsync_lag_bytes gauge\npgsync_lag_bytes -1\n"), std::string::npos);
  EXPECT_NE(text.find("pgsync_bulk_seconds_bucket{le=\"2e-06\"} 0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("pgsync_bulk_seconds_bucket{le=\"4e-06\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("pgsync_bulk_seconds_bucket{le=\"+Inf\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("pgsync_bulk_seconds_count 1\n"), std::string::npos);
}

TEST(Metrics, AChildAddsItsLabelToWhatItMakesInTheParent) {
  Metrics all;
  Metrics shop(all, "database", "shop \"1\"");
  shop.counter("pgsync_a_total", "a").Add(2);
  shop.counter(Labelled("pgsync_b_total", {{"outcome", "sent"}}), "b").Add(3);
  shop.histogram("pgsync_c_seconds", "c").Observe(1);
  const std::string text = all.PrometheusText();
  EXPECT_EQ(shop.PrometheusText(), text);
  for (const char* line : {"pgsync_a_total{database=\"shop \\\"1\\\"\"} 2\n",
                           "pgsync_b_total{database=\"shop \\\"1\\\"\",outcome=\"sent\"} 3\n",
                           "# TYPE pgsync_c_seconds histogram\n",
                           "pgsync_c_seconds_bucket{database=\"shop \\\"1\\\"\",le=\"+Inf\"} 1\n",
                           "pgsync_c_seconds_count{database=\"shop \\\"1\\\"\"} 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

}  // namespace
}  // namespace base
