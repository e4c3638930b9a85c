// What `introspect` is told: tables, depth and the database, which no schema file names here.
#pragma once

#include "consumer/app/config.h"
#include "consumer/app/config_arguments.h"
#include "consumer/app/environment.h"
#include "consumer/base/result.h"

namespace app {

// Fills tables, depth and database: --database, else the path of PG_URL, else PG_DATABASE.
base::Status ReadIntrospect(const Arguments& arguments, const Environment& environment,
                            Config* config);

}  // namespace app
