#include "consumer/app/plugin_counters.h"

namespace app {
namespace {

const std::string kOther = "other";

}  // namespace

void PluginCounters::Take(const model::Statistics& statistics) {
  for (const model::Counters& now : statistics.relations) {
    model::Counters& last = last_[now.relid];
    const std::string& relation = NameOf(now);
    const auto add = [&](const std::string& name, const std::string& help, uint64_t after,
                         uint64_t before) {
      if (after > before) metrics_.counter(name, help).Add(after - before);
    };
    const auto rows = [&](const char* outcome, uint64_t after, uint64_t before) {
      add(base::Labelled("pgsync_plugin_rows_total",
                         {{"relation", relation}, {"outcome", outcome}}),
          "rows that the plugin decoded, by what became of them", after, before);
    };
    rows("filtered", now.filtered, last.filtered);
    rows("suppressed", now.suppressed, last.suppressed);
    rows("sent", now.sent, last.sent);
    add(base::Labelled("pgsync_plugin_bytes_total", {{"relation", relation}}),
        "bytes of the rows that the plugin sent", now.bytes, last.bytes);
    last = now;
    last.relation.reset();  // its shape is nobody's business here
  }
}

// The name once it is known; of a partition, whose rows travel under another table, the Oid.
const std::string& PluginCounters::NameOf(const model::Counters& counters) {
  const auto known = names_.find(counters.relid);
  if (known != names_.end() && !counters.relation) return known->second;
  if (known == names_.end()) {
    const bool meant_for_us = counters.sent > 0 || counters.suppressed > 0 || counters.relation;
    if (!meant_for_us || names_.size() >= kMostRelations) return kOther;
  }
  std::string& name = names_[counters.relid];
  name = counters.relation ? counters.relation->schema + "." + counters.relation->table
                           : std::to_string(counters.relid);
  return name;
}

}  // namespace app
