// pgsync-consumer: keeps Elasticsearch or OpenSearch documents in step with PostgreSQL tables.
// The spine: command line and environment -> logger and signals -> the command -> exit status.
#include <malloc.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "consumer/app/commands.h"
#include "consumer/app/config.h"
#include "consumer/app/databases.h"
#include "consumer/app/setup.h"
#include "consumer/app/signals.h"
#include "consumer/app/typed_command.h"
#include "consumer/base/log.h"
#include "consumer/base/stop.h"

namespace {

base::Status ExecuteOn(const app::Config& config, base::Logger& log) {
  switch (config.command) {
    case app::Command::kPreview:
      return app::CommandPreview(config, log);
    case app::Command::kValidate:
      return app::CommandValidate(config, log);
    case app::Command::kPlan:
      return app::CommandPlan(config, log);
    case app::Command::kBootstrap:
      return app::CommandBootstrap(config, log);
    case app::Command::kTeardown:
      return app::CommandTeardown(config, log);
    case app::Command::kStatus:
      return app::CommandStatus(config, log);
    case app::Command::kVerify:
      return app::CommandVerify(config, log);
    case app::Command::kResync:
      return app::CommandResync(config, log);
    case app::Command::kDlq:
      return app::CommandDlq(config, log);
    case app::Command::kRun:
    case app::Command::kLoad:
    case app::Command::kIntrospect:
      break;
  }
  return base::Fatal("a command that nobody executes");
}

base::Status Execute(const app::Config& config, base::StopSignal& drain, base::Logger& log) {
  if (config.command == app::Command::kIntrospect) return app::CommandIntrospect(config, log);
  auto configs = app::ConfigsByDatabase(config);
  if (!configs) return std::move(configs).error();
  const bool runs = config.command == app::Command::kRun || config.command == app::Command::kLoad;
  if (runs) return app::CommandRun(*configs, drain, log);
  return app::OneAfterAnother(*configs,
                              [&](const app::Config& one) { return ExecuteOn(one, log); });
}

// Blocks are filled by one thread and freed by another. With an arena per thread, glibc keeps what
// came back to each: a load of 20,000,000 rows grew from 76 to 93 MB and stays at 53 with as many
// arenas as processors, at the same rate. The operator's own MALLOC_ARENA_MAX counts.
void KeepFewArenas() {
#ifdef __GLIBC__
  if (std::getenv("MALLOC_ARENA_MAX")) return;
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(2U, std::thread::hardware_concurrency())));
#endif
}

// Passwords lie in our memory, as libpq and curl need them: none of it goes into a core file, and
// other processes of the same user cannot look into it, nor at our environment.
void HideMemory() {
#ifdef __linux__
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

int Report(const base::Status& status) {
  if (!status) std::fprintf(stderr, "pgsync-consumer: %s\n", status.error().message.c_str());
  return app::ExitStatus(status);
}

}  // namespace

int main(int argc, char** argv) {
  KeepFewArenas();
  auto invocation = app::ConfigOfProcess(argc, argv);
  if (!invocation) return Report(invocation.error());
  if (invocation->text) {
    std::fputs(invocation->text->c_str(), stdout);
    return 0;
  }
  app::Config& config = invocation->config;
  if (!config.core_files) HideMemory();

  const auto log = base::MakeLogger(config.log_format, config.log_level);
  for (const std::string& notice : config.notices) log->Warning("config", notice);

  if (auto fetched = app::FetchSchema(&config); !fetched) return Report(fetched);

  // From here signals only ask for a drain; threads that start later inherit that.
  base::StopSignal drain;
  app::Signals signals(drain, *log);
  auto status = Execute(config, drain, *log);
  // Rooms below do not know the command line that they want typed again.
  if (!status) status.error().message = app::WithSchemaArguments(status.error().message, config);
  return Report(status);
}
