// Commands for people to type: a remedy that names a command of ours repeats what this run was
// given to find its pipeline, or it would work on another one. Pure.
#pragma once

#include <string>
#include <string_view>

#include "consumer/app/config.h"

namespace app {

// Returns the schema file with those of --name, --slot, --target and --queue that were on the
// command line, ready for a shell: "shop.json --slot foo". Never a password: a URL is repeated
// without.
std::string SchemaArguments(const Config& config);

// Returns `text` with SCHEMA in its commands ("teardown SCHEMA", "bootstrap --apply SCHEMA")
// replaced by SchemaArguments; SCHEMA elsewhere, as in GRANT USAGE ON SCHEMA, stays.
std::string WithSchemaArguments(std::string_view text, const Config& config);

}  // namespace app
