// "_pgsync" of a document whose schema has nodes with "lookup": "index": which rows of these nodes
// are in it, and the root's own address. The target finds documents by it (sink::Target::Holders),
// for changes whose old links the WAL does not carry. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consumer/assemble/document_writer.h"

namespace assemble {

// What documents call the row with this key of the entry point's table.
std::string HeldName(const schema::EntryPoint& entry, const std::vector<std::string_view>& key);

// Appends the object. REQUIRES: schema::HasLookups(tree).
void AppendLookup(const schema::DocumentTree& tree, const TreeStatements& statements,
                  const ChunkRows& chunk, int root_row, std::string* out);

}  // namespace assemble
