#include "consumer/app/setup.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "consumer/source/catalog_reader.h"

namespace app {

using base::Result;

constexpr int kTriesToResolve = 10;

base::Status FetchSchema(Config* config) {
  if (!config->schema_download) return {};
  auto text = sink::Download(*config->schema_download);
  if (!text) {
    return std::move(text).error().While(
        fmt::format("cannot read the schema file {}", config->schema_path));
  }
  config->schema_text = std::move(*text);
  return {};
}

Result<std::string> SchemaText(const Config& config) {
  if (config.schema_text) return *config.schema_text;
  const std::string& path = config.schema_path;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (!file || file.bad()) {
    return base::Usage(
        fmt::format("cannot read the schema file \"{}\": {}", path, std::strerror(errno)));
  }
  return text;
}

Result<schema::SchemaFile> ReadSchemaFile(const Config& config) {
  const std::string& path = config.schema_path;
  auto text = SchemaText(config);
  if (!text) return std::move(text).error();
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  const size_t slash = path.rfind('/');
  return schema::Parse(*text, slash == std::string::npos ? path : path.substr(slash + 1),
                       environment,
                       {.skip_plugins = config.skip_plugins, .offline = config.offline});
}

std::string DatabaseOf(const Config& config, const schema::SchemaFile& file) {
  return config.database.empty() ? file.Databases().front() : config.database;
}

Result<pg::Connection> Connect(const Config& config, const schema::SchemaFile& file,
                               bool replication) {
  auto connection = pg::Connection::Open(config.postgres, DatabaseOf(config, file), replication);
  if (!connection && connection.error().kind == base::ErrorKind::kReconnect) {
    // At start waiting helps nobody; while running it does, and there the kind stays.
    return base::Refused(connection.error().message +
                         "; is it running there? (PG_HOST and PG_PORT, or PG_URL)");
  }
  return connection;
}

Result<ResolvedSchema> ResolveSchema(const Config& config, const schema::SchemaFile& file,
                                     pg::Connection& connection) {
  ResolvedSchema resolved;
  resolved.database = DatabaseOf(config, file);
  resolved.slot = SlotName(config, resolved.database, file.FirstIndex(resolved.database),
                           config.several_databases);
  const auto tables = file.TablesNamed(resolved.database);
  // Before the catalog: of what changes between the two, the shapes are the older ones, and the
  // change is noticed later.
  auto shapes = ReadShapes(connection, tables);
  if (!shapes) return std::move(shapes).error();
  resolved.shapes = std::move(*shapes);
  auto catalog = source::ReadCatalog(connection, tables, file.Expressions(resolved.database));
  if (!catalog) return std::move(catalog).error().While("reading the catalog");
  resolved.catalog = std::move(*catalog);
  schema::Resolved made = schema::Resolve(file, resolved.database, resolved.catalog);
  resolved.trees = std::move(made.trees);
  resolved.findings = std::move(made.findings);
  for (size_t i = 0; i < resolved.trees.size(); ++i) {
    resolved.trees[i].number = static_cast<uint32_t>(i);
  }
  return resolved;
}

Result<ResolvedSchema> ResolveEntry(const Config& config, const std::string& entry,
                                    pg::Connection& connection) {
  const auto no_environment = [](const std::string&) { return std::optional<std::string>(); };
  const schema::SchemaFile file = schema::Parse("[" + entry + "]", "entry", no_environment,
                                                {.skip_plugins = config.skip_plugins});
  if (!file.ok()) {
    ResolvedSchema faulty;
    faulty.findings = file.findings();
    return faulty;
  }
  return ResolveSchema(config, file, connection);
}

Result<ResolvedSchema> LoadResolvedSchema(const Config& config) {
  const auto faulty = [&](const std::vector<schema::Finding>& findings) {
    size_t errors = 0;
    for (const schema::Finding& finding : findings) {
      errors += finding.level == schema::Finding::Level::kError;
    }
    return base::Usage(fmt::format("{}: {} error{}; nothing was started", config.schema_path,
                                   errors, errors == 1 ? "" : "s"));
  };
  auto file = ReadSchemaFile(config);
  if (!file) return file.error();
  if (config.print_file_findings) PrintFindings(file->findings());
  if (!file->ok()) return faulty(file->findings());
  const auto resolve = [&]() -> Result<ResolvedSchema> {
    auto connection = Connect(config, *file);
    if (!connection) return connection.error();
    return ResolveSchema(config, *file, *connection);
  };
  auto resolved = resolve();
  // Asking about expressions locks several tables, as does TRUNCATE: one of the two is chosen when
  // they wait for each other.
  for (int tries = 1; tries < kTriesToResolve && !resolved; ++tries) {
    if (resolved.error().kind != base::ErrorKind::kRetry) break;
    resolved = resolve();
  }
  if (!resolved) return resolved.error();
  PrintFindings(resolved->findings);
  if (schema::HasErrors(resolved->findings)) return faulty(resolved->findings);
  return resolved;
}

void PrintFindings(const std::vector<schema::Finding>& findings) {
  for (const schema::Finding& finding : findings) {
    std::fprintf(stderr, "%s\n", schema::ToString(finding).c_str());
  }
}

std::unique_ptr<sink::Target> MakeTarget(const Config& config,
                                         const std::vector<schema::DocumentTree>& trees,
                                         base::Logger& log) {
  switch (config.target.kind) {
    case TargetConfig::Kind::kHttp:
      return sink::MakeHttpTarget(config.target.http, trees, log);
    case TargetConfig::Kind::kSqlite:
      return sink::MakeSqliteTarget(config.target.file, trees);
    case TargetConfig::Kind::kNdjson:
      return sink::MakeNdjsonTarget(config.target.file, trees);
    case TargetConfig::Kind::kNull:
      return sink::MakeNullTarget(config.target.file);
  }
  std::abort();  // a kind that the enum does not have
}

std::unique_ptr<queue::Queue> MakeQueue(const Config& config, const std::string& system_identifier,
                                        const std::string& slot) {
  auto made = config.queue.in_memory ? queue::MakeMemoryQueue(queue::Limits{})
                                     : queue::MakeRedisQueue(config.queue.redis, system_identifier,
                                                             slot, queue::Limits{});
  const uint32_t shuffle = config.developer.shuffle;
  return shuffle == 0 ? std::move(made) : queue::MakeShuffledQueue(std::move(made), shuffle);
}

}  // namespace app
