// Sweep of an engine's index: deletes what no build up to a version has written, which is what the
// tables no longer have.
#pragma once

#include <cstdint>
#include <string>

#include "consumer/base/result.h"
#include "consumer/sink/http_client.h"

namespace sink {

// Deletes every document of `index` whose version is below `version`, as of `version`; a document
// written meanwhile stays. Returns how many. After kRetry it may be called again; what was deleted
// stays deleted.
base::Result<uint64_t> SweepIndex(HttpClient& client, const std::string& index, uint64_t version);

}  // namespace sink
