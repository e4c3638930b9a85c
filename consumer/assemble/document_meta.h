// "_meta" of a document, in the shape PGSync gives it (docs/schema-reference.md sections 10.5 and
// 15, X12): by bare table name and key column, the sorted distinct keys of all rows in the document
// and of the junctions between them. We never read it back. Pure.
#pragma once

#include <string>

#include "consumer/assemble/document_writer.h"

namespace assemble {

// Appends the object. REQUIRES: tree.meta, so that the rows hold the keys.
void AppendMeta(const schema::DocumentTree& tree, const TreeStatements& statements,
                const ChunkRows& chunk, int root_row, std::string* out);

}  // namespace assemble
