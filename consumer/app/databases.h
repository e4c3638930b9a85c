// Databases: a schema file may describe documents of several databases. Each has a slot, a queue
// and connections of its own, and every command works on one at a time; `run` has one pipeline for
// each, side by side.
#pragma once

#include <functional>
#include <vector>

#include "consumer/app/config.h"
#include "consumer/base/log.h"
#include "consumer/base/metrics.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"

namespace app {

// Returns one configuration per database of the schema file (of the one of --database only), with
// Config::database set. Of a file with errors: `config` alone, without a database; the command will
// report them. kUsage when the file cannot be read, has no such database, or the target cannot take
// documents of several.
base::Result<std::vector<Config>> ConfigsByDatabase(const Config& config);

// Returns the first error; one database that fails does not keep the command from the others.
base::Status OneAfterAnother(const std::vector<Config>& configs,
                             const std::function<base::Status(const Config&)>& command);

// Runs `body` for all of them at once, each on a thread, with its own signal, logger and metrics
// (which carry the database's name when there are several). A request to `stop` reaches all; an
// error of one ends the others and is returned.
using RunBody = std::function<base::Status(const Config&, base::StopSignal& stop, base::Logger& log,
                                           base::Metrics& metrics)>;
base::Status SideBySide(const std::vector<Config>& configs, base::StopSignal& stop,
                        base::Logger& log, base::Metrics& metrics, const RunBody& body);

}  // namespace app
