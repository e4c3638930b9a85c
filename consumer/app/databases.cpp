#include "consumer/app/databases.h"

#include <algorithm>
#include <deque>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/setup.h"
#include "consumer/app/typed_command.h"
#include "consumer/base/nearest.h"

namespace app {

using base::Status;

namespace {

// Lines of one pipeline among several.
class DatabaseLogger : public base::Logger {
 public:
  DatabaseLogger(base::Logger& log, std::string database)
      : log_(log), database_(std::move(database)) {}

  void Write(base::LogLevel level, std::string_view room, std::string_view text) override {
    log_.Write(level, room, fmt::format("[{}] {}", database_, text));
  }

 private:
  base::Logger& log_;
  const std::string database_;
};

// An error of one database among several says which, and what to type for that one.
Status Named(Status status, const Config& config, size_t databases) {
  if (status || databases == 1) return status;
  status.error().message = WithSchemaArguments(status.error().message, config);
  return std::move(status).error().While(fmt::format("database {}", config.database));
}

}  // namespace

base::Result<std::vector<Config>> ConfigsByDatabase(const Config& config) {
  auto file = ReadSchemaFile(config);
  if (!file) return std::move(file).error();
  if (!file->ok()) return std::vector{config};
  std::vector<std::string> databases = file->Databases();
  const bool several = databases.size() > 1;
  if (!config.database.empty()) {
    if (std::find(databases.begin(), databases.end(), config.database) == databases.end()) {
      return base::Usage(
          fmt::format("--database: {} has no document of database \"{}\"; it has: {}{}",
                      config.schema_path, config.database, fmt::join(databases, ", "),
                      base::DidYouMean(config.database, databases)));
    }
    databases = {config.database};
  }
  if (databases.size() > 1 && config.target.kind == TargetConfig::Kind::kNdjson) {
    return base::Usage(
        fmt::format("{} names {} databases, and an NDJSON file takes the documents of one; choose "
                    "it with --database, and give each its own --target ndjson:FILE",
                    config.schema_path, databases.size()));
  }
  std::vector<Config> configs;
  for (const std::string& database : databases) {
    Config& one = configs.emplace_back(config);
    one.database = database;
    one.several_databases = several;
    one.print_file_findings = configs.size() == 1;
  }
  return configs;
}

Status OneAfterAnother(const std::vector<Config>& configs,
                       const std::function<Status(const Config&)>& command) {
  Status first;
  for (const Config& config : configs) {
    Status status = Named(command(config), config, configs.size());
    if (first) first = std::move(status);
  }
  return first;
}

Status SideBySide(const std::vector<Config>& configs, base::StopSignal& stop, base::Logger& log,
                  base::Metrics& metrics, const RunBody& body) {
  if (configs.size() == 1) return body(configs.front(), stop, log, metrics);

  struct Member {
    Member(const Config& config, base::Logger& all_logs, base::Metrics& all_metrics)
        : log(all_logs, config.database), metrics(all_metrics, "database", config.database) {}
    base::StopSignal stop;
    DatabaseLogger log;
    base::Metrics metrics;
    Status status;
    std::thread thread;
  };
  std::deque<Member> members;
  for (const Config& config : configs) {
    stop.AddFollower(&members.emplace_back(config, log, metrics).stop);
  }
  for (size_t i = 0; i < configs.size(); ++i) {
    members[i].thread = std::thread([&, i] {
      Member& self = members[i];
      self.status = body(configs[i], self.stop, self.log, self.metrics);
      if (self.status) return;
      // Half a file served would look like all of it.
      for (Member& other : members) other.stop.Request();
    });
  }
  Status first;
  for (size_t i = 0; i < configs.size(); ++i) {
    Member& member = members[i];
    member.thread.join();
    stop.RemoveFollower(&member.stop);
    if (first) first = Named(std::move(member.status), configs[i], configs.size());
  }
  return first;
}

}  // namespace app
