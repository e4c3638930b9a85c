// The body of the request that creates an index, and the mapping that it holds.
#pragma once

#include <string>

#include "consumer/schema/file_data.h"
#include "consumer/schema/tree.h"

namespace schema {

// Returns {"settings": {"index": …}, "mappings": …} as JSON text, each only if the file gives
// something to put there. Mappings are merged, later wins: `mappings`, what the nodes' transforms
// say, `mapping`. REQUIRES: tree.nodes are those of document.root, in the same order.
std::string IndexBody(const DocumentSpec& document, const DocumentTree& tree);

}  // namespace schema
