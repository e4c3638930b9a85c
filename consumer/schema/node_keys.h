// Keys of a node's object: which column and which child ends up under which key, after rename; and
// the node's transform in terms of these keys.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "consumer/schema/file_data.h"

namespace schema {

struct NodeKeys {
  std::vector<std::optional<std::string>>
      columns;                      // of each column; none: left out, as another source has the key
  std::vector<std::string> labels;  // of each child
  Transform transform;
};

// Works out the keys of `node` with these columns (its own, or all of the table), and reports
// clashes, transforms of names that are not there, and mappings of old or unknown names. Of a
// scalar node only the first column counts.
NodeKeys KeysOf(const NodeSpec& node, const std::vector<ColumnSpec>& columns, Findings* findings);

}  // namespace schema
