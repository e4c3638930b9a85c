// The commands, one function each: `pgsync-consumer <command> schema.json`. They print their result
// to standard output, findings and logs to standard error, and return the error that decides the
// exit status (ExitStatus).
#pragma once

#include "consumer/app/config.h"
#include "consumer/base/log.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"

namespace app {

base::Status CommandRun(const Config& config, base::StopSignal& drain, base::Logger& log);
base::Status CommandPreview(const Config& config, base::Logger& log);
base::Status CommandValidate(const Config& config, base::Logger& log);
base::Status CommandPlan(const Config& config, base::Logger& log);
base::Status CommandBootstrap(const Config& config, base::Logger& log);
base::Status CommandTeardown(const Config& config, base::Logger& log);
base::Status CommandStatus(const Config& config, base::Logger& log);

// 0 done, 1 failed, 2 wrong usage or schema, 3 refused: an operator must act.
int ExitStatus(const base::Status& status);

}  // namespace app
