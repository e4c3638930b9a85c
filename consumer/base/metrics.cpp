#include "consumer/base/metrics.h"

#include <algorithm>
#include <bit>
#include <type_traits>

#include <fmt/format.h>

namespace base {
namespace {

template <typename Map>
auto& FindOrMake(Map& map, const std::string& name, const std::string& help) {
  auto& entry = map[name];
  if (!entry.metric) {
    entry.help = help;
    entry.metric = std::make_unique<typename std::decay_t<decltype(*entry.metric)>>();
  }
  return *entry.metric;
}

// The names of a family, name{…}, follow each other in the map: they have all up to the brace in
// common.
template <typename Map>
void AppendValues(const Map& map, std::string_view type, std::string* out) {
  std::string_view last;
  for (const auto& [name, entry] : map) {
    const std::string_view family = std::string_view(name).substr(0, name.find('{'));
    if (family != last) {
      *out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", family, entry.help, type);
    }
    *out += fmt::format("{} {}\n", name, entry.metric->Value());
    last = family;
  }
}

}  // namespace

std::string Labelled(const std::string& name,
                     std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  std::string out = name + "{";
  for (const auto& [key, value] : labels) {
    if (out.back() != '{') out += ',';
    out.append(key).append("=\"");
    for (const char c : value) {
      if (c == '\\' || c == '"') out += '\\';
      if (c == '\n') {
        out += "\\n";
      } else {
        out += c;
      }
    }
    out += '"';
  }
  return out + "}";
}

void Histogram::Observe(uint64_t microseconds) {
  const int bucket = std::min<int>(std::bit_width(microseconds), kBuckets - 1);
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(microseconds, std::memory_order_relaxed);
}

uint64_t Histogram::Quantile(double quantile) const {
  const uint64_t count = Count();
  if (count == 0) return 0;
  const uint64_t wanted =
      std::min(count - 1, static_cast<uint64_t>(quantile * static_cast<double>(count)));
  uint64_t seen = 0;
  for (int i = 0; i < kBuckets; ++i) {
    seen += Bucket(i);
    if (seen > wanted) return uint64_t{1} << i;
  }
  return uint64_t{1} << (kBuckets - 1);
}

Counter& Metrics::counter(const std::string& name, const std::string& help) {
  std::lock_guard lock(mutex_);
  return FindOrMake(counters_, name, help);
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help) {
  std::lock_guard lock(mutex_);
  return FindOrMake(gauges_, name, help);
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help) {
  std::lock_guard lock(mutex_);
  return FindOrMake(histograms_, name, help);
}

std::string Metrics::PrometheusText() const {
  std::lock_guard lock(mutex_);
  std::string out;
  AppendValues(counters_, "counter", &out);
  AppendValues(gauges_, "gauge", &out);
  for (const auto& [name, entry] : histograms_) {
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} histogram\n", name, entry.help);
    uint64_t below = 0;
    for (int i = 0; i < Histogram::kBuckets; ++i) {
      below += entry.metric->Bucket(i);
      out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name,
                         static_cast<double>(uint64_t{1} << i) / 1e6, below);
    }
    out += fmt::format("{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name,
                       entry.metric->Count(),
                       static_cast<double>(entry.metric->SumMicroseconds()) / 1e6);
  }
  return out;
}

}  // namespace base
