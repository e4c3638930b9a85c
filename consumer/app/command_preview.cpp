// `preview --id ID`: builds documents as the daemon would, and prints them instead of writing them.
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/setup.h"
#include "consumer/assemble/builder.h"

namespace app {
namespace {

using base::Status;

// The parts of an id as JoinId made it. Only for what a person typed: the daemon never takes an id
// apart.
std::vector<std::string> SplitId(const std::string& id, size_t parts) {
  if (parts == 1) return {id};
  std::vector<std::string> split(1);
  for (size_t i = 0; i < id.size(); ++i) {
    if (id[i] == '\\' && i + 1 < id.size()) {
      split.back().push_back(id[++i]);
    } else if (id[i] == '|') {
      split.emplace_back();
    } else {
      split.back().push_back(id[i]);
    }
  }
  return split;
}

// Can the parts be values of the document's key? "abc" is no integer, and so nobody's id. Asked of
// the server, which alone knows what its types read.
base::Result<bool> CanBeKey(pg::Connection& connection, const schema::DocumentTree& tree,
                            const std::vector<std::string>& key) {
  std::string casts;
  for (size_t i = 0; i < key.size(); ++i) {
    casts += fmt::format("{}${}::{}", i == 0 ? "" : ", ", i + 1, tree.id_types[i]);
  }
  const std::vector<pg::Param> parameters(key.begin(), key.end());
  auto rows = connection.Query("SELECT " + casts, parameters);
  if (rows) return true;
  if (connection.SqlState().starts_with("22")) return false;  // data exception
  return std::move(rows).error();
}

// Why no document has the id, for every kind of document in the file.
std::string NoSuchRow(const schema::DocumentTree& tree) {
  std::string key;
  for (size_t i = 0; i < tree.id_columns.size(); ++i) {
    key += fmt::format("{}{} {}", i == 0 ? "" : ", ", tree.id_columns[i], tree.id_types[i]);
  }
  return fmt::format("{} has no such row; its key is ({})", schema::ToString(tree.nodes[0].table),
                     key);
}

}  // namespace

Status CommandPreview(const Config& config, base::Logger& log) {
  if (config.ids.empty()) {
    return base::Usage("preview needs --id ID: the _id of a document, as the index has it");
  }
  auto schema = LoadResolvedSchema(config);
  if (!schema) return schema.error();

  auto connection = pg::Connection::Open(config.postgres, schema->database);
  if (!connection) return std::move(connection).error();
  base::StopSignal stop;
  base::Metrics metrics;
  assemble::BuilderSettings settings;
  settings.postgres = config.postgres;
  settings.database = schema->database;
  assemble::Builder builder(std::move(settings), schema->trees, stop, log, metrics);

  size_t found = 0;
  const auto print = [&](assemble::Built built) -> Status {
    for (const model::BulkItem& item : built.request.items) {
      if (item.kind != model::BulkItem::Kind::kIndex) continue;
      ++found;
      const std::string_view document = built.request.Document(item);
      std::printf("%.*s\n", static_cast<int>(document.size()), document.data());
    }
    return {};
  };
  for (const std::string& id : config.ids) {
    const size_t before = found;
    for (const schema::DocumentTree& tree : schema->trees) {
      std::vector<std::string> key = SplitId(id, tree.id_columns.size());
      if (key.size() != tree.id_columns.size()) continue;
      auto possible = CanBeKey(*connection, tree, key);
      if (!possible) return std::move(possible).error().While(fmt::format("document \"{}\"", id));
      if (!*possible) continue;
      // A root touch has its values in the order of the entry point's columns, which is the order
      // of the id.
      Status built = builder.BuildTouched({{tree.number, 0, std::move(key)}}, {}, print);
      if (!built) return std::move(built).error().While(fmt::format("document \"{}\"", id));
    }
    if (found == before) {
      std::string reasons;
      for (const schema::DocumentTree& tree : schema->trees) {
        reasons += (reasons.empty() ? "" : "; ") + NoSuchRow(tree);
      }
      return base::Fatal(fmt::format("no document has the _id \"{}\": {}", id, reasons));
    }
  }
  return {};
}

}  // namespace app
