// The words of a document for full-text search: all its string values, as the SQLite target indexes
// them.
#pragma once

#include <string>
#include <string_view>

namespace sink {

// Appends the string values of a JSON text (not its keys, not numbers), unescaped, in their order,
// each followed by a space. A malformed text gives what was readable of it; never fails. What this
// returns for a text must not change without a new format number in sqlite_target: an index entry
// is removed by giving the same words again.
void AppendSearchText(std::string_view json, std::string* out);

}  // namespace sink
