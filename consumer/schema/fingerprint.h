// Fingerprint of a document tree: how a running pipeline notices that the index it finds was made
// for another schema.
#pragma once

#include <string>

#include "consumer/schema/tree.h"

namespace schema {

// Returns 16 hexadecimal digits over everything that decides what the documents and the index body
// look like. The order of keys in the file, comments, labels of the root and names of index or
// alias do not count.
std::string Fingerprint(const DocumentTree& tree);

// The same over what the file alone decides: without the columns of nodes that take all of their
// table, and without types. `index_body`: as it is without types; `type_mapping`: whether the file
// asks for them in there.
std::string FileFingerprint(const DocumentTree& tree, const std::string& index_body,
                            bool type_mapping);

}  // namespace schema
