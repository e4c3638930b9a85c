#include "consumer/app/environment.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include <unistd.h>
#include "consumer/base/nearest.h"

namespace app {
namespace {

constexpr std::string_view kNoReplica =
    "documents cannot be read from a replica yet; unset it, they are then read from the primary";
constexpr auto kUse = Treatment::kUse;
constexpr auto kWarn = Treatment::kWarn;
constexpr auto kRefuse = Treatment::kRefuse;

constexpr std::array kRules = std::to_array<VariableRule>({
    {"SCHEMA", kUse, "", false},
    {"SCHEMA_URL", kUse, "", false},
    {"S3_SCHEMA_URL", kRefuse, "a schema cannot be read from S3 yet; download it and give its path",
     false},
    {"PG_URL", kUse, "", false},
    {"PG_HOST", kUse, "", false},
    {"PG_PORT", kUse, "", false},
    {"PG_USER", kUse, "", false},
    {"PG_PASSWORD", kUse, "", false},
    {"PG_SSLMODE", kUse, "", false},
    {"PG_SSLROOTCERT", kUse, "", false},
    {"PG_DATABASE", kUse, "", false},
    {"PG_URL_RO", kRefuse, kNoReplica, false},
    {"PG_HOST_RO", kRefuse, kNoReplica, false},
    {"PG_PORT_RO", kRefuse, kNoReplica, false},
    {"PG_USER_RO", kRefuse, kNoReplica, false},
    {"PG_PASSWORD_RO", kRefuse, kNoReplica, false},
    {"PG_SSLMODE_RO", kRefuse, kNoReplica, false},
    {"PG_SSLROOTCERT_RO", kRefuse, kNoReplica, false},
    {"PG_WORK_MEM", kUse, "", false},
    {"PG_DRIVER", kWarn, "", false},  // a MySQL driver is refused: CheckEnvironment
    {"MYSQL_DATABASE", kWarn, "", false},
    {"USE_UTF8MB4", kWarn, "", false},
    {"NUM_WORKERS", kUse, "", false},
    {"BLOCK_SIZE", kUse, "", false},
    {"QUERY_CHUNK_SIZE", kUse, "", false},
    {"FILTER_CHUNK_SIZE", kUse, "", false},
    {"CHECKPOINT_PATH", kWarn, "", false},
    {"REDIS_CHECKPOINT", kWarn, "", false},
    {"LOGICAL_SLOT_CHUNK_SIZE", kWarn, "", false},
    {"REPLICATION_SLOT_CLEANUP_INTERVAL", kWarn, "", false},
    {"POLLING", kWarn, "", false},
    {"POLL_INTERVAL", kWarn, "", false},
    {"POLL_TIMEOUT", kWarn, "", false},
    {"WAL", kWarn, "", false},
    {"USE_ASYNC", kWarn, "", false},
    {"STREAM_RESULTS", kWarn, "", false},
    {"JOIN_QUERIES", kWarn, "", false},
    {"QUERY_LITERAL_BINDS", kWarn, "", false},
    {"LOG_INTERVAL", kUse, "", false},
    {"FORMAT_WITH_COMMAS", kWarn, "", false},
    {"SQLALCHEMY_USE_NULLPOOL", kWarn, "", false},
    {"SQLALCHEMY_POOL_SIZE", kWarn, "", false},
    {"SQLALCHEMY_MAX_OVERFLOW", kWarn, "", false},
    {"SQLALCHEMY_POOL_PRE_PING", kWarn, "", false},
    {"SQLALCHEMY_POOL_RECYCLE", kWarn, "", false},
    {"SQLALCHEMY_POOL_TIMEOUT", kWarn, "", false},
    {"ELASTICSEARCH", kUse, "", false},
    {"OPENSEARCH", kUse, "", false},
    {"ELASTICSEARCH_URL", kUse, "", false},
    {"ELASTICSEARCH_SCHEME", kUse, "", false},
    {"ELASTICSEARCH_HOST", kUse, "", false},
    {"ELASTICSEARCH_PORT", kUse, "", false},
    {"ELASTICSEARCH_USER", kUse, "", false},
    {"ELASTICSEARCH_PASSWORD", kUse, "", false},
    {"ELASTICSEARCH_BASIC_AUTH", kUse, "", false},
    {"ELASTICSEARCH_HTTP_AUTH", kUse, "", false},
    {"ELASTICSEARCH_BEARER_AUTH", kUse, "", false},
    {"ELASTICSEARCH_API_KEY", kUse, "", false},
    {"ELASTICSEARCH_API_KEY_ID", kUse, "", false},
    {"ELASTICSEARCH_CLOUD_ID", kUse, "", false},
    {"ELASTICSEARCH_OPAQUE_ID", kUse, "", false},
    {"ELASTICSEARCH_AWS_HOSTED", kUse, "", false},
    {"OPENSEARCH_AWS_HOSTED", kUse, "", false},
    {"OPENSEARCH_AWS_SERVERLESS", kUse, "", false},
    {"ELASTICSEARCH_AWS_REGION", kUse, "", false},
    {"ELASTICSEARCH_VERIFY_CERTS", kUse, "", false},
    {"ELASTICSEARCH_CA_CERTS", kUse, "", false},
    {"ELASTICSEARCH_CLIENT_CERT", kUse, "", false},
    {"ELASTICSEARCH_CLIENT_KEY", kUse, "", false},
    {"ELASTICSEARCH_SSL_ASSERT_FINGERPRINT", kUse, "", false},
    {"ELASTICSEARCH_SSL_ASSERT_HOSTNAME", kUse, "", false},
    {"ELASTICSEARCH_USE_SSL", kWarn, "", false},
    {"ELASTICSEARCH_SSL_CONTEXT", kWarn, "", false},
    {"ELASTICSEARCH_SSL_VERSION", kWarn, "", false},
    {"ELASTICSEARCH_SSL_SHOW_WARN", kWarn, "", false},
    {"ELASTICSEARCH_CHUNK_SIZE", kUse, "", false},
    {"ELASTICSEARCH_MAX_CHUNK_BYTES", kUse, "", false},
    {"ELASTICSEARCH_STREAMING_BULK", kWarn, "", false},
    {"ELASTICSEARCH_QUEUE_SIZE", kWarn, "", false},
    {"ELASTICSEARCH_POOL_MAXSIZE", kWarn, "", false},
    {"ELASTICSEARCH_THREAD_COUNT", kUse, "", false},
    {"ELASTICSEARCH_HTTP_COMPRESS", kUse, "", false},
    {"ELASTICSEARCH_MAX_RETRIES", kUse, "", false},
    {"ELASTICSEARCH_INITIAL_BACKOFF", kUse, "", false},
    {"ELASTICSEARCH_MAX_BACKOFF", kUse, "", false},
    {"ELASTICSEARCH_TIMEOUT", kUse, "", false},
    {"ELASTICSEARCH_RAISE_ON_ERROR", kWarn, "", false},
    {"ELASTICSEARCH_RAISE_ON_EXCEPTION", kWarn, "", false},
    {"ELASTICSEARCH_IGNORE_STATUS", kUse, "", false},
    {"REDIS_URL", kUse, "", false},
    {"REDIS_SCHEME", kUse, "", false},
    {"REDIS_HOST", kUse, "", false},
    {"REDIS_PORT", kUse, "", false},
    {"REDIS_DB", kUse, "", false},
    {"REDIS_USER", kUse, "", false},
    {"REDIS_AUTH", kUse, "", false},
    {"REDIS_SOCKET_TIMEOUT", kUse, "", false},
    {"REDIS_READ_CHUNK_SIZE", kWarn, "", true},
    {"REDIS_WRITE_CHUNK_SIZE", kWarn, "", true},
    {"REDIS_POLL_INTERVAL", kWarn, "", false},
    {"REDIS_RETRY_ON_TIMEOUT", kWarn, "", false},
    {"CONSOLE_LOGGING_HANDLER_MIN_LEVEL", kUse, "", false},
    {"GENERAL_LOGGING_LEVEL", kWarn, "", false},
    {"LOG_HANDLERS", kWarn, "", false},
    {"CUSTOM_LOGGING", kWarn, "", false},
});

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

bool IsName(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front()))) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '_' || std::isalnum(static_cast<unsigned char>(c));
  });
}

// The value after "NAME=": returns nothing when a quote is left open or followed by more than a
// comment.
std::optional<std::string> DotEnvValue(std::string_view text) {
  text = Trim(text);
  if (text.empty()) return "";
  const char quote = text.front();
  if (quote != '"' && quote != '\'') {
    const size_t comment = text.find(" #");
    return std::string(Trim(text.substr(0, comment)));
  }
  std::string value;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      const std::string_view rest = Trim(text.substr(i + 1));
      if (!rest.empty() && rest.front() != '#') return std::nullopt;
      return value;
    }
    if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) {
      const char escaped = text[++i];
      switch (escaped) {
        case 'n':
          value += '\n';
          break;
        case 't':
          value += '\t';
          break;
        case '"':
        case '\\':
        case '$':
          value += escaped;
          break;
        default:
          value.append({'\\', escaped});
      }
      continue;
    }
    value += text[i];
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> Environment::Get(const std::string& name) const {
  const auto it = variables_.find(name);
  if (it == variables_.end() || it->second.empty()) return std::nullopt;
  return it->second;
}

base::Result<std::map<std::string, std::string>> ParseDotEnv(std::string_view text) {
  std::map<std::string, std::string> variables;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = Trim(text.substr(0, end));
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with("export ")) line = Trim(line.substr(7));
    const size_t equals = line.find('=');
    const std::string_view name = Trim(line.substr(0, equals));
    std::optional<std::string> value;
    if (equals != std::string_view::npos && IsName(name)) {
      value = DotEnvValue(line.substr(equals + 1));
    }
    if (!value) {
      // The line itself may hold a secret.
      return base::Usage(
          fmt::format(".env line {}: expected NAME=value, a comment or nothing; a "
                      "quoted value ends with its quote on the same line",
                      number));
    }
    variables[std::string(name)] = std::move(*value);
  }
  return variables;
}

base::Result<Environment> ReadEnvironment() {
  std::map<std::string, std::string> variables;
  if (std::ifstream file(".env", std::ios::binary); file) {
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    auto parsed = ParseDotEnv(text);
    if (!parsed) return std::move(parsed).error();
    variables = std::move(*parsed);
    // Also for those who look for themselves: libpq (PGPASSFILE …) and $VAR in the schema file.
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 0);
  }
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  return Environment(std::move(variables));
}

std::span<const VariableRule> VariableRules() { return kRules; }

EnvironmentCheck CheckEnvironment(const Environment& environment) {
  EnvironmentCheck check;
  for (const VariableRule& rule : kRules) {
    if (rule.treatment == Treatment::kUse) continue;
    const std::string name(rule.name);
    const std::optional<std::string> value = environment.Get(name);
    if (!value) continue;
    if (name == "PG_DRIVER") {
      const std::string driver = Lower(*value);
      if (driver == "pymysql" || driver == "mysqldb" || driver == "mariadbconnector") {
        check.refused.push_back(
            "PG_DRIVER: MySQL and MariaDB are not supported, only PostgreSQL is");
        continue;
      }
    }
    if (rule.treatment == Treatment::kWarn) {
      check.ignored.push_back(name);
    } else {
      check.refused.push_back(fmt::format("{}: {}", name, rule.reason));
    }
  }
  return check;
}

base::Result<bool> ParseBool(const std::string& what, const std::string& text) {
  const std::string word = Lower(Trim(text));
  for (const char* yes : {"true", "t", "yes", "y", "on", "1"}) {
    if (word == yes) return true;
  }
  for (const char* no : {"false", "f", "no", "n", "off", "0"}) {
    if (word == no) return false;
  }
  return base::Usage(fmt::format("{}: \"{}\" is not a boolean; use true or false", what, text));
}

base::Result<int64_t> ParseInteger(const std::string& what, const std::string& text, int64_t least,
                                   int64_t most) {
  const std::string_view digits = Trim(text);
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failure != std::errc() || end != digits.data() + digits.size() || value < least ||
      value > most) {
    return base::Usage(fmt::format("{}: \"{}\" is not allowed; use a whole number from {} to {}",
                                   what, text, least, most));
  }
  return value;
}

base::Result<std::chrono::milliseconds> ParseSeconds(const std::string& what,
                                                     const std::string& text) {
  constexpr double kMost = 1e6;  // 11 days: beyond it somebody meant milliseconds
  const std::string_view digits = Trim(text);
  double value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failure != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value) ||
      value < 0.001 || value > kMost) {
    return base::Usage(
        fmt::format("{}: \"{}\" is not allowed; use seconds, from 0.001 to 1000000", what, text));
  }
  return std::chrono::milliseconds(std::llround(value * 1000));
}

base::Result<size_t> ParseWord(const std::string& what, const std::string& text,
                               const std::vector<std::string>& allowed) {
  const auto it = std::find(allowed.begin(), allowed.end(), text);
  if (it != allowed.end()) return static_cast<size_t>(it - allowed.begin());
  return base::Usage(fmt::format("{}: \"{}\" is not allowed; use {}{}", what, text,
                                 fmt::join(allowed, ", "), base::DidYouMean(text, allowed)));
}

}  // namespace app
