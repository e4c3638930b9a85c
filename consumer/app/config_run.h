// What only `run` is told: the role, and how much memory, disk and WAL it may take.
#pragma once

#include "consumer/app/config.h"
#include "consumer/app/config_arguments.h"
#include "consumer/app/environment.h"
#include "consumer/base/result.h"

namespace app {

base::Status ReadRole(const Arguments& arguments, Config* config);
// Fills the spool's sizes and what is done about WAL that is kept for the slot.
base::Status ReadLimits(const Arguments& arguments, const Environment& environment, Config* config);

}  // namespace app
