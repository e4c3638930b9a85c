// The command line as text, before it means anything: which words and options were given. The home
// of CLI11 is config_arguments.cpp; config.cpp gives the values their types and defaults.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "consumer/app/config.h"
#include "consumer/base/result.h"

namespace app {

struct Arguments {
  bool help = false, version = false;
  Command command = Command::kRun;
  std::vector<std::string> schema_paths;  // positional and -c; more than one is an error
  std::optional<std::string> schema_url, s3_schema_url;

  std::optional<std::string> host, port, user, sslmode, sslrootcert;
  bool password = false;

  std::optional<std::string> target, queue;
  std::optional<std::string> database, name, slot, role, workers;
  std::optional<std::string> spool_dir, spool_memory;
  std::optional<std::string> wal_warn, wal_limit, on_lost_slot;
  std::optional<std::string> http, log_format, log_level;
  bool verbose = false;

  bool once = false, bootstrap = false, polling = false, producer = false, consumer = false;
  bool apply = false, teardown = false, no_create = false, yes = false, offline = false;
  bool skip_plugins = false, explain = false;
  std::vector<std::string> ids;
  std::optional<std::string> index;
  bool repair = false;
  DlqAction dlq = DlqAction::kList;
  std::optional<std::string> first, depth;
  std::vector<std::string> tables;   // introspect, load
  std::vector<std::string> only;     // load
  bool again = false;                // load
  std::optional<std::string> rate;   // run, load
  std::vector<std::string> notices;  // accepted for PGSync's sake, without effect
};

// kUsage: unknown option or command with the nearest valid word, an option of another command, a
// missing value.
base::Result<Arguments> ParseArguments(std::span<const std::string> arguments);

// The text of --help.
std::string HelpText();

}  // namespace app
