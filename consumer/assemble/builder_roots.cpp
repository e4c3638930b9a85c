// The builder's first half: from touches to root keys. Climbs with one statement per entry point,
// all of them in one snapshot that shows the transactions the touches came from. What leads to very
// many roots is asked for again, by a cursor, and goes into a list that memory need not hold.
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "consumer/assemble/builder.h"
#include "consumer/assemble/read_transaction.h"

namespace assemble {
namespace {

using base::Result;
using base::Status;
using Key = std::vector<std::optional<std::string>>;

Key KeyAt(const pg::Rows& rows, int row) {
  Key key(static_cast<size_t>(rows.columns()));
  for (int c = 0; c < rows.columns(); ++c) {
    if (!rows.IsNull(row, c)) key[static_cast<size_t>(c)] = rows.Cell(row, c);
  }
  return key;
}

}  // namespace

size_t Touched::Left() const {
  size_t left = 0;
  for (const Part& part : parts) left += part.roots.size() - part.done;
  return left;
}

// Roots on their way into the lists: the latest ones, each once.
class Builder::Finding {
 public:
  Finding(size_t most_at_once, Touched* found)
      : most_at_once_(most_at_once), found_(*found), latest_(found->parts.size()) {}

  Status Add(uint32_t document, Key key) {
    latest_[document].push_back(std::move(key));
    return latest_[document].size() < most_at_once_ ? Status() : Flush(document);
  }
  Status Finish() {
    for (uint32_t i = 0; i < latest_.size(); ++i) {
      if (auto flushed = Flush(i); !flushed) return flushed;
    }
    return {};
  }

 private:
  Status Flush(uint32_t document) {
    std::vector<Key>& latest = latest_[document];
    std::sort(latest.begin(), latest.end());
    latest.erase(std::unique(latest.begin(), latest.end()), latest.end());
    for (const Key& key : latest) {
      if (auto added = found_.parts[document].roots.Add(key); !added) return added;
    }
    latest.clear();
    return {};
  }

  const size_t most_at_once_;
  Touched& found_;
  std::vector<std::vector<Key>> latest_;
};

std::vector<pg::Param> Builder::ParamsOf(const std::vector<model::Touch>& touches, Run run) {
  std::vector<std::vector<std::optional<std::string>>> arrays(touches[run.begin].values.size());
  for (size_t i = run.begin; i < run.end; ++i) {
    for (size_t v = 0; v < arrays.size(); ++v) arrays[v].push_back(touches[i].values[v]);
  }
  return ArrayParams(arrays);
}

// All climbs in one snapshot. `*shown`: it shows all of `xids`; otherwise nothing was added. Runs
// that lead to too many roots are put into `large`, and nothing is added for them either.
Status Builder::Climb(pg::Connection& connection, const std::vector<model::Touch>& touches,
                      const std::vector<Run>& climbs, std::span<const uint32_t> xids,
                      Finding* finding, std::vector<Run>* large, bool* shown) {
  std::set<const std::string*> before;  // locks of the trees in question
  for (const Run& run : climbs) {
    const std::string& lock = statements_[touches[run.begin].document].lock;
    if (!lock.empty()) before.insert(&lock);
  }
  if (connection.TextIsBytes()) before.insert(&kTextAsBytes);
  if (auto s = connection.BeginPipeline(); !s) return s;
  if (auto s = connection.SendPrepared(kBegin, {}, pg::Format::kText); !s) return s;
  for (const std::string* statement : before) {
    if (auto s = connection.SendPrepared(*statement, {}, pg::Format::kText); !s) return s;
  }
  if (auto s = connection.SendPrepared(kSnapshot, {}, pg::Format::kText); !s) return s;
  for (const Run& run : climbs) {
    const model::Touch& first = touches[run.begin];
    const ClimbStatement& climb = statements_[first.document].climbs[first.entry];
    const std::string sql = fmt::format("{} LIMIT {}", climb.sql, settings_.climb_keys + 1);
    const auto params = ParamsOf(touches, run);
    if (auto s = connection.SendPrepared(sql, params, pg::Format::kText); !s) return s;
  }
  if (auto s = connection.SendPrepared(kCommit, {}, pg::Format::kText); !s) return s;
  if (auto s = connection.Sync(); !s) return s;

  for (size_t i = 0; i < 1 + before.size(); ++i) {
    if (auto begun = connection.Receive(); !begun) return begun.error();
  }
  auto snapshot_row = connection.Receive();
  if (!snapshot_row) return snapshot_row.error();
  auto snapshot = Snapshot::Parse(snapshot_row->Cell(0, 0));
  if (!snapshot) return snapshot.error();
  *shown = ShowsAll(*snapshot, xids);
  for (const Run& run : climbs) {
    const uint32_t document = touches[run.begin].document;
    auto rows = connection.Receive();
    if (!rows) {
      return std::move(rows).error().While("finding the documents of a change for index " +
                                           trees_[document].index);
    }
    if (!*shown) continue;
    if (static_cast<size_t>(rows->size()) > settings_.climb_keys) {
      large->push_back(run);
      continue;
    }
    for (int row = 0; row < rows->size(); ++row) {
      if (auto added = finding->Add(document, KeyAt(*rows, row)); !added) return added;
    }
  }
  if (auto committed = connection.Receive(); !committed) return committed.error();
  return connection.EndPipeline();
}

// The same for one run with very many roots. The transaction ends before any of them is built.
Status Builder::ClimbByCursor(pg::Connection& connection, const std::vector<model::Touch>& touches,
                              Run run, std::span<const uint32_t> xids, Finding* finding,
                              bool* shown) {
  const model::Touch& first = touches[run.begin];
  const TreeStatements& statements = statements_[first.document];
  if (auto begun = BeginForKeys(connection, statements.lock); !begun) return begun;
  auto snapshot = CurrentSnapshot(connection);
  if (!snapshot) return snapshot.error();
  *shown = ShowsAll(*snapshot, xids);
  if (*shown) {
    auto declared = connection.Query(
        "DECLARE pgsync_roots NO SCROLL CURSOR FOR " + statements.climbs[first.entry].sql,
        ParamsOf(touches, run));
    if (!declared) return declared.error();
    const std::string fetch = fmt::format("FETCH {} FROM pgsync_roots", settings_.climb_keys);
    for (bool more = true; more;) {
      auto rows = connection.Query(fetch);
      if (!rows) return rows.error();
      for (int row = 0; row < rows->size(); ++row) {
        if (auto added = finding->Add(first.document, KeyAt(*rows, row)); !added) return added;
      }
      more = rows->size() > 0;
      if (stop_.Requested()) return base::Retry("stopping");
    }
  }
  auto committed = connection.Query(kCommit);
  return committed ? Status() : Status(committed.error());
}

Result<Touched> Builder::Resolve(std::vector<model::Touch> touches, std::span<const uint32_t> xids,
                                 std::vector<KnownRoot> known) {
  model::RemoveDuplicates(&touches);
  Touched found;
  for (size_t i = 0; i < trees_.size(); ++i) {
    found.parts.push_back({{statements_[i].climbs[0].order.size(), settings_.roots}, 0});
  }
  Finding finding(settings_.climb_keys, &found);
  for (KnownRoot& root : known) {
    if (auto added = finding.Add(root.document, std::move(root.key)); !added) return added.error();
  }
  std::vector<Run> climbs;  // runs of touches of one entry point that need SQL
  for (size_t begin = 0; begin < touches.size();) {
    const auto [document, entry, values] = touches[begin];
    size_t end = begin;
    while (end < touches.size() && touches[end].document == document &&
           touches[end].entry == entry) {
      ++end;
    }
    if (document >= trees_.size() || entry >= trees_[document].entries.size()) {
      return base::Fatal(
          fmt::format("a batch names document {} entry {}, which the schema file does not have; "
                      "the queue belongs to another schema file",
                      document, entry));
    }
    const ClimbStatement& climb = statements_[document].climbs[entry];
    if (!climb.direct) {
      climbs.push_back({begin, end});
    } else {
      for (size_t i = begin; i < end; ++i) {
        Key key;
        for (const size_t at : climb.order) {
          // Who asks for a document by its id alone does not know what else the address holds.
          // A part of the id may be the routing, too: it goes to both places.
          key.push_back(at < touches[i].values.size() ? touches[i].values[at] : std::nullopt);
        }
        if (auto added = finding.Add(document, std::move(key)); !added) return added.error();
      }
    }
    begin = end;
  }

  // Waits until a snapshot shows all of `xids`.
  const auto climb = [&](const auto& work) -> Status {
    ChunkReader& reader = *readers_.front();
    ChunkReader::Visibility visibility(reader);
    for (bool shown = false; !shown;) {
      const Status climbed =
          reader.With([&](pg::Connection& connection) { return work(connection, &shown); });
      if (!climbed) return climbed;
      if (shown) break;
      if (auto waited = visibility.Wait(); !waited) return waited;
    }
    return {};
  };
  std::vector<Run> large;
  if (!climbs.empty()) {
    const Status climbed = climb([&](pg::Connection& connection, bool* shown) {
      return Climb(connection, touches, climbs, xids, &finding, &large, shown);
    });
    if (!climbed) return climbed.error();
  }
  for (const Run run : large) {
    const Status climbed = climb([&](pg::Connection& connection, bool* shown) {
      return ClimbByCursor(connection, touches, run, xids, &finding, shown);
    });
    if (!climbed) return climbed.error();
  }
  if (auto finished = finding.Finish(); !finished) return finished.error();
  return found;
}

}  // namespace assemble
