// Refreshing materialized views before what reads them is built: only those whose base tables
// changed (docs/schema-reference.md section 10.3). Documents are built from what the view shows, so
// its refresh has to come after the changes are visible, and before the build's snapshot.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/model/batch.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"

namespace assemble {

// The materialized views with base tables in these trees, each once.
std::vector<const schema::Node*> RefreshedViews(std::span<const schema::DocumentTree> trees);

// Those of them that one of the touches entered by a base table.
std::vector<const schema::Node*> ViewsTouched(const std::vector<schema::DocumentTree>& trees,
                                              const std::vector<model::Touch>& touches);

// Refreshes them, CONCURRENTLY where a unique index allows it, so that readers go on. REQUIRES: the
// connection is in no transaction, and its next snapshot shows the changes. kRefused when the role
// may not.
base::Status Refresh(pg::Connection& connection, std::span<const schema::Node* const> views);

}  // namespace assemble
