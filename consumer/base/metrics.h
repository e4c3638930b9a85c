// Metrics: counters, gauges and histograms by name, made once in main and lent to every room.
// Updating is one relaxed atomic operation; reading gives the Prometheus text form. References stay
// valid as long as the Metrics lives. Thread safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace base {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Buckets are powers of two of microseconds, 1 us to about 134 s.
class Histogram {
 public:
  static constexpr int kBuckets = 28;

  void Observe(uint64_t microseconds);
  uint64_t Count() const { return count_.load(std::memory_order_relaxed); }
  uint64_t SumMicroseconds() const { return sum_.load(std::memory_order_relaxed); }
  // Returns the upper bound in microseconds of the bucket in which the quantile (0..1) lies; 0 when
  // empty.
  uint64_t Quantile(double quantile) const;
  uint64_t Bucket(int i) const { return buckets_[i].load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> count_{0}, sum_{0};
};

// Returns `name` with labels behind it, as the members of one family are told apart:
// name{key="value",…}. Who makes them bounds their number.
std::string Labelled(const std::string& name,
                     std::initializer_list<std::pair<std::string_view, std::string_view>> labels);

class Metrics {
 public:
  Metrics() = default;
  // What is made through this one is `parent`'s, with one more label: how pipelines of one process
  // are told apart. `parent` outlives it.
  Metrics(Metrics& parent, std::string key, std::string value)
      : parent_(&parent), key_(std::move(key)), value_(std::move(value)) {}

  // Names follow Prometheus: pgsync_<what>_<unit>[_total]. The same name gives the same object.
  // A name may be made by Labelled.
  Counter& counter(const std::string& name, const std::string& help);
  Gauge& gauge(const std::string& name, const std::string& help);
  Histogram& histogram(const std::string& name, const std::string& help);

  std::string PrometheusText() const;

 private:
  template <typename T>
  struct Named {
    std::string help;
    std::unique_ptr<T> metric;
  };
  std::string WithLabel(const std::string& name) const;

  Metrics* const parent_ = nullptr;
  const std::string key_, value_;
  mutable std::mutex mutex_;
  std::map<std::string, Named<Counter>> counters_;
  std::map<std::string, Named<Gauge>> gauges_;
  std::map<std::string, Named<Histogram>> histograms_;
};

}  // namespace base
