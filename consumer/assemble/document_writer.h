// Rows of all levels of one chunk of roots -> bulk text. The rows are joined here, in memory, and
// JSON is written straight into the bulk body: there is no tree of values in between. Pure apart
// from reading the rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/assemble/level_rows.h"
#include "consumer/assemble/statements.h"
#include "consumer/base/result.h"
#include "consumer/model/bulk.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"
#include "consumer/transform/transform.h"

namespace assemble {

struct ChunkRows {
  std::vector<LevelRows> levels;  // per node; [0] holds the roots, without groups
  const Layout* root_layout = nullptr;
};

class DocumentWriter {
 public:
  // Both outlive the writer.
  DocumentWriter(const schema::DocumentTree& tree, const TreeStatements& statements);

  // Appends root row `row` of the chunk to the request: an index action, or a deletion where the
  // root is absent, and both when its address (id and routing) is another one than asked for. A
  // document that cannot be made goes to the request's `unmade`. `version` is the snapshot's.
  base::Status Append(const ChunkRows& chunk, int row, uint64_t version,
                      model::BulkRequest* request) const;

 private:
  // Where a document lies. An empty routing: by the id, and the action says nothing of it.
  struct Address {
    std::string id, routing;
    bool operator==(const Address&) const = default;
  };

  Address AddressAt(const pg::Rows& roots, int row, int id, int routing) const;
  base::Status WriteDocument(const ChunkRows& chunk, int row, Address address, uint64_t version,
                             model::BulkRequest* request) const;
  base::Status WriteObject(const ChunkRows& chunk, const schema::Node& node, int row,
                           std::string* out) const;
  base::Status WriteChild(const ChunkRows& chunk, const schema::Node& child, int parent_row,
                          std::string* out) const;
  base::Status WriteElement(const ChunkRows& chunk, const schema::Node& node, int row,
                            std::string* out) const;
  void StartItem(model::BulkItem::Kind kind, Address address, uint64_t version,
                 model::BulkRequest* request) const;

  const schema::DocumentTree& tree_;
  const TreeStatements& statements_;
  transform::Transformer transformer_;
  // The routing comes from the finished document, and no deletion knows the one before.
  const bool any_routing_;
  const bool has_lookups_;
  std::vector<std::vector<std::string>>
      column_keys_;  // per node: "\"key\":" with the comma before all but the first
  std::vector<std::string> label_keys_;  // per node: the same for its label in the parent
};

// The parts joined by "|"; in composite ids "\" and "|" inside a part are escaped
// (docs/schema-reference.md section 5). With texts, one more than parts, each part stands between
// its two, as it is (X7).
std::string JoinId(const std::vector<std::string_view>& parts,
                   const std::vector<std::string>& texts = {});

}  // namespace assemble
