// Index states: does each index hold what this pipeline may go on from (design D6)? One that is not
// there is created and will be loaded; one whose tables changed so that its documents cannot be
// kept up by row changes, or whose part of the file changed where the target keeps no generations
// (generations.h), is loaded again in place; one that is another's, or of another time, is refused.
#pragma once

#include <string>
#include <vector>

#include "consumer/base/log.h"
#include "consumer/base/lsn.h"
#include "consumer/base/result.h"
#include "consumer/model/sync_state.h"
#include "consumer/pg/connection.h"
#include "consumer/schema/tree.h"
#include "consumer/sink/target.h"
#include "consumer/source/timelines.h"

namespace app {

// Where the changes come from.
struct Origin {
  std::string system_identifier;
  std::string database;
  std::string slot;
  base::Lsn confirmed;
  source::Timelines timelines = {};
};

// Is it the index of this pipeline, and of this time? kRefused with the remedy. `may_be_older`:
// than its slot.
base::Status CheckState(const schema::DocumentTree& tree, const model::SyncState& state,
                        const Origin& origin, bool may_be_older);

// Of an index that is made now, and holds nothing yet.
model::SyncState NewState(const schema::DocumentTree& tree, const std::string& shapes,
                          const Origin& origin);

// Whether it was made from another schema file: more than its tables changed.
bool FileChanged(const model::SyncState& state, const schema::DocumentTree& tree);

// What becomes of an index that is there.
enum class Keep : uint8_t { kGoesOn, kLoadAgain };
struct Verdict {
  Keep keep = Keep::kGoesOn;
  bool rows = false;    // rows may have come or gone unseen
  std::string reasons;  // for people
};
// `shapes`: of the tree's tables, as they are now. Asks the database only about new partitions.
base::Result<Verdict> JudgeSchema(pg::Connection& connection, const schema::DocumentTree& tree,
                                  const std::string& shapes, const model::SyncState& state);

// The states of all indexes, one per tree, stored in the target where they are new. `reload_lost`:
// an index that is older than its slot is loaded again in place, rather than refused. `again`:
// which are loaded again in any case; empty: none.
base::Result<std::vector<model::SyncState>> PrepareStates(
    pg::Connection& connection, sink::Target& target,
    const std::vector<schema::DocumentTree>& trees, const std::vector<std::string>& shapes,
    const Origin& origin, bool reload_lost, const std::vector<bool>& again, base::Logger& log);

// Target::WriteState for who has written nothing since it read `read`. What a predecessor asked for
// before it was killed may reach the target after that: its position, which is true whoever wrote
// it, is then taken over into `state`. That is so only where what is stored continues `read`, with
// the same tables and the same load: anything else was written by somebody who lives, and kRefused.
base::Status WriteFirstState(sink::Target& target, const schema::DocumentTree& tree,
                             const model::SyncState& read, model::SyncState* state);

}  // namespace app
