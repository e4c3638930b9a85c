// Which documents hold a row, for schema nodes with "lookup": "index": documents carry
// "_pgsync": {"root": [id parts, routing], "lookup": [names of rows]} (assemble/document_lookup.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/sink/http_client.h"
#include "consumer/sink/target.h"

namespace sink {

// "_pgsync.root" from its JSON text. kFatal: it is none, so somebody else wrote the document.
base::Result<Target::RootKey> ParseRootKey(std::string_view json);

// Asks an engine, after a refresh of the index.
base::Result<std::vector<Target::RootKey>> FindHolders(HttpClient& client, const std::string& index,
                                                       const std::vector<std::string>& names);

}  // namespace sink
