// Text of a schema file -> JSON values, with the line and column of what is not JSON. Stricter than
// the JSON standard in two points: a key given twice in one object is an error (one of the two
// would silently win), and nesting is bounded, so that everything after may recurse.
#pragma once

#include <string>
#include <string_view>

#include "consumer/schema/json_fields.h"

namespace schema {

// Returns the value, or nothing when the text is not JSON (reported). Duplicate keys are reported,
// the last one is kept.
std::optional<Json> ReadJson(std::string_view text, const std::string& file_name,
                             Findings* findings);

}  // namespace schema
