// The body of the request that creates an index, and the mapping that it holds.
#pragma once

#include <string>
#include <vector>

#include "consumer/schema/file_data.h"
#include "consumer/schema/tree.h"

namespace schema {

// Returns {"settings": {"index": …}, "mappings": …} as JSON text, each only if the file gives
// something to put there. Mappings are merged, later wins: `mappings`, what follows from types
// (`type_fields`: per node its fields by key, or nothing at all), what the nodes' transforms say,
// `mapping`, what `routing` and `meta` need.
// REQUIRES: tree.nodes are those of document.root, in the same order.
std::string IndexBody(const DocumentSpec& document, const DocumentTree& tree,
                      const std::vector<Json>& type_fields = {});

}  // namespace schema
