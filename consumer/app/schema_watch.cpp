#include "consumer/app/schema_watch.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace app {
namespace {

constexpr std::chrono::milliseconds kInterval{2000};

std::vector<schema::TableName> NamesOf(const TableShapes& shapes) {
  std::vector<schema::TableName> names;
  for (const auto& [name, shape] : shapes) names.push_back(name);
  return names;
}

}  // namespace

SchemaWatch::SchemaWatch(pg::Target postgres, const ResolvedSchema& schema, base::StopSignal& stop,
                         base::Logger& log)
    : postgres_(std::move(postgres)), schema_(schema), stop_(stop), log_(log), thread_([this] {
        Run();
      }) {}

SchemaWatch::~SchemaWatch() {
  done_.Request();
  thread_.join();
}

// That the server cannot be asked is others' business; here it is asked again.
void SchemaWatch::Run() {
  const std::vector<schema::TableName> tables = NamesOf(schema_.shapes);
  const std::vector<std::string> known = ShapesOf(schema_.trees, schema_.shapes);
  TableShapes last = schema_.shapes;
  std::optional<pg::Connection> connection;
  while (!done_.WaitFor(kInterval)) {
    if (!connection) {
      auto opened = pg::Connection::Open(postgres_, schema_.database);
      if (!opened) continue;
      connection = std::move(*opened);
    }
    auto shapes = ReadShapes(*connection, tables);
    if (!shapes) {
      connection.reset();
      continue;
    }
    if (*shapes == last) continue;
    if (ShapesOf(schema_.trees, *shapes) != known) {
      log_.Info("run", "the tables changed in a way that may change documents");
      changed_.store(true);
      stop_.Request();
      return;
    }
    last = std::move(*shapes);
  }
}

}  // namespace app
