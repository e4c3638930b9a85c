// Asks PostgreSQL about the expressions of a schema file, before anything depends on them: are they
// good, what do they use, what do they give.
#pragma once

#include <vector>

#include "consumer/base/result.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/catalog.h"

namespace source {

// Fills catalog->expressions; what is wrong with one is in its facts, not an error here. Tables
// that are not in the catalog are left out. Everything is done on temporary tables in a transaction
// that is rolled back: no row of the user's is read, nothing is left behind.
//
// An expression means what it would mean to this role in a session of its own: no session of ours
// sets search_path, so this one and those that build documents have the same one, from the role,
// the database or the server. Whoever changes it there changes what unqualified names mean.
base::Status ReadExpressions(pg::Connection& connection,
                             const std::vector<schema::Expression>& expressions,
                             schema::Catalog* catalog);

}  // namespace source
