// The transforms of a node, offline: replace, rename, concat, move, and mapping (of the index
// body).
#pragma once

#include <string>

#include "consumer/schema/file_data.h"

namespace schema {

// Fills rename, transform and mapping of `node`. Whether the names exist is checked by KeysOf.
void ReadTransform(const Json& transform, const std::string& path, NodeSpec* node,
                   Findings* findings);

}  // namespace schema
