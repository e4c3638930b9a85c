// What the server knows about the sizes and indexes of the tables of a document, for LoadStrategy.
#pragma once

#include "consumer/assemble/load_strategy.h"
#include "consumer/base/result.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"

namespace assemble {

// Estimates: those of the last ANALYZE or VACUUM, for the sizes of now. Tables that do not exist
// are left out.
base::Result<Statistics> ReadStatistics(pg::Connection& connection,
                                        const schema::DocumentTree& tree);

// The choice from the statistics of now.
base::Result<LoadStrategy> ChooseStrategy(pg::Connection& connection,
                                          const schema::DocumentTree& tree,
                                          const StrategyLimits& limits);

}  // namespace assemble
