// `verify`: are the documents in the target those that the tables give? Builds all of them anew, a
// range of the root's key at a time, and compares; then asks the target for ids that the tables do
// not have. A daemon may be behind, and people go on writing: what differs is looked at again when
// the daemon has come past the position of the first look.
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/document_id.h"
#include "consumer/app/rewriter.h"
#include "consumer/assemble/load_plan.h"
#include "consumer/source/slot.h"

namespace app {
namespace {

using base::Result;
using base::Status;
using Json = nlohmann::json;

constexpr uint32_t kRowsPerRange = 2000;
constexpr size_t kMostDoubts = 100'000;  // beyond that a new load is the better remedy
constexpr int kLooks = 3;
constexpr std::chrono::seconds kPatience{60};  // for the daemon to come past a position

enum class Fault : uint8_t { kMissing, kDiffers, kExtra };

// What is wrong with a document, as of the last look.
struct Doubt {
  Fault fault = Fault::kMissing;
  std::string where;  // kDiffers: the first path that does
  sink::StoredDocument stored;
};

uint64_t Hash(std::string_view text) { return std::hash<std::string_view>()(text); }

// The first path at which two documents differ, or "".
std::string FirstDifference(const Json& wanted, const Json& found, const std::string& path) {
  if (wanted.is_object() && found.is_object()) {
    for (const auto& [key, value] : wanted.items()) {
      const auto other = found.find(key);
      if (other == found.end()) return path + "." + key;
      std::string below = FirstDifference(value, *other, path + "." + key);
      if (!below.empty()) return below;
    }
    for (const auto& [key, value] : found.items()) {
      if (!wanted.contains(key)) return path + "." + key;
    }
    return "";
  }
  if (wanted.is_array() && found.is_array() && wanted.size() == found.size()) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      std::string below = FirstDifference(wanted[i], found[i], fmt::format("{}[{}]", path, i));
      if (!below.empty()) return below;
    }
    return "";
  }
  return wanted == found ? "" : path.empty() ? "." : path;
}

class Verifier {
 public:
  Verifier(Rewriter& rewriter, sink::Reader& reader, const schema::DocumentTree& tree)
      : rewriter_(rewriter), reader_(reader), tree_(tree) {}

  Status Look() {
    if (auto done = CompareTables(); !done) return done;
    std::sort(known_.begin(), known_.end());
    rows_ = known_.size();
    return reader_.Ids([&](sink::StoredDocument stored) {
      ++stored_;
      if (std::binary_search(known_.begin(), known_.end(), Hash(stored.id))) return Status();
      const std::string id = stored.id;
      return Add(id, {Fault::kExtra, "", std::move(stored)});
    });
  }

  // Looks at the doubts alone.
  Status LookAgain() {
    std::map<std::string, Doubt> before = std::exchange(doubts_, {});
    for (auto& [id, doubt] : before) {
      if (auto done = CompareOne(id); !done) return done;
    }
    return {};
  }

  const std::map<std::string, Doubt>& doubts() const { return doubts_; }
  size_t rows() const { return rows_; }
  size_t stored() const { return stored_; }

 private:
  Status Add(const std::string& id, Doubt doubt) {
    doubts_[id] = std::move(doubt);
    if (doubts_.size() <= kMostDoubts) return {};
    return base::Fatal(fmt::format(
        "index {}: more than {} documents differ; load it anew: pgsync-consumer teardown SCHEMA, "
        "then pgsync-consumer bootstrap --apply SCHEMA",
        tree_.index, kMostDoubts));
  }

  Status CompareTables() {
    std::vector<std::string> after;
    do {
      auto range = assemble::NextRange(rewriter_.connection(), tree_, kRowsPerRange, after);
      if (!range) return std::move(range).error();
      after = range->through_key;
      auto built = rewriter_.builder().BuildRange(
          &*range, {}, [&](assemble::Built documents) { return Compare(documents.request); });
      if (!built) return built;
    } while (!after.empty());
    return {};
  }

  // What was built against what is stored of it.
  Status Compare(const model::BulkRequest& request) {
    std::vector<std::string> ids;
    std::unordered_map<std::string, const model::BulkItem*> wanted;
    for (const model::BulkItem& item : request.items) {
      if (item.kind != model::BulkItem::Kind::kIndex) continue;
      ids.push_back(item.id);
      wanted[item.id] = &item;
      known_.push_back(Hash(item.id));
    }
    for (const model::Unmade& unmade : request.unmade) known_.push_back(Hash(unmade.id));
    auto read = reader_.Documents(ids, [&](sink::StoredDocument stored) -> Status {
      const auto found = wanted.find(stored.id);
      if (found == wanted.end() || found->second == nullptr) return {};
      const model::BulkItem& item = *found->second;
      if (stored.routing != item.routing) return {};  // a copy that has to go: an extra
      const Json built = Json::parse(request.Document(item), nullptr, false);
      const Json kept = Json::parse(stored.body, nullptr, false);
      found->second = nullptr;
      std::string where = FirstDifference(built, kept, "");
      return where.empty() ? Status()
                           : Add(item.id, {Fault::kDiffers, std::move(where), std::move(stored)});
    });
    if (!read) return read;
    for (const auto& [id, item] : wanted) {
      if (item == nullptr) continue;
      if (auto added = Add(id, {Fault::kMissing, "", {}}); !added) return added;
    }
    return {};
  }

  Status CompareOne(const std::string& id) {
    auto key = KeyOf(rewriter_.connection(), tree_, id);
    if (!key) return std::move(key).error();
    bool made = false;
    if (!key->empty()) {
      auto touched = rewriter_.builder().Resolve({RootTouch(tree_, *key)}, {});
      if (!touched) return std::move(touched).error();
      auto built = rewriter_.builder().Build(&*touched, {}, [&](assemble::Built documents) {
        for (const model::BulkItem& item : documents.request.items) {
          made |= item.kind == model::BulkItem::Kind::kIndex;
        }
        made |= !documents.request.unmade.empty();
        return Compare(documents.request);
      });
      if (!built) return built;
    }
    if (made) return {};
    return reader_.Documents({id}, [&](sink::StoredDocument stored) {
      return Add(id, {Fault::kExtra, "", std::move(stored)});
    });
  }

  Rewriter& rewriter_;
  sink::Reader& reader_;
  const schema::DocumentTree& tree_;
  std::vector<uint64_t> known_;  // hashes of the ids that the tables give
  size_t rows_ = 0, stored_ = 0;
  std::map<std::string, Doubt> doubts_;  // by id
};

// Returns when the daemon, if one runs, has recorded everything up to now; or when patience ends.
Status WaitForDaemon(const ResolvedSchema& schema, Rewriter& rewriter,
                     const schema::DocumentTree& tree) {
  auto slot = source::InspectSlot(rewriter.connection(), schema.slot);
  if (!slot) return std::move(slot).error();
  if (!*slot || !(*slot)->active) return {};
  auto row = rewriter.connection().Query("SELECT pg_current_wal_flush_lsn()");
  if (!row) return std::move(row).error();
  const auto now = base::ParseLsn(row->Cell(0, 0));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (now && std::chrono::steady_clock::now() < deadline) {
    auto state = rewriter.target().ReadState(tree);
    if (!state) return std::move(state).error();
    if (*state && (*state)->applied >= *now) break;
    // Nobody tells us: another process writes the state.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return {};
}

Status Repair(Rewriter& rewriter, sink::Reader& reader, const schema::DocumentTree& tree,
              const std::string& id, const Doubt& doubt) {
  auto key = KeyOf(rewriter.connection(), tree, id);
  if (!key) return std::move(key).error();
  if (doubt.fault == Fault::kExtra) {
    // Also where no row can have the id, or under a routing that no build would find.
    auto version = rewriter.VersionNow();
    if (!version) return std::move(version).error();
    if (auto removed = reader.Remove(doubt.stored, tree.versioned ? *version : 0); !removed) {
      return removed;
    }
  }
  if (key->empty()) return {};
  auto outcome = rewriter.Write(tree, *key);
  return outcome ? Status() : Status(std::move(outcome).error());
}

std::string Describe(const Doubt& doubt) {
  switch (doubt.fault) {
    case Fault::kMissing:
      return "missing in the index";
    case Fault::kExtra:
      return "not in the tables";
    case Fault::kDiffers:
      return "differs at " + doubt.where;
  }
  return "";
}

// Returns how many documents are still wrong.
Result<size_t> VerifyOne(const Config& config, const ResolvedSchema& schema, Rewriter& rewriter,
                         const schema::DocumentTree& tree) {
  auto reader = rewriter.target().NewReader(tree);
  if (!reader) return std::move(reader).error();
  if (!*reader) {
    return base::Refused(fmt::format("{} cannot be read back, so there is nothing to compare with",
                                     rewriter.target().Describe()));
  }
  Verifier verifier(rewriter, **reader, tree);
  if (auto looked = verifier.Look(); !looked) return looked.error();
  const auto again = [&]() -> Status {
    for (int look = 1; look < kLooks && !verifier.doubts().empty(); ++look) {
      if (auto waited = WaitForDaemon(schema, rewriter, tree); !waited) return waited;
      if (auto looked = verifier.LookAgain(); !looked) return looked;
    }
    return {};
  };
  if (auto looked = again(); !looked) return looked.error();
  fmt::print("{}: {} documents from the tables, {} in the index, {} wrong\n", tree.index,
             verifier.rows(), verifier.stored(), verifier.doubts().size());
  for (const auto& [id, doubt] : verifier.doubts()) {
    fmt::print("  {}: {}\n", id, Describe(doubt));
  }
  if (!config.repair || verifier.doubts().empty()) return verifier.doubts().size();

  for (const auto& [id, doubt] : verifier.doubts()) {
    if (auto done = Repair(rewriter, **reader, tree, id, doubt); !done) {
      return std::move(done).error().While(fmt::format("repairing \"{}\"", id));
    }
  }
  const size_t wrong = verifier.doubts().size();
  if (auto looked = verifier.LookAgain(); !looked) return looked.error();
  if (auto looked = again(); !looked) return looked.error();
  fmt::print("{}: {} repaired\n", tree.index, wrong - std::min(wrong, verifier.doubts().size()));
  return verifier.doubts().size();
}

}  // namespace

Status CommandVerify(const Config& config, base::Logger& log) {
  auto schema = LoadResolvedSchema(config);
  if (!schema) return schema.error();
  auto trees = ChosenTrees(config, *schema);
  if (!trees) return std::move(trees).error();
  auto rewriter = Rewriter::Open(config, *schema, log);
  if (!rewriter) return std::move(rewriter).error();
  size_t wrong = 0;
  for (const schema::DocumentTree* tree : *trees) {
    auto one = VerifyOne(config, *schema, **rewriter, *tree);
    if (!one) return std::move(one).error().While(fmt::format("index {}", tree->index));
    wrong += *one;
  }
  if (wrong == 0) return {};
  return base::Fatal(
      fmt::format("{} documents are wrong{}", wrong,
                  config.repair ? "; pgsync-consumer dlq list SCHEMA says which the target refuses"
                                : "; pgsync-consumer verify --repair SCHEMA mends them"));
}

}  // namespace app
