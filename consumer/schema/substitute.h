// $VAR and ${VAR} in the top-level strings of a document.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "consumer/schema/findings.h"

namespace schema {

using Environment = std::function<std::optional<std::string>(const std::string&)>;

// Returns `text` with $VAR and ${VAR} replaced and $$ as $. A name is [_a-zA-Z][_a-zA-Z0-9]*; an
// unknown variable or a lone $ stays as it is, with a warning at `path` for the braced form: nobody
// writes that by accident.
std::string Substitute(std::string_view text, const Environment& environment,
                       const std::string& path, Findings* findings);

}  // namespace schema
