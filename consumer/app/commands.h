// The commands, one function each: `pgsync-consumer <command> schema.json`. They print their result
// to standard output, findings and logs to standard error, and return the error that decides the
// exit status (ExitStatus). Each works on one database (Config::database); `run` on all at once.
#pragma once

#include <vector>

#include "consumer/app/config.h"
#include "consumer/base/log.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"

namespace app {

// `run` and `load`. REQUIRES: !configs.empty(); they differ in the database only.
base::Status CommandRun(const std::vector<Config>& configs, base::StopSignal& drain,
                        base::Logger& log);
base::Status CommandPreview(const Config& config, base::Logger& log);
base::Status CommandValidate(const Config& config, base::Logger& log);
base::Status CommandPlan(const Config& config, base::Logger& log);
base::Status CommandBootstrap(const Config& config, base::Logger& log);
base::Status CommandTeardown(const Config& config, base::Logger& log);
base::Status CommandVerify(const Config& config, base::Logger& log);
base::Status CommandResync(const Config& config, base::Logger& log);
base::Status CommandDlq(const Config& config, base::Logger& log);
base::Status CommandStatus(const Config& config, base::Logger& log);
// Makes a schema file instead of reading one.
base::Status CommandIntrospect(const Config& config, base::Logger& log);

// 0 done, 1 failed, 2 wrong usage or schema, 3 refused: an operator must act.
int ExitStatus(const base::Status& status);

}  // namespace app
