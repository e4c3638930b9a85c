// JSON as people write it: two spaces, and whatever fits into a line of 100 stays on one. Nulls in
// objects are places that were kept free and are left out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace app {

std::string SchemaText(const nlohmann::ordered_json& value);

}  // namespace app
