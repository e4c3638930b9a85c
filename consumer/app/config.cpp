#include "consumer/app/config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/config_arguments.h"
#include "consumer/app/config_introspect.h"
#include "consumer/app/config_run.h"
#include "consumer/app/config_schema.h"
#include "consumer/app/config_target.h"
#include "consumer/app/terminal.h"
#include "consumer/app/url.h"
#include "consumer/base/nearest.h"

// The version of libpq belongs on the --version line; its header stays in pg/.
extern "C" int PQlibVersion();

namespace app {
namespace {

#ifdef PGSYNC_VERSION
constexpr std::string_view kVersion = PGSYNC_VERSION;
#else
constexpr std::string_view kVersion = "0.1.0";
#endif

constexpr size_t kSlotNameBytes = 63;  // NAMEDATALEN - 1
constexpr int kMostWorkers = 256;
constexpr int kMostPreviewed = 1'000'000;

std::string VersionText();
base::Status ReadPostgres(const Arguments& arguments, const Environment& environment,
                          Config* config);
base::Status ReadQueue(const Arguments& arguments, const Environment& environment, Config* config);
base::Status ReadNames(const Arguments& arguments, Config* config);
base::Status ReadSizes(const Arguments& arguments, const Environment& environment, Config* config);
base::Status ReadOutput(const Arguments& arguments, const Environment& environment, Config* config);
base::Status ReadEnvironmentRules(const Environment& environment, Config* config);

void SetPassword(const std::string& password, pg::Target* target);

}  // namespace

std::string_view ToString(Command command) {
  switch (command) {
    case Command::kRun:
      return "run";
    case Command::kLoad:
      return "load";
    case Command::kValidate:
      return "validate";
    case Command::kPlan:
      return "plan";
    case Command::kBootstrap:
      return "bootstrap";
    case Command::kTeardown:
      return "teardown";
    case Command::kPreview:
      return "preview";
    case Command::kStatus:
      return "status";
    case Command::kVerify:
      return "verify";
    case Command::kResync:
      return "resync";
    case Command::kDlq:
      return "dlq";
    case Command::kIntrospect:
      return "introspect";
  }
  return "";
}

base::Result<Invocation> ParseConfig(std::span<const std::string> arguments,
                                     const Environment& environment) {
  auto parsed = ParseArguments(arguments);
  if (!parsed) return std::move(parsed).error();
  const Arguments& given = *parsed;
  Invocation invocation;
  if (given.help) invocation.text = HelpText();
  if (given.version) invocation.text = VersionText();
  if (invocation.text) return invocation;

  Config& config = invocation.config;
  config.command = given.command;
  config.notices = given.notices;
  config.once = given.once;
  config.create = given.bootstrap;
  config.apply = given.apply && !given.no_create;
  config.yes = given.yes;
  config.offline = given.offline;
  config.ask_password = given.password;
  config.ids = given.ids;
  config.index = given.index.value_or("");
  config.repair = given.repair;
  config.only = given.only;
  config.again = given.again;
  if (config.command == Command::kLoad) config.tables = given.tables;
  config.dlq = given.dlq;
  if (config.command == Command::kResync && config.ids.empty()) {
    return base::Usage("resync needs the _id of a document: --id ID, which may be repeated");
  }
  if (config.command == Command::kDlq && config.dlq == DlqAction::kDrop && config.ids.empty() &&
      !config.yes) {
    return base::Usage(
        "dlq drop forgets refused documents: name them by --id, or say --yes for all");
  }
  config.database = given.database.value_or("");
  config.skip_plugins = given.skip_plugins;
  config.explain = given.explain;
  config.target_given = given.target.has_value();
  config.queue_given = given.queue.has_value();
  if (given.apply && given.no_create) {
    return base::Usage("--apply and --no-create exclude each other");
  }
  if (given.first) {
    auto first = ParseInteger("--first", *given.first, 1, kMostPreviewed);
    if (!first) return std::move(first).error();
    config.first = static_cast<uint32_t>(*first);
  } else if (config.ids.empty()) {
    config.first = 1;
  }
  if (auto s = ReadEnvironmentRules(environment, &config); !s) return std::move(s).error();
  if (auto s = ReadRole(given, &config); !s) return std::move(s).error();
  if (config.command == Command::kIntrospect) {
    if (auto s = ReadIntrospect(given, environment, &config); !s) return std::move(s).error();
  } else if (auto s = ReadSchemaSource(given, environment, &config); !s) {
    return std::move(s).error();
  }
  if (auto s = ReadPostgres(given, environment, &config); !s) return std::move(s).error();
  if (auto s = ReadQueue(given, environment, &config); !s) return std::move(s).error();
  if (auto s = ReadNames(given, &config); !s) return std::move(s).error();
  if (auto s = ReadSizes(given, environment, &config); !s) return std::move(s).error();
  if (auto s = ReadLimits(given, environment, &config); !s) return std::move(s).error();
  if (auto s = ReadOutput(given, environment, &config); !s) return std::move(s).error();
  auto target = ReadTarget(given.target, environment);
  if (!target) return std::move(target).error();
  config.target = std::move(*target);
  if (config.role != Role::kAll && config.queue.in_memory) {
    return base::Usage(
        "--role producer and --role worker share a queue in Redis: name it with --queue or "
        "REDIS_URL");
  }
  return invocation;
}

base::Result<Invocation> ConfigOfProcess(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  for (int i = 1; i < argc; ++i) HideSecrets({argv[i], std::strlen(argv[i])});
  auto environment = ReadEnvironment();
  if (!environment) return std::move(environment).error();
  auto invocation = ParseConfig(arguments, *environment);
  if (!invocation) return invocation;
  if (!invocation->config.ask_password) return invocation;
  auto password = AskPassword("PostgreSQL password: ");
  if (!password) return std::move(password).error();
  SetPassword(*password, &invocation->config.postgres);
  return invocation;
}

void HideSecrets(std::span<char> argument) {
  const std::string_view text(argument.data(), argument.size());
  const size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return;
  const size_t begin = scheme + 3;
  // Up to the last @, even beyond a slash: a password that was not percent-encoded is a secret all
  // the same.
  const size_t at = text.rfind('@');
  const size_t colon = text.find(':', begin);
  if (at != std::string_view::npos && colon < at) {
    std::fill(argument.begin() + static_cast<ptrdiff_t>(colon) + 1,
              argument.begin() + static_cast<ptrdiff_t>(at), 'x');
  }
  const size_t query = text.find('?', begin);
  if (query == std::string_view::npos) return;
  std::fill(argument.begin() + static_cast<ptrdiff_t>(query) + 1, argument.end(), 'x');
}

std::string DefaultName(std::string_view database, std::string_view index) {
  std::string name = fmt::format("{}_{}", database, index);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) c = '_';
  }
  name.resize(std::min(name.size(), kSlotNameBytes));
  return name;
}

std::string SlotName(const Config& config, std::string_view database, std::string_view index,
                     bool several_databases) {
  const std::string& given = config.slot.empty() ? config.name : config.slot;
  if (given.empty()) return DefaultName(database, index);
  return several_databases ? DefaultName(given, database) : given;
}

std::string ToDisplay(const TargetConfig& target) {
  switch (target.kind) {
    case TargetConfig::Kind::kHttp:
      return target.http.url;
    case TargetConfig::Kind::kSqlite:
      return "sqlite:" + target.file;
    case TargetConfig::Kind::kNdjson:
      return "ndjson:" + target.file;
    case TargetConfig::Kind::kNull:
      return "null:" + target.file;
  }
  return "";
}

std::string ToDisplay(const QueueConfig& queue) {
  return queue.in_memory ? "memory:" : queue::ToDisplay(queue.redis);
}

std::string ToDisplay(const pg::Target& postgres) {
  if (postgres.url.empty()) {
    return fmt::format("{}:{}", postgres.host.empty() ? "localhost" : postgres.host,
                       postgres.port.empty() ? "5432" : postgres.port);
  }
  std::string_view text = postgres.url;
  text.remove_prefix(std::min(text.find("://") + 3, text.size()));
  text = text.substr(0, text.find_first_of("/?"));
  const size_t at = text.rfind('@');
  return std::string(at == std::string_view::npos ? text : text.substr(at + 1));
}

namespace {

std::string VersionText() {
  const int libpq = PQlibVersion();  // 150020
  return fmt::format("pgsync-consumer {}\nlibpq {}.{}\n", kVersion, libpq / 10000, libpq % 10000);
}

base::Status ReadEnvironmentRules(const Environment& environment, Config* config) {
  const EnvironmentCheck check = CheckEnvironment(environment);
  if (!check.refused.empty()) {
    return base::Usage(fmt::format("{}", fmt::join(check.refused, "\n")));
  }
  if (!check.ignored.empty()) {
    config->notices.push_back(fmt::format("these variables are set and have no effect here: {}",
                                          fmt::join(check.ignored, ", ")));
  }
  return {};
}

base::Status ReadPostgres(const Arguments& arguments, const Environment& environment,
                          Config* config) {
  pg::Target& target = config->postgres;
  target.maintenance_database = environment.Get("PG_DATABASE").value_or("postgres");
  config->work_mem = environment.Get("PG_WORK_MEM").value_or("");
  if (arguments.port) {
    auto port = ParseInteger("--port", *arguments.port, 1, 65535);
    if (!port) return std::move(port).error();
  }
  const std::vector<std::string> modes = {"disable", "allow",     "prefer",
                                          "require", "verify-ca", "verify-full"};
  if (arguments.sslmode) {
    auto mode = ParseWord("--sslmode", *arguments.sslmode, modes);
    if (!mode) return std::move(mode).error();
  }
  if (const auto url = environment.Get("PG_URL")) {
    const std::string scheme = url->substr(0, std::min(url->find("://"), url->find('+')));
    if (scheme != "postgresql" && scheme != "postgres") {
      return base::Usage(
          "PG_URL: not a PostgreSQL URL; expected postgresql://user:password@host:port/database");
    }
    target.url = *url;
    // libpq takes every keyword as an URL parameter, and the last one wins.
    char divider = target.url.find('?') == std::string::npos ? '?' : '&';
    for (const auto& [keyword, value] :
         {std::pair("host", &arguments.host), std::pair("port", &arguments.port),
          std::pair("user", &arguments.user), std::pair("sslmode", &arguments.sslmode),
          std::pair("sslrootcert", &arguments.sslrootcert)}) {
      if (!*value) continue;
      target.url += fmt::format("{}{}={}", divider, keyword, PercentEncoded(**value));
      divider = '&';
    }
    return {};
  }
  const auto pick = [&](const std::optional<std::string>& flag, const char* variable) {
    return flag ? *flag : environment.Get(variable).value_or("");
  };
  target.host = pick(arguments.host, "PG_HOST");
  // PGSync's default, unless libpq's own variable says otherwise.
  if (target.host.empty() && !environment.Get("PGHOST")) target.host = "localhost";
  target.port = pick(arguments.port, "PG_PORT");
  target.user = pick(arguments.user, "PG_USER");
  target.password = environment.Get("PG_PASSWORD").value_or("");
  target.sslmode = pick(arguments.sslmode, "PG_SSLMODE");
  target.sslrootcert = pick(arguments.sslrootcert, "PG_SSLROOTCERT");
  if (!target.port.empty()) {
    auto port = ParseInteger("PG_PORT", target.port, 1, 65535);
    if (!port) return std::move(port).error();
  }
  if (!target.sslmode.empty()) {
    auto mode = ParseWord("PG_SSLMODE", target.sslmode, modes);
    if (!mode) return std::move(mode).error();
  }
  return {};
}

base::Status ReadQueue(const Arguments& arguments, const Environment& environment, Config* config) {
  QueueConfig& queue = config->queue;
  std::string what = "--queue";
  std::optional<std::string> url = arguments.queue;
  if (!url) {
    what = "REDIS_URL";
    url = environment.Get("REDIS_URL");
  }
  bool parts = false;
  for (const char* name :
       {"REDIS_SCHEME", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_USER", "REDIS_AUTH"}) {
    parts = parts || environment.Get(name).has_value();
  }
  if (url == "memory:" || (!url && !parts)) return {};
  queue.in_memory = false;
  if (url) {
    auto redis = queue::ParseRedisUrl(*url);
    if (!redis) return std::move(redis).error().While(what);
    queue.redis = std::move(*redis);
  } else {
    auto scheme = ParseWord("REDIS_SCHEME", environment.Get("REDIS_SCHEME").value_or("redis"),
                            {"redis", "rediss"});
    if (!scheme) return std::move(scheme).error();
    queue.redis.tls = *scheme == 1;
    queue.redis.host = environment.Get("REDIS_HOST").value_or("localhost");
    queue.redis.user = environment.Get("REDIS_USER").value_or("");
    queue.redis.password = environment.Get("REDIS_AUTH").value_or("");
    for (const auto& [name, most, field] :
         {std::tuple("REDIS_PORT", 65535, &queue.redis.port),
          std::tuple("REDIS_DB", 1 << 20, &queue.redis.database)}) {
      const auto text = environment.Get(name);
      if (!text) continue;
      auto number = ParseInteger(name, *text, field == &queue.redis.port ? 1 : 0, most);
      if (!number) return std::move(number).error();
      *field = static_cast<int>(*number);
    }
  }
  if (const auto text = environment.Get("REDIS_SOCKET_TIMEOUT")) {
    auto timeout = ParseSeconds("REDIS_SOCKET_TIMEOUT", *text);
    if (!timeout) return std::move(timeout).error();
    queue.redis.timeout = *timeout;
  }
  return {};
}

base::Status ReadNames(const Arguments& arguments, Config* config) {
  config->name = arguments.name.value_or("");
  config->slot = arguments.slot.value_or("");
  for (const auto& [flag, value] :
       {std::pair("--name", &arguments.name), std::pair("--slot", &arguments.slot)}) {
    if (!*value) continue;
    const std::string& name = **value;
    const bool legal =
        !name.empty() && name.size() <= kSlotNameBytes &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
    if (!legal) {
      return base::Usage(fmt::format(
          "{}: \"{}\" is not allowed; use 1 to 63 of the characters a-z, 0-9 and _", flag, name));
    }
  }
  return {};
}

base::Status ReadSizes(const Arguments& arguments, const Environment& environment, Config* config) {
  struct Size {
    const char* what;
    const std::optional<std::string> text;
    int64_t most;
    int* field;
  };
  const auto workers_variable = environment.Get("NUM_WORKERS");
  const Size sizes[] = {
      {arguments.workers ? "--workers" : "NUM_WORKERS",
       arguments.workers ? arguments.workers : workers_variable, kMostWorkers, &config->workers},
      {"BLOCK_SIZE", environment.Get("BLOCK_SIZE"), 10'000'000, &config->block_size},
      {"FILTER_CHUNK_SIZE", environment.Get("FILTER_CHUNK_SIZE"), 10'000'000,
       &config->filter_chunk_size},
  };
  for (const Size& size : sizes) {
    if (!size.text) continue;
    auto number = ParseInteger(size.what, *size.text, 1, size.most);
    if (!number) return std::move(number).error();
    *size.field = static_cast<int>(*number);
  }
  if (const auto text = environment.Get("QUERY_CHUNK_SIZE")) {
    auto rows = ParseInteger("QUERY_CHUNK_SIZE", *text, 1, 10'000'000);
    if (!rows) return std::move(rows).error();
    config->query_chunk_size = static_cast<uint32_t>(*rows);
  }
  if (const auto text = environment.Get("PGSYNC_CORE_FILES")) {
    auto wanted = ParseBool("PGSYNC_CORE_FILES", *text);
    if (!wanted) return std::move(wanted).error();
    config->core_files = *wanted;
  }
  auto developer = ParseDeveloper(environment.Get("PGSYNC_DEVELOPER").value_or(""));
  if (developer) config->developer = *developer;
  return developer ? base::Status() : base::Status(developer.error());
}

base::Result<ListenAddress> ParseListenAddress(const std::string& text) {
  ListenAddress address;
  std::string port = text;
  if (const size_t colon = text.rfind(':'); colon != std::string::npos) {
    address.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (address.host.starts_with('[') && address.host.ends_with(']')) {
      address.host = address.host.substr(1, address.host.size() - 2);
    }
    if (address.host.empty()) address.host = "127.0.0.1";
  }
  auto number = ParseInteger("--http", port, 0, 65535);
  if (!number) {
    return base::Usage(fmt::format(
        "--http: \"{}\" is not allowed; use PORT or ADDRESS:PORT, e.g. 127.0.0.1:8080", text));
  }
  address.port = static_cast<int>(*number);
  return address;
}

base::Status ReadOutput(const Arguments& arguments, const Environment& environment,
                        Config* config) {
  if (arguments.http) {
    auto address = ParseListenAddress(*arguments.http);
    if (!address) return std::move(address).error();
    config->http = std::move(*address);
  }
  auto format = ParseWord("--log-format", arguments.log_format.value_or("text"), {"text", "json"});
  if (!format) return std::move(format).error();
  config->log_format = *format == 0 ? base::LogFormat::kText : base::LogFormat::kJson;

  constexpr std::array kLevels = {base::LogLevel::kDebug, base::LogLevel::kInfo,
                                  base::LogLevel::kWarning, base::LogLevel::kError,
                                  base::LogLevel::kError};
  const std::vector<std::string> words = {"debug", "info", "warning", "error", "critical"};
  const char* variable = "CONSOLE_LOGGING_HANDLER_MIN_LEVEL";
  std::string level = arguments.log_level.value_or(environment.Get(variable).value_or("info"));
  for (char& c : level) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  auto word = ParseWord(arguments.log_level ? "--log-level" : variable, level, words);
  if (!word) return std::move(word).error();
  config->log_level = arguments.verbose ? base::LogLevel::kDebug : kLevels[*word];

  if (const auto text = environment.Get("LOG_INTERVAL")) {
    auto interval = ParseSeconds("LOG_INTERVAL", *text);
    if (!interval) return std::move(interval).error();
    config->log_interval = *interval;
  }
  return {};
}

void SetPassword(const std::string& password, pg::Target* target) {
  if (target->url.empty()) {
    target->password = password;
    return;
  }
  target->url +=
      fmt::format("{}password={}", target->url.find('?') == std::string::npos ? '?' : '&',
                  PercentEncoded(password));
}

}  // namespace
}  // namespace app
