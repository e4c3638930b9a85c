#include "consumer/app/rewriter.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/document_id.h"
#include "consumer/base/nearest.h"

namespace app {
namespace {

// Half of the engines' memory of deletions, as for the daemon's builds (design D3).
constexpr std::chrono::seconds kStale{30};

assemble::BuilderSettings BuilderSettingsOf(const Config& config, const ResolvedSchema& schema) {
  assemble::BuilderSettings settings;
  settings.reader.postgres = config.postgres;
  settings.reader.database = schema.database;
  settings.reader.work_mem = config.work_mem;
  if (config.query_chunk_size > 0) settings.reader.most_rows = config.query_chunk_size;
  return settings;
}

}  // namespace

Rewriter::Rewriter(const Config& config, const ResolvedSchema& schema, pg::Connection connection,
                   std::unique_ptr<sink::Target> target, base::Logger& log)
    : schema_(schema),
      log_(log),
      connection_(std::move(connection)),
      target_(std::move(target)),
      builder_(BuilderSettingsOf(config, schema), schema.trees, stop_, log, metrics_),
      writer_(target_->NewWriter()) {}

base::Result<std::unique_ptr<Rewriter>> Rewriter::Open(const Config& config,
                                                       const ResolvedSchema& schema,
                                                       base::Logger& log) {
  auto connection = pg::Connection::Open(config.postgres, schema.database);
  if (!connection) return std::move(connection).error();
  auto target = MakeTarget(config, schema.trees, log);
  if (auto probed = target->Probe(); !probed) return std::move(probed).error();
  for (const schema::DocumentTree& tree : schema.trees) {
    auto state = target->ReadState(tree);
    if (!state) return std::move(state).error();
    if (!*state) {
      return base::Refused(
          fmt::format("{} has no index \"{}\"; pgsync-consumer run SCHEMA makes and loads it",
                      target->Describe(), tree.index));
    }
    if ((*state)->fingerprint != tree.fingerprint) {
      return base::Refused(fmt::format(
          "index \"{}\" was made from another schema file or other tables; pgsync-consumer run "
          "SCHEMA brings it up to this one",
          tree.index));
    }
  }
  // What somebody wrote into the index by hand has a version above that of our last build. Only a
  // transaction that comes later makes builds with a higher one.
  if (config.command != Command::kVerify || config.repair) {
    if (auto used = connection->Query("SELECT pg_current_xact_id()"); !used) return used.error();
  }
  return std::unique_ptr<Rewriter>(
      new Rewriter(config, schema, std::move(*connection), std::move(target), log));
}

base::Result<Rewriter::Outcome> Rewriter::Write(const schema::DocumentTree& tree,
                                                const std::vector<std::string>& key) {
  Outcome outcome = Outcome::kDeleted;
  auto touched = builder_.Resolve({RootTouch(tree, key)}, {});
  if (!touched) return std::move(touched).error();
  const auto emit = [&](assemble::Built built) -> base::Status {
    for (const model::BulkItem& item : built.request.items) {
      if (item.kind == model::BulkItem::Kind::kIndex) outcome = Outcome::kWritten;
    }
    std::vector<model::BulkItem> items = built.request.items;
    auto delivered = sink::Deliver(*target_, *writer_, schema_.trees, std::move(built.request), {},
                                   built.read_at + kStale, stop_, log_, metrics_);
    if (!delivered) return delivered.error();
    if (delivered->rejected > 0) outcome = Outcome::kRejected;
    std::erase_if(items, [](const model::BulkItem& item) { return !item.any_routing; });
    return items.empty() ? base::Status() : target_->RemoveOtherCopies(tree, items);
  };
  base::Status built;
  do {  // too old to be written: built anew
    built = builder_.Build(&*touched, {}, emit);
  } while (!built && built.error().kind == base::ErrorKind::kRetry && touched->Left() > 0);
  if (!built) return std::move(built).error();
  return outcome;
}

base::Result<std::vector<const schema::DocumentTree*>> ChosenTrees(const Config& config,
                                                                   const ResolvedSchema& schema) {
  std::vector<const schema::DocumentTree*> chosen;
  std::vector<std::string> names;
  for (const schema::DocumentTree& tree : schema.trees) {
    names.push_back(tree.index);
    if (config.index.empty() || config.index == tree.index) chosen.push_back(&tree);
  }
  if (!chosen.empty()) return chosen;
  return base::Usage(fmt::format("--index: the schema file has no index \"{}\"; it has: {}{}",
                                 config.index, fmt::join(names, ", "),
                                 base::DidYouMean(config.index, names)));
}

}  // namespace app
