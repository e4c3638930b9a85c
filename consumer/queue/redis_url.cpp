// Redis addresses as users of redis-py and redis-cli write them:
//   redis://[user[:password]@]host[:port][/database]      rediss:// the same over TLS
//   unix://[user[:password]@]/path[?db=database]
// After "?", joined by "&": db=number and, with rediss, ssl_ca_certs=FILE, ssl_certfile=FILE,
// ssl_keyfile=FILE, ssl_cert_reqs=required|none, ssl_check_hostname=true|false.
// User, password and file names may be %-encoded. No error repeats the address: it may hold a
// password.
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "consumer/queue/queue.h"

namespace queue {
namespace {

constexpr std::string_view kForms =
    "; expected redis[s]://[user[:password]@]host[:port][/database] or "
    "unix:///path[?db=database]";

base::Error Wrong(std::string_view what) {
  return base::Usage(fmt::format("Redis address: {}{}", what, kForms));
}

std::optional<int> ParseNumber(std::string_view text, int least, int most) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  if (number < least || number > most) return {};
  return number;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return {};
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (error != std::errc() || end != text.data() + i + 3) return {};
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  return out;
}

// Takes "user:password@" off the front of `rest`.
bool TakeLogin(std::string_view* rest, RedisConfig* config) {
  // The last @ before the path: passwords with an unencoded @ are common.
  const size_t path = rest->find('/');
  const size_t at = rest->substr(0, path).rfind('@');
  if (at == std::string_view::npos) return true;
  const std::string_view login = rest->substr(0, at);
  rest->remove_prefix(at + 1);
  const size_t colon = login.find(':');
  const auto user = PercentDecode(login.substr(0, colon));
  const auto password =
      PercentDecode(colon == std::string_view::npos ? std::string_view() : login.substr(colon + 1));
  if (!user || !password) return false;
  config->user = *user;
  config->password = *password;
  return true;
}

bool TakeOption(std::string_view name, const std::string& value, RedisConfig* config) {
  if (name == "db") {
    const auto database = ParseNumber(value, 0, 1 << 20);
    if (database) config->database = *database;
    return database.has_value();
  }
  if (!config->tls || value.empty()) return false;
  if (name == "ssl_ca_certs")
    config->ca_file = value;
  else if (name == "ssl_certfile")
    config->client_certificate = value;
  else if (name == "ssl_keyfile")
    config->client_key = value;
  else if (name == "ssl_cert_reqs" && (value == "required" || value == "none"))
    config->verify_certificate = value == "required";
  else if (name == "ssl_check_hostname" && (value == "true" || value == "false"))
    config->any_host = value == "false";
  else
    return false;
  return true;
}

// Takes "?name=value&…" off the end.
bool TakeQuery(std::string_view* rest, RedisConfig* config) {
  const size_t mark = rest->find('?');
  if (mark == std::string_view::npos) return true;
  std::string_view query = rest->substr(mark + 1);
  *rest = rest->substr(0, mark);
  for (bool more = true; more;) {
    const size_t end = query.find('&');
    const std::string_view option = query.substr(0, end);
    const size_t equals = option.find('=');
    if (equals == std::string_view::npos) return false;
    const auto value = PercentDecode(option.substr(equals + 1));
    if (!value || !TakeOption(option.substr(0, equals), *value, config)) return false;
    more = end != std::string_view::npos;
    if (more) query.remove_prefix(end + 1);
  }
  return true;
}

base::Status ParseHost(std::string_view rest, RedisConfig* config) {
  const size_t slash = rest.find('/');
  const std::string_view path =
      slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  rest = rest.substr(0, slash);
  if (!path.empty()) {
    const auto database = ParseNumber(path, 0, 1 << 20);
    if (!database) return Wrong("the database after the slash is not a number");
    config->database = *database;
  }
  size_t colon = rest.rfind(':');
  if (rest.starts_with('[')) {  // IPv6
    const size_t close = rest.find(']');
    if (close == std::string_view::npos) return Wrong("\"[\" without \"]\"");
    config->host = rest.substr(1, close - 1);
    if (close + 1 < rest.size() && rest[close + 1] != ':') return Wrong("text after \"]\"");
    colon = close + 1 < rest.size() ? close + 1 : std::string_view::npos;
  } else {
    config->host = rest.substr(0, colon);
  }
  if (config->host.empty()) return Wrong("no host");
  if (colon != std::string_view::npos) {
    const auto port = ParseNumber(rest.substr(colon + 1), 1, 65535);
    if (!port) return Wrong("the port is not a number from 1 to 65535");
    config->port = *port;
  }
  return {};
}

}  // namespace

base::Result<RedisConfig> ParseRedisUrl(const std::string& url) {
  RedisConfig config;
  const size_t scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return Wrong("no \"://\" in it");
  const std::string scheme = url.substr(0, scheme_end);
  std::string_view rest = std::string_view(url).substr(scheme_end + 3);
  if (scheme != "redis" && scheme != "rediss" && scheme != "unix") {
    return Wrong("the scheme is none of redis, rediss, unix");
  }
  config.tls = scheme == "rediss";
  if (!TakeQuery(&rest, &config)) {
    return Wrong(
        "after \"?\" only db=<number> is known and, with rediss://, ssl_ca_certs=<file>, "
        "ssl_certfile=<file>, ssl_keyfile=<file>, ssl_cert_reqs=required|none and "
        "ssl_check_hostname=true|false");
  }
  if (!TakeLogin(&rest, &config)) return Wrong("a broken %-code in user or password");
  if (scheme == "unix") {
    if (!rest.starts_with('/') || rest.size() < 2) return Wrong("no path of a socket");
    config.unix_socket = rest;
    return config;
  }
  if (base::Status host = ParseHost(rest, &config); !host.ok()) return std::move(host).error();
  return config;
}

std::string ToDisplay(const RedisConfig& config) {
  const std::string user = config.user.empty() ? "" : config.user + "@";
  if (!config.unix_socket.empty()) {
    return fmt::format("unix://{}{}{}", user, config.unix_socket,
                       config.database == 0 ? "" : fmt::format("?db={}", config.database));
  }
  const bool is_ipv6 = config.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}{}:{}/{}", config.tls ? "rediss" : "redis", user,
                     is_ipv6 ? "[" : "", config.host, is_ipv6 ? "]" : "", config.port,
                     config.database);
}

}  // namespace queue
