// TransformSpec + the keys of the node's object -> Transform: every name is looked up, and becomes
// the key that the finished object has. Works without a database, as the keys do.
#pragma once

#include <string>
#include <vector>

#include "consumer/schema/file_data.h"
#include "consumer/schema/transform.h"

namespace schema {

// Something that gives a key of a node's object: a column or a child.
struct KeySource {
  std::string written;        // as in the file, for messages
  std::string before, after;  // rename
  const NodeSpec* child = nullptr;
};

// nullptr when no source has that key before rename.
const KeySource* FindBefore(const std::vector<KeySource>& sources, const std::string& key);

// Returns what is to be done to the object, and reports names that it does not have.
Transform TransformOf(const NodeSpec& node, const std::vector<KeySource>& sources,
                      Findings* findings);

}  // namespace schema
