// `move` reaches from a node to the document: what can be checked only with the whole document in
// view, and which keys the finished document has at its top.
#pragma once

#include <string>
#include <vector>

#include "consumer/schema/file_data.h"

namespace schema {

// Without a database: moves out of two arrays, two moves to one place.
void CheckMoves(const NodeSpec& root, Findings* findings);

// Reports destinations that lead through a value of the document that is never an object, and warns
// of those that replace a key of it. REQUIRES: the tree was made of this document, without errors
// up to here.
void CheckDestinations(const DocumentSpec& document, const DocumentTree& tree, Findings* findings);

// The keys at the top of the finished document, in its order: after rename, concat and move.
std::vector<std::string> TopKeys(const DocumentTree& tree);

// Whether a transform may give the value under this key of the finished document: otherwise it is
// the column, or the child, of that key as it was built.
bool MadeByTransform(const DocumentTree& tree, const std::string& key);

}  // namespace schema
