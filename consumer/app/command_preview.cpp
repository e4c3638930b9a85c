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

}  // namespace

Status CommandPreview(const Config& config, base::Logger& log) {
  if (config.ids.empty()) {
    return base::Usage("preview needs --id ID: the _id of a document, as the index has it");
  }
  auto schema = LoadResolvedSchema(config);
  if (!schema) return schema.error();

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
      // A root touch has its values in the order of the entry point's columns, which is the order
      // of the id.
      Status built = builder.BuildTouched({{tree.number, 0, std::move(key)}}, {}, print);
      if (!built) return std::move(built).error().While(fmt::format("document \"{}\"", id));
    }
    if (found == before) {
      return base::Fatal(fmt::format("no document has the _id \"{}\": {} has no such row", id,
                                     schema::ToString(schema->trees.front().nodes[0].table)));
    }
  }
  return {};
}

}  // namespace app
