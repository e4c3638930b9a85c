// Sweep of an engine's index: deletes what no build up to a version has written, which is what the
// tables no longer have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/model/bulk.h"
#include "consumer/sink/http_client.h"

namespace sink {

// Deletes every document of `index` whose version is below `version`, as of `version`; a document
// written meanwhile stays, and one that has a letter of `version` or later among those of
// `letters`. Returns how many. After kRetry it may be called again; what was deleted
// stays deleted.
base::Result<uint64_t> SweepIndex(HttpClient& client, const std::string& index,
                                  const std::string& letters, uint64_t version);

// Deletes older copies of the ids of `items` that lie under another routing than the item's; of
// deletions all of them. Only items with `any_routing` count. Everything that was written before
// the call is found.
base::Status RemoveCopies(HttpClient& client, const std::string& index,
                          const std::vector<model::BulkItem>& items);

}  // namespace sink
