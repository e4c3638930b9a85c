// The relationship of a node to its parent, offline: type, variant, junction, explicit join
// columns.
#pragma once

#include <string>

#include "consumer/schema/file_data.h"

namespace schema {

// Fills type, variant, foreign_key and junction of `node`, whose table is set.
// REQUIRES: relationship.is_object().
void ReadRelationship(const Json& relationship, const TableName& parent_table,
                      const std::string& path, NodeSpec* node, Findings* findings);

}  // namespace schema
