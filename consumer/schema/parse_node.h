// Nodes of a schema file, offline: keys, columns, labels, children.
#pragma once

#include <string>

#include "consumer/schema/file_data.h"

namespace schema {

// Reads the root node and everything below it.
// REQUIRES: node.is_object().
NodeSpec ReadRootNode(const Json& node, const std::string& path, const ParseOptions& options,
                      Findings* findings);

}  // namespace schema
