// What is at the addresses of an engine: which product, and whether all of them are one cluster.
#pragma once

#include <string>

#include "consumer/base/log.h"
#include "consumer/base/result.h"
#include "consumer/sink/hosts.h"
#include "consumer/sink/http_client.h"

namespace sink {

struct EngineFound {
  std::string product;         // "OpenSearch 2.19.5"; of several versions in a cluster the lowest
  std::string cluster;         // its uuid; "" = not said
  int major = 0, minor = 0;    // of the version
  bool require_alias = false;  // all know the parameter of bulk requests
};

// Asks every host. kRefused with the remedy: nobody answers, one of them is no engine that we know,
// or they belong to different clusters. Hosts that do not answer are left out and told to `log`.
base::Result<EngineFound> ProbeEngine(HttpClient& client, Hosts& hosts);

}  // namespace sink
