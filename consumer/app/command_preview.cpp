// `preview`: builds documents as the daemon would, by id or the first N of every index, and prints
// them instead of writing them.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/document_id.h"
#include "consumer/app/setup.h"
#include "consumer/assemble/builder.h"
#include "consumer/assemble/load_plan.h"

namespace app {
namespace {

using base::Status;

constexpr uint32_t kFewestRows = 100;

// Why no document has the id, for every kind of document in the file.
std::string NoSuchRow(const schema::DocumentTree& tree) {
  std::string key;
  for (size_t i = 0; i < tree.id_columns.size(); ++i) {
    key += fmt::format("{}{} {}", i == 0 ? "" : ", ", tree.id_columns[i], tree.id_types[i]);
  }
  return fmt::format("{} has no such row; its key is ({})", schema::ToString(tree.nodes[0].table),
                     key);
}

// Prints documents up to `most`, and counts them.
class Printer {
 public:
  explicit Printer(size_t most) : most_(most) {}

  Status Print(const assemble::Built& built) {
    for (const model::Unmade& unmade : built.request.unmade) {
      std::fprintf(stderr, "document \"%s\" cannot be made: %s\n", unmade.id.c_str(),
                   unmade.reason.c_str());
    }
    for (const model::BulkItem& item : built.request.items) {
      if (item.kind != model::BulkItem::Kind::kIndex || printed_ == most_) continue;
      ++printed_;
      const std::string_view document = built.request.Document(item);
      std::printf("%.*s\n", static_cast<int>(document.size()), document.data());
    }
    return {};
  }
  size_t printed() const { return printed_; }
  bool Full() const { return printed_ == most_; }

 private:
  const size_t most_;
  size_t printed_ = 0;
};

// In order of the key, a few at a time: rows that `where` leaves out give no document.
Status PrintFirst(pg::Connection& connection, assemble::Builder& builder,
                  const schema::DocumentTree& tree, uint32_t first) {
  Printer printer(first);
  std::vector<std::string> after;
  do {
    auto range = assemble::NextRange(connection, tree, std::max(first, kFewestRows), after);
    if (!range) return std::move(range).error();
    after = range->through_key;
    auto built = builder.BuildRange(
        &*range, {}, [&](assemble::Built documents) { return printer.Print(documents); });
    if (!built) return built;
  } while (!printer.Full() && !after.empty());
  if (printer.printed() == 0) {
    fmt::print(stderr, "index {}: {} has no rows{}\n", tree.index,
               schema::ToString(tree.nodes[0].table),
               tree.nodes[0].filter.empty() ? "" : " that its filter admits");
  }
  return {};
}

Status PrintById(pg::Connection& connection, assemble::Builder& builder,
                 const std::vector<schema::DocumentTree>& trees, const std::string& id) {
  Printer printer(SIZE_MAX);
  std::string reasons;
  for (const schema::DocumentTree& tree : trees) {
    reasons += (reasons.empty() ? "" : "; ") + NoSuchRow(tree);
    auto key = KeyOf(connection, tree, id);
    if (!key) return std::move(key).error();
    if (key->empty()) continue;
    auto touched = builder.Resolve({RootTouch(tree, *key)}, {});
    if (!touched) return touched.error();
    Status built = builder.Build(
        &*touched, {}, [&](assemble::Built documents) { return printer.Print(documents); });
    if (!built) return built;
  }
  if (printer.printed() > 0) return {};
  return base::Fatal(fmt::format("no document has the _id \"{}\": {}", id, reasons));
}

}  // namespace

Status CommandPreview(const Config& config, base::Logger& log) {
  auto schema = LoadResolvedSchema(config);
  if (!schema) return schema.error();
  auto connection = pg::Connection::Open(config.postgres, schema->database);
  if (!connection) return std::move(connection).error();
  base::StopSignal stop;
  base::Metrics metrics;
  assemble::BuilderSettings settings;
  settings.reader.postgres = config.postgres;
  settings.reader.database = schema->database;
  if (config.query_chunk_size > 0) settings.reader.most_rows = config.query_chunk_size;
  assemble::Builder builder(std::move(settings), schema->trees, stop, log, metrics);

  for (const std::string& id : config.ids) {
    Status printed = PrintById(*connection, builder, schema->trees, id);
    if (!printed) {
      return std::move(printed).error().While(fmt::format("document \"{}\"", id));
    }
  }
  for (const schema::DocumentTree& tree : schema->trees) {
    if (config.first == 0) break;
    if (auto printed = PrintFirst(*connection, builder, tree, config.first); !printed) {
      return printed;
    }
  }
  return {};
}

}  // namespace app
