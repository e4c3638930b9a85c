// The indices that a schema file names.
#pragma once

#include <string>
#include <vector>

#include "consumer/schema/schema.h"

namespace schema {

// REQUIRES: file.ok(). Of all documents, in file order.
std::vector<std::string> Indices(const SchemaFile& file);

}  // namespace schema
