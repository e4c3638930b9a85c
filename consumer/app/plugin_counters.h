// PluginCounters: what the plugin says it did with each table's rows -> metrics. The plugin counts
// from the beginning of a session, metrics from the beginning of the process, so differences are
// added. One stream session, one thread.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "consumer/base/metrics.h"
#include "consumer/model/row_change.h"

namespace app {

class PluginCounters {
 public:
  // Tables that have metrics of their own. All further ones, and those of which no row was ever
  // meant for us, count as relation "other", so a database of 100,000 tables stays readable.
  static constexpr size_t kMostRelations = 200;

  // `metrics` outlives it.
  explicit PluginCounters(base::Metrics& metrics) : metrics_(metrics) {}

  void Take(const model::Statistics& statistics);

 private:
  const std::string& NameOf(const model::Counters& counters);

  base::Metrics& metrics_;
  std::unordered_map<uint32_t, model::Counters> last_;  // by relid
  std::unordered_map<uint32_t, std::string> names_;     // by relid
};

}  // namespace app
