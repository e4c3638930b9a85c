// Bootstrap: checks the server for a schema file and does what can be done about it. Shared by the
// command and by `run -b`.
#pragma once

#include <cstdio>

#include "consumer/app/config.h"
#include "consumer/base/result.h"

namespace app {

// Prints every check with its remedy to `out`. With `apply` executes the remedies of failed checks
// (replica identities, the setting output_plugin_libraries), prints what it executed, checks again,
// and creates the slot if nothing else is missing. Safe to repeat: what is there is kept, position
// and index included. kRefused when an operator has something left to do.
base::Status Bootstrap(const Config& config, bool apply, FILE* out);

}  // namespace app
