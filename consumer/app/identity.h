// Replica identities: which old values PostgreSQL puts into the WAL for a table, and the weakest
// identity that carries the ones a schema file needs (design D5). Pure.
#pragma once

#include <string>
#include <vector>

#include "consumer/schema/catalog.h"
#include "consumer/schema/tree.h"

namespace app {

struct IdentityPlan {
  bool sufficient = true;           // the present identity carries all old values
  std::vector<std::string> needed;  // columns whose old values are needed
  std::vector<std::string>
      carried;  // columns that the present identity carries; all of them for FULL
  std::vector<std::string> missing;  // needed, not carried
  char weakest = 'd';                // as pg_class.relreplident: d, i, f
  std::string index;                 // for 'i'
  std::string reason;                // for people: why it is the weakest
  std::string statement;             // ALTER TABLE … REPLICA IDENTITY …; for the weakest one
};

// The weakest identity: DEFAULT if the primary key holds the needed columns; else USING INDEX of a
// unique, immediate, non-partial index on not-null columns that holds them (the narrowest, then by
// name); else FULL. Indexes are not considered for a partitioned table: their names differ from
// partition to partition. Views and foreign tables have no identity: sufficient, nothing to do.
IdentityPlan PlanIdentity(const schema::TableUse& use, const schema::CatalogTable& table);

// `ALTER TABLE "public"."book" REPLICA IDENTITY USING INDEX "book_ref";`
std::string IdentityStatement(const std::string& quoted_table, char identity,
                              const std::string& index);

// For people: DEFAULT, USING INDEX "name", FULL, NOTHING.
std::string IdentityName(char identity, const std::string& index);

// Link columns without an index: a lookup along the link reads the whole table.
struct MissingIndex {
  schema::TableName table;
  std::vector<std::string> columns;
  std::string statement;  // CREATE INDEX CONCURRENTLY ON …;

  auto operator<=>(const MissingIndex&) const = default;
};
// Sorted, each once. An index serves if its first columns are the link's, in any order, and it is
// not partial.
std::vector<MissingIndex> MissingIndexes(const std::vector<schema::DocumentTree>& trees,
                                         const schema::Catalog& catalog);

}  // namespace app
