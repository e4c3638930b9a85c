// The builder's first half: from touches to root keys. Climbs with one statement per entry point,
// all of them in one snapshot that shows the transactions the touches came from.
#include <set>
#include <utility>

#include <fmt/format.h>

#include "consumer/assemble/builder.h"
#include "consumer/assemble/read_transaction.h"

namespace assemble {

using base::Result;
using base::Status;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// One list of root keys per tree, each key once.
Result<std::vector<Builder::RootKeys>> Builder::ResolveRoots(std::vector<model::Touch> touches,
                                                             std::span<const uint32_t> xids) {
  model::RemoveDuplicates(&touches);

  std::vector<std::set<std::vector<std::optional<std::string>>>> roots(trees_.size());
  struct Pending {
    size_t begin, end;
  };
  std::vector<Pending> climbs;  // runs of touches of one entry point that need SQL
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
        std::vector<std::optional<std::string>> key;
        for (const size_t at : climb.order) {
          // Who asks for a document by its id alone does not know what else the address holds.
          // A part of the id may be the routing, too: it goes to both places.
          key.push_back(at < touches[i].values.size() ? touches[i].values[at] : std::nullopt);
        }
        roots[document].insert(std::move(key));
      }
    }
    begin = end;
  }

  if (!climbs.empty()) {
    base::Backoff backoff(milliseconds(1), milliseconds(100));
    const auto since = steady_clock::now();
    bool warned = false;
    std::set<const std::string*> locks;  // of the trees in question
    for (const Pending& run : climbs) {
      const std::string& lock = statements_[touches[run.begin].document].lock;
      if (!lock.empty()) locks.insert(&lock);
    }
    for (bool shown = false; !shown;) {
      pg::Connection& connection = *connection_;
      if (auto s = connection.BeginPipeline(); !s) return s.error();
      if (auto s = connection.SendPrepared(kBegin, {}, pg::Format::kText); !s) return s.error();
      for (const std::string* lock : locks) {
        if (auto s = connection.SendPrepared(*lock, {}, pg::Format::kText); !s) return s.error();
      }
      if (auto s = connection.SendPrepared(kSnapshot, {}, pg::Format::kText); !s) return s.error();
      for (const Pending& run : climbs) {
        const model::Touch& first = touches[run.begin];
        std::vector<std::vector<std::optional<std::string>>> arrays(first.values.size());
        for (size_t i = run.begin; i < run.end; ++i) {
          for (size_t v = 0; v < arrays.size(); ++v) arrays[v].push_back(touches[i].values[v]);
        }
        const auto params = ArrayParams(arrays);
        const ClimbStatement& climb = statements_[first.document].climbs[first.entry];
        if (auto s = connection.SendPrepared(climb.sql, params, pg::Format::kText); !s) {
          return s.error();
        }
      }
      if (auto s = connection.SendPrepared(kCommit, {}, pg::Format::kText); !s) return s.error();
      if (auto s = connection.Sync(); !s) return s.error();

      for (size_t i = 0; i < 1 + locks.size(); ++i) {
        if (auto begun = connection.Receive(); !begun) return begun.error();
      }
      auto snapshot_row = connection.Receive();
      if (!snapshot_row) return snapshot_row.error();
      auto snapshot = Snapshot::Parse(snapshot_row->Cell(0, 0));
      if (!snapshot) return snapshot.error();
      shown = ShowsAll(*snapshot, xids);
      for (const Pending& run : climbs) {
        const uint32_t document = touches[run.begin].document;
        auto rows = connection.Receive();
        if (!rows) {
          return std::move(rows).error().While("finding the documents of a change for index " +
                                               trees_[document].index);
        }
        for (int row = 0; shown && row < rows->size(); ++row) {
          std::vector<std::optional<std::string>> key(static_cast<size_t>(rows->columns()));
          for (int c = 0; c < rows->columns(); ++c) {
            if (!rows->IsNull(row, c)) key[static_cast<size_t>(c)] = rows->Cell(row, c);
          }
          roots[document].insert(std::move(key));
        }
      }
      if (auto committed = connection.Receive(); !committed) return committed.error();
      if (auto s = connection.EndPipeline(); !s) return s.error();
      if (!shown) {
        if (auto s = WaitForVisibility(&backoff, since, &warned); !s) return s.error();
      }
    }
  }

  std::vector<RootKeys> keys(trees_.size());
  for (size_t i = 0; i < trees_.size(); ++i) {
    keys[i].resize(statements_[i].climbs[0].order.size());
    while (!roots[i].empty()) {
      auto node = roots[i].extract(roots[i].begin());
      for (size_t c = 0; c < keys[i].size(); ++c) keys[i][c].push_back(std::move(node.value()[c]));
    }
  }
  return keys;
}

}  // namespace assemble
