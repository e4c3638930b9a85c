// Writing JSON text without a tree: for the hot path, where documents go straight into the bulk
// body.
#pragma once

#include <string>
#include <string_view>

namespace base {

// Appends `text` as a JSON string with its quotes: escapes ", \ and control characters, leaves all
// else (UTF-8) as it is. REQUIRES: `text` is valid UTF-8 (PostgreSQL guarantees it for a UTF8
// client encoding).
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace base
