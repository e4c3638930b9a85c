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

template <typename Number>
void AppendValue(const std::string& name, const Number& metric, std::string* out) {
  *out += fmt::format("{} {}\n", name, metric.Value());
}

void AppendValue(const std::string& name, const Histogram& histogram, std::string* out) {
  const size_t brace = name.find('{');
  const std::string family = name.substr(0, brace);
  // The labels without their braces; a comma comes before `le`.
  const std::string labels =
      brace == std::string::npos ? "" : name.substr(brace + 1, name.size() - brace - 2);
  const std::string before_le = labels.empty() ? "" : labels + ",";
  const std::string own = labels.empty() ? "" : "{" + labels + "}";
  uint64_t below = 0;
  for (int i = 0; i < Histogram::kBuckets; ++i) {
    below += histogram.Bucket(i);
    *out += fmt::format("{}_bucket{{{}le=\"{}\"}} {}\n", family, before_le,
                        static_cast<double>(uint64_t{1} << i) / 1e6, below);
  }
  *out += fmt::format("{0}_bucket{{{1}le=\"+Inf\"}} {4}\n{0}_sum{2} {3}\n{0}_count{2} {4}\n",
                      family, before_le, own,
                      static_cast<double>(histogram.SumMicroseconds()) / 1e6, histogram.Count());
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
    AppendValue(name, *entry.metric, out);
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
  if (parent_ != nullptr) return parent_->counter(WithLabel(name), help);
  std::lock_guard lock(mutex_);
  return FindOrMake(counters_, name, help);
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help) {
  if (parent_ != nullptr) return parent_->gauge(WithLabel(name), help);
  std::lock_guard lock(mutex_);
  return FindOrMake(gauges_, name, help);
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help) {
  if (parent_ != nullptr) return parent_->histogram(WithLabel(name), help);
  std::lock_guard lock(mutex_);
  return FindOrMake(histograms_, name, help);
}

std::string Metrics::WithLabel(const std::string& name) const {
  std::string labelled = Labelled("", {{key_, value_}});
  const size_t brace = name.find('{');
  if (brace == std::string::npos) return name + labelled;
  labelled.back() = ',';
  return name.substr(0, brace) + labelled + name.substr(brace + 1);
}

std::string Metrics::PrometheusText() const {
  if (parent_ != nullptr) return parent_->PrometheusText();
  std::lock_guard lock(mutex_);
  std::string out;
  AppendValues(counters_, "counter", &out);
  AppendValues(gauges_, "gauge", &out);
  AppendValues(histograms_, "histogram", &out);
  return out;
}

}  // namespace base
