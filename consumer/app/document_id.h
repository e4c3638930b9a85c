// From a document's _id to the key of its root's row. Only for ids that people type or that a
// target holds: the daemon never takes an id apart.
#pragma once

#include <string>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/model/batch.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"

namespace app {

// The values of the id's columns, or nothing when no row of the root can have this id: "abc" is no
// integer. The server is asked, which alone knows what its types read.
base::Result<std::vector<std::string>> KeyOf(pg::Connection& connection,
                                             const schema::DocumentTree& tree,
                                             const std::string& id);

// A root touch has its values in the order of the entry point's columns, which is that of the id.
model::Touch RootTouch(const schema::DocumentTree& tree, const std::vector<std::string>& key);

}  // namespace app
