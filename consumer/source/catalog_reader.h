// Reads schema::Catalog from the system catalogs, in one snapshot. Any role may: nothing but
// pg_catalog is looked at. What the file lets PostgreSQL compute is tried by expression_reader.
#pragma once

#include <vector>

#include "consumer/base/result.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/catalog.h"

namespace source {

// Returns the names of all schemas; of the schemas that `tables` name, every table, view and
// foreign table by name and kind; of `tables` themselves also columns, keys, indexes and
// privileges; and every foreign key that one of them holds or is referred to by. A named table that
// does not exist is simply not there. A foreign key of a partitioned table appears once, not per
// partition. Of `expressions`, those over tables that exist are judged by the server.
base::Result<schema::Catalog> ReadCatalog(pg::Connection& connection,
                                          const std::vector<schema::TableName>& tables,
                                          const std::vector<schema::Expression>& expressions = {});

}  // namespace source
