// Names of the queue's keys in Redis; what lies under them is told in redis_scripts.h.
#pragma once

#include <string>
#include <string_view>

#include "consumer/queue/queue.h"

namespace queue {

struct RedisKeys {
  // The braces make Redis Cluster keep all keys of one queue on one node.
  RedisKeys(const std::string& system_identifier, const std::string& slot)
      : prefix("pgsync:{" + system_identifier + ":" + slot + "}"),
        meta(prefix + ":meta"),
        stream(prefix + ":stream"),
        stream_sizes(prefix + ":stream:sizes"),
        load(prefix + ":load"),
        load_sizes(prefix + ":load:sizes"),
        load_reports(prefix + ":load:reports") {}

  const std::string& Of(Lane lane) const { return lane == Lane::kStream ? stream : load; }
  const std::string& SizesOf(Lane lane) const {
    return lane == Lane::kStream ? stream_sizes : load_sizes;
  }

  const std::string prefix, meta, stream, stream_sizes, load, load_sizes, load_reports;
};

inline std::string_view NameOf(Lane lane) { return lane == Lane::kStream ? "stream" : "load"; }

}  // namespace queue
