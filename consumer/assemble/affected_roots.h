// From a row change to the touches it causes: which entry points of which documents it enters, with
// the old and the new values of the columns that lead upward, and of those that only make up a
// document's address (design D5). Pure: it looks at nothing
// but the change.
//
// One object belongs to one stream session and thread: it remembers where the columns of each
// relation are.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/model/batch.h"
#include "consumer/model/row_change.h"
#include "consumer/schema/tree.h"

namespace assemble {

class AffectedRoots {
 public:
  // `trees` outlives this.
  explicit AffectedRoots(const std::vector<schema::DocumentTree>& trees) : trees_(trees) {}

  // Appends the touches of one row change. A row whose link is NULL touches nobody through that
  // link. kRefused when the WAL does not carry the old values that are needed: the replica identity
  // is, or was when it was written, too weak.
  base::Status Collect(const model::RowChange& change, std::vector<model::Touch>* touches);

  // Appends one rebuild per document that uses one of the truncated tables.
  void Collect(const model::Truncate& truncate, std::vector<model::Rebuild>* rebuilds) const;

 private:
  struct Use {
    uint32_t document;
    uint32_t entry;
    size_t carried;               // the last ones of `columns` that may be NULL
    std::vector<size_t> columns;  // positions in the relation, one per column of the entry point
    std::optional<size_t> outside_identity;  // one of `columns` whose old value the WAL may lack
    bool old_by_lookup;                      // where it lacks it, the next use stands in
    bool by_lookup;  // `columns` is the key under which documents hold the row
  };
  struct Binding {
    std::shared_ptr<const model::Relation> relation;  // keeps the key of the map alive
    std::vector<Use> uses;
  };

  base::Result<const Binding*> Bind(const std::shared_ptr<const model::Relation>& relation);

  const std::vector<schema::DocumentTree>& trees_;
  std::unordered_map<const model::Relation*, Binding> bindings_;
};

}  // namespace assemble
