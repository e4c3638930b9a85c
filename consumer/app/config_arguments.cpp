#include "consumer/app/config_arguments.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "consumer/base/nearest.h"

namespace app {
namespace {

constexpr std::string_view kHeader =
    R"(pgsync-consumer keeps documents in Elasticsearch, OpenSearch or a local file equal to PostgreSQL tables.

Usage: pgsync-consumer [COMMAND] SCHEMA [OPTIONS]
)";

constexpr std::string_view kCommands = R"(
Commands:
  run (default)               load what is missing, then follow the changes until stopped
  load                        load what is missing (--only, --tables: a part of it; --again: all of it), then leave
  validate                    check SCHEMA against the database; with --offline only the file
  plan                        show tables, columns, replica identities, slot and index of every document
  bootstrap                   check server, slot and tables; print every remedy, or do it with --apply
  teardown                    remove the slot, the indices and the queue of SCHEMA
  preview                     build documents (by --id, or --first N) and print them
  status                      show slot, queue and target on one screen
  verify                      compare all documents with the tables; with --repair mend them
  resync                      build single documents (--id) anew and write them
  dlq list|show|replay|drop   the documents that the target refused: build them anew, or forget them
  introspect                  print a schema file, made from the foreign keys around TABLE…
  help                        print this text
)";

constexpr std::string_view kFooter = R"(
SCHEMA is a JSON file or its URL (docs/schema-reference.md); without it, the variable SCHEMA or SCHEMA_URL is used.

Environment (PGSync's names; also read from .env in the working directory; options win):
  PG_URL, or PG_HOST PG_PORT PG_USER PG_PASSWORD PG_SSLMODE PG_SSLROOTCERT      PostgreSQL
  ELASTICSEARCH_URL, or ELASTICSEARCH_SCHEME _HOST _PORT _USER _PASSWORD        target engine
  ELASTICSEARCH_API_KEY _BEARER_AUTH _CA_CERTS _VERIFY_CERTS _TIMEOUT …         its access and TLS
  REDIS_URL, or REDIS_SCHEME _HOST _PORT _DB _USER _AUTH                        queue; none set: memory:
  NUM_WORKERS BLOCK_SIZE QUERY_CHUNK_SIZE FILTER_CHUNK_SIZE LOG_INTERVAL …      sizes and times

Exit status: 0 done, 1 failed, 2 wrong usage or schema, 3 refused: an operator must act (the message says what to type).
)";

struct CommandWord {
  std::string_view word;
  Command command;
};
constexpr std::array kCommandWords = std::to_array<CommandWord>({
    {"run", Command::kRun},
    {"load", Command::kLoad},
    {"validate", Command::kValidate},
    {"plan", Command::kPlan},
    {"bootstrap", Command::kBootstrap},
    {"teardown", Command::kTeardown},
    {"preview", Command::kPreview},
    {"status", Command::kStatus},
    {"verify", Command::kVerify},
    {"resync", Command::kResync},
    {"dlq", Command::kDlq},
    {"introspect", Command::kIntrospect},
});

// Words that mean something to a user of PGSync, or will mean something later.
struct OtherWord {
  std::string_view word, answer;
};
constexpr std::array kOtherWords = std::to_array<OtherWord>({
    {"es_mapping", "does not exist here: write the mapping in the schema file"},
    {"migrate_schema_v2", "does not exist here: version 1 schema files are not read"},
});

// Options that belong to some commands only; all others go with every command.
const std::map<std::string, std::vector<Command>>& OptionCommands() {
  static const std::map<std::string, std::vector<Command>> commands = {
      {"--once", {Command::kRun}},
      {"--role", {Command::kRun}},
      {"--workers", {Command::kRun, Command::kLoad}},
      {"--rate", {Command::kRun, Command::kLoad}},
      {"--only", {Command::kLoad}},
      {"--tables", {Command::kLoad}},
      {"--again", {Command::kLoad}},
      {"--spool-memory", {Command::kRun, Command::kLoad}},
      {"--spool-dir", {Command::kRun, Command::kLoad}},
      {"--wal-warn", {Command::kRun, Command::kLoad}},
      {"--wal-limit", {Command::kRun, Command::kLoad}},
      {"--on-lost-slot", {Command::kRun, Command::kLoad}},
      {"--http", {Command::kRun, Command::kLoad}},
      {"--daemon", {Command::kRun}},
      {"--wal", {Command::kRun}},
      {"--polling", {Command::kRun}},
      {"--producer", {Command::kRun}},
      {"--consumer", {Command::kRun}},
      {"--bootstrap", {Command::kRun, Command::kLoad}},
      {"--mode", {Command::kRun}},
      {"--analyze", {Command::kRun, Command::kValidate}},
      {"--offline", {Command::kValidate}},
      {"--apply", {Command::kBootstrap}},
      {"--teardown", {Command::kBootstrap, Command::kTeardown}},
      {"--no-create", {Command::kBootstrap}},
      {"--yes", {Command::kTeardown, Command::kBootstrap, Command::kDlq}},
      {"--id", {Command::kPreview, Command::kResync, Command::kDlq}},
      {"--index", {Command::kVerify, Command::kResync, Command::kDlq}},
      {"--repair", {Command::kVerify}},
      {"--depth", {Command::kIntrospect}},
      {"--first", {Command::kPreview}},
      {"--explain", {Command::kPlan}},
  };
  return commands;
}

// What CLI11 fills; the flags that have no place in Arguments are the ones without effect.
struct Raw {
  Arguments arguments;
  std::vector<std::string> words, configs;
  bool daemon = false, wal = false, analyze = false;
  std::optional<std::string> mode;
};

void Define(CLI::App& app, Raw& raw);
std::vector<std::string> Normalized(std::span<const std::string> arguments);
base::Status ReadWords(Raw& raw);
base::Status CheckOptions(const CLI::App& app, const Raw& raw);

}  // namespace

base::Result<Arguments> ParseArguments(std::span<const std::string> arguments) {
  Raw raw;
  CLI::App app;
  Define(app, raw);
  try {
    std::vector<std::string> reversed = Normalized(arguments);
    std::reverse(reversed.begin(), reversed.end());  // CLI11 takes them from the back
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& failure) {
    return base::Usage(fmt::format("{}; see pgsync-consumer --help", failure.what()));
  }
  Arguments& result = raw.arguments;
  if (result.help || result.version) return result;
  if (auto status = CheckOptions(app, raw); !status) return std::move(status).error();
  if (auto status = ReadWords(raw); !status) return std::move(status).error();
  if (result.help) return result;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0) continue;
    const auto it = OptionCommands().find(option->get_name(false, false));
    if (it == OptionCommands().end()) continue;
    const std::vector<Command>& commands = it->second;
    if (std::find(commands.begin(), commands.end(), result.command) != commands.end()) continue;
    return base::Usage(fmt::format("{} is an option of `{}`, not of `{}`", it->first,
                                   ToString(commands.front()), ToString(result.command)));
  }
  if (raw.mode) result.notices.emplace_back("--mode has no effect: the load is always parallel");
  return std::move(result);
}

std::string HelpText() {
  Raw raw;
  CLI::App app;
  Define(app, raw);
  CLI::Formatter formatter;
  formatter.column_width(30);
  const std::string options = formatter.make_groups(&app, CLI::AppFormatMode::Normal);
  return fmt::format("{}{}{}{}", kHeader, kCommands, options, kFooter);
}

namespace {

void Define(CLI::App& app, Raw& raw) {
  Arguments& to = raw.arguments;
  app.set_help_flag();  // -h is PGSync's --host; help is an option of ours
  app.allow_extras();   // so that unknown options reach CheckOptions, which knows the nearest word
  app.add_option("words", raw.words)->group("");

  const std::string what = "What";
  app.add_option("-c,--config", raw.configs, "schema file (same as SCHEMA)")
      ->allow_extra_args(false)
      ->group(what);
  app.add_option("--schema-url", to.schema_url, "http(s) URL of the schema file")
      ->type_name("URL")
      ->group(what);
  app.add_option("--target", to.target,
                 "http(s)://[USER:PASSWORD@]HOST[:PORT], sqlite:FILE, ndjson:FILE (- = standard "
                 "output) or null: (default: ELASTICSEARCH_URL, else http://localhost:9200)")
      ->type_name("URL")
      ->group(what);
  app.add_option("--queue", to.queue,
                 "redis[s]://[USER:PASSWORD@]HOST[:PORT][/DB] or memory: (default: REDIS_URL, "
                 "REDIS_HOST …, else memory:)")
      ->type_name("URL")
      ->group(what);
  app.add_option("--database", to.database,
                 "only the documents of this database of SCHEMA (default: all); introspect: the "
                 "database of TABLE (default: PG_URL's, or PG_DATABASE)")
      ->type_name("NAME")
      ->group(what);
  app.add_flag("--skip-plugins", to.skip_plugins,
               "build documents without the plugins that SCHEMA names")
      ->group(what);
  app.add_option("--name", to.name,
                 "name of this pipeline (default: <database>_<index> of the first document)")
      ->type_name("NAME")
      ->group(what);
  app.add_option("--slot", to.slot, "replication slot (default: the pipeline's name)")
      ->type_name("NAME")
      ->group(what);

  const std::string postgres = "PostgreSQL (over PG_URL and PG_*)";
  app.add_option("-h,--host", to.host, "host or socket directory (-h alone prints this help)")
      ->type_name("HOST")
      ->group(postgres);
  app.add_option("-p,--port", to.port, "port")->type_name("PORT")->group(postgres);
  app.add_option("-u,--user", to.user, "role, needs REPLICATION and SELECT")
      ->type_name("ROLE")
      ->group(postgres);
  app.add_flag("--password", to.password, "ask for the password on the terminal")->group(postgres);
  app.add_option("--sslmode", to.sslmode, "disable, allow, prefer, require, verify-ca, verify-full")
      ->type_name("MODE")
      ->group(postgres);
  app.add_option("--sslrootcert", to.sslrootcert, "file with the certificate authority")
      ->type_name("FILE")
      ->group(postgres);

  const std::string load = "load";
  app.add_option("--only", to.only, "only this index of SCHEMA; may be repeated")
      ->type_name("INDEX")
      ->group(load)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--tables", to.tables,
                 "only documents that use one of these tables, at any level: NAME or SCHEMA.NAME")
      ->type_name("TABLE,…")
      ->group(load)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->take_all();
  app.add_flag("--again", to.again,
               "also what is loaded: all of these documents are written anew, in place")
      ->group(load);

  const std::string run = "run, load";
  app.add_flag("--once", to.once, "load if needed, apply all WAL up to now, leave")->group(run);
  app.add_flag("-b,--bootstrap", to.bootstrap,
               "create what is missing first; keeps position and index, safe at every start")
      ->group(run);
  app.add_option("-n,--workers", to.workers,
                 "threads that build documents (default: NUM_WORKERS, else 2)")
      ->type_name("N")
      ->group(run);
  app.add_option("--rate", to.rate,
                 "load at most N documents per second: spares the database and the target "
                 "(default: as fast as they go)")
      ->type_name("N")
      ->group(run);
  app.add_option(
         "--role", to.role,
         "all (default), or over several processes: producer streams, worker builds; needs Redis")
      ->type_name("ROLE")
      ->group(run);
  app.add_option(
         "--spool-memory", to.spool_memory,
         "for transactions in progress that PostgreSQL sends before their commit; beyond it "
         "they go to a file (default: 64)")
      ->type_name("MIB")
      ->group(run);
  app.add_option("--spool-dir", to.spool_dir,
                 "directory of these files, which have no name (default: TMPDIR, else /var/tmp)")
      ->type_name("DIR")
      ->group(run);
  app.add_option("--wal-warn", to.wal_warn,
                 "warn when the server keeps so much WAL for the slot, and at each doubling "
                 "(default: 1024; 0: never)")
      ->type_name("MIB")
      ->group(run);
  app.add_option("--wal-limit", to.wal_limit,
                 "give the slot up when the server keeps more WAL for it: rather a new load than a "
                 "full disk (default: never)")
      ->type_name("MIB")
      ->group(run);
  app.add_option(
         "--on-lost-slot", to.on_lost_slot,
         "when the slot is gone or its WAL is: refuse (default), or reload: a new slot, and "
         "all documents again in place")
      ->type_name("WHAT")
      ->group(run);
  app.add_option(
         "--http", to.http,
         "serve /metrics, /health and a status page; only a port: on 127.0.0.1 (default: off)")
      ->type_name("[ADDR:]PORT")
      ->group(run);

  const std::string others = "Other commands";
  app.add_flag("--offline", to.offline, "validate: do not connect to the database")->group(others);
  app.add_flag("--apply", to.apply, "bootstrap: execute the remedies, then check again")
      ->group(others);
  app.add_flag("--yes", to.yes, "teardown: do not ask; dlq drop: all")->group(others);
  app.add_flag("--explain", to.explain, "plan: with the server's query plans")->group(others);
  app.add_option("--first", to.first, "preview: the first N documents of every index")
      ->type_name("N")
      ->group(others);
  app.add_option("--id", to.ids, "preview, resync, dlq: id of a document, may be repeated")
      ->type_name("ID")
      ->group(others)
      ->allow_extra_args(false)  // one value per --id
      ->take_all();

  app.add_option("--index", to.index, "verify, resync, dlq: only this index of SCHEMA")
      ->type_name("NAME")
      ->group(others);
  app.add_flag("--repair", to.repair, "verify: write what differs, delete what is too much")
      ->group(others);
  app.add_option("--depth", to.depth, "introspect: levels below each TABLE (default: 2)")
      ->type_name("N")
      ->group(others);

  const std::string output = "Output";
  app.add_flag("-v,--verbose", to.verbose, "same as --log-level debug")->group(output);
  app.add_option("--log-format", to.log_format, "text or json (default: text)")
      ->type_name("FORMAT")
      ->group(output);
  app.add_option(
         "--log-level", to.log_level,
         "debug, info, warning or error (default: CONSOLE_LOGGING_HANDLER_MIN_LEVEL, else info)")
      ->type_name("LEVEL")
      ->group(output);
  app.add_flag("--help", to.help, "print this text")->group(output);
  app.add_flag("--version", to.version, "print the version")->group(output);

  // Accepted because PGSync's users type them; not shown.
  app.add_option("--s3-schema-url", to.s3_schema_url)->group("");
  app.add_flag("-d,--daemon", raw.daemon)->group("");
  app.add_flag("-w,--wal", raw.wal)->group("");
  app.add_flag("-a,--analyze", raw.analyze)->group("");
  app.add_flag("--polling", to.polling)->group("");
  app.add_flag("--producer", to.producer)->group("");
  app.add_flag("--consumer", to.consumer)->group("");
  app.add_flag("-t,--teardown", to.teardown)->group("");
  app.add_flag("--no-create", to.no_create)->group("");
  app.add_option("-m,--mode", raw.mode)->group("");
}

// _ and - are equal in a flag; -h is help unless a host follows; -nc is one flag.
std::vector<std::string> Normalized(std::span<const std::string> arguments) {
  std::vector<std::string> normalized;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string argument = arguments[i];
    if (argument == "--") {
      normalized.insert(normalized.end(), arguments.begin() + static_cast<ptrdiff_t>(i),
                        arguments.end());
      break;
    }
    if (argument == "-nc") argument = "--no-create";
    if (argument == "-h" && (i + 1 == arguments.size() || arguments[i + 1].starts_with("-"))) {
      argument = "--help";
    }
    if (argument.starts_with("--")) {
      const auto end = std::find(argument.begin(), argument.end(), '=');
      std::replace(argument.begin(), end, '_', '-');
      for (const std::string_view alias : {"--num-workers", "--nprocs"}) {
        if (std::string_view(argument.begin(), end) != alias) continue;
        argument.replace(0, alias.size(), "--workers");
        break;
      }
    }
    normalized.push_back(std::move(argument));
  }
  return normalized;
}

base::Status CheckOptions(const CLI::App& app, const Raw&) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (const std::string& argument : app.remaining()) {
    if (!argument.starts_with("-") || argument == "--") continue;
    const std::string option = argument.substr(0, argument.find('='));  // the value may be a secret
    return base::Usage(fmt::format("unknown option {}; see pgsync-consumer --help{}", option,
                                   base::DidYouMean(option, known)));
  }
  return {};
}

base::Status ReadDlqAction(std::vector<std::string>* words, DlqAction* action) {
  static const std::vector<std::string> kActions = {"list", "show", "replay", "drop"};
  const std::string word = words->empty() ? "" : words->front();
  const auto found = std::find(kActions.begin(), kActions.end(), word);
  if (found == kActions.end()) {
    return base::Usage(fmt::format("dlq {}: expected one of {}{}", word, fmt::join(kActions, ", "),
                                   base::DidYouMean(word, kActions)));
  }
  *action = static_cast<DlqAction>(found - kActions.begin());
  words->erase(words->begin());
  return {};
}

// The first word is the command if it is one; the rest is the schema file.
base::Status ReadWords(Raw& raw) {
  Arguments& to = raw.arguments;
  std::vector<std::string>& words = raw.words;
  std::vector<std::string> known;
  for (const CommandWord& command : kCommandWords) known.emplace_back(command.word);

  if (!words.empty()) {
    const std::string& first = words.front();
    const auto command = std::find(known.begin(), known.end(), first);
    if (command != known.end()) {
      to.command = kCommandWords[static_cast<size_t>(command - known.begin())].command;
      words.erase(words.begin());
    } else if (first == "help") {
      to.help = true;
    } else if (first == "parallel_sync") {
      to.once = true;
      words.erase(words.begin());
    } else {
      for (const OtherWord& other : kOtherWords) {
        if (first == other.word) return base::Usage(fmt::format("`{}` {}", first, other.answer));
      }
      if (words.size() > 1 && std::find(known.begin(), known.end(), words[1]) != known.end()) {
        return base::Usage(
            fmt::format("the command comes first; type: pgsync-consumer {} {}", words[1], first));
      }
      const bool could_be_a_file = first.find_first_of("./") != std::string::npos;
      const std::string nearest = base::Nearest(first, known);
      if (words.size() > 1 || !raw.configs.empty() || (!could_be_a_file && !nearest.empty())) {
        return base::Usage(fmt::format("unknown command \"{}\"; commands: {}{}", first,
                                       fmt::join(known, ", "), base::DidYouMean(first, known)));
      }
    }
  }
  if (to.command == Command::kIntrospect) {
    if (!raw.configs.empty()) return base::Usage("introspect makes a schema file and reads none");
    to.tables = std::move(words);
    return {};
  }
  if (to.command == Command::kDlq) {
    if (auto status = ReadDlqAction(&words, &to.dlq); !status) return status;
  }
  to.schema_paths = std::move(words);
  to.schema_paths.insert(to.schema_paths.end(), raw.configs.begin(), raw.configs.end());
  if (to.command == Command::kBootstrap && to.teardown) {
    to.command = Command::kTeardown;
    to.teardown = false;
  }
  return {};
}

}  // namespace
}  // namespace app
