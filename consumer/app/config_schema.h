// Which schema file a command is about: of the command line, else of the environment; a path or an
// http(s) URL. Pure.
#pragma once

#include "consumer/app/config.h"
#include "consumer/app/config_arguments.h"
#include "consumer/app/environment.h"
#include "consumer/base/result.h"

namespace app {

// Fills schema_path and schema_download. kUsage when there is none, or more than one.
base::Status ReadSchemaSource(const Arguments& arguments, const Environment& environment,
                              Config* config);

}  // namespace app
