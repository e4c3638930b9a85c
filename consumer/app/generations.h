// Generations: what a start does when an index was made from another schema file than the present
// one (design D8). Another generation is filled beside the one that searches see, which is followed
// meanwhile as one more document of the pipeline; when it is ready, one step of the target lets
// searches see it. Put the old file back, and the unfinished one is dropped again.
//
// All of it is found in the target at every start, whatever ended the run before:
//   the alias leads to   and there is            the file is        then
//   book_1               nothing                 another            make book_2
//   book_1               book_2 of the file      another            go on filling book_2
//   book_1               book_2 of no file       any                drop book_2
//   book_2               book_1                  that of book_2     drop book_1, when searches left
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "consumer/app/config.h"
#include "consumer/app/index_state.h"
#include "consumer/app/setup.h"
#include "consumer/base/log.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"
#include "consumer/pg/connection.h"
#include "consumer/sink/target.h"

namespace app {

struct GenerationPlan {
  const sink::GenerationState* served = nullptr;
  bool beside = false;                  // the file changed: another one has to take its place
  std::string next;                     // that is being filled already; "" = it has to be made
  std::vector<std::string> unfinished;  // were to serve, and will not
  std::vector<std::string> retired;     // have served
};
// Pure. `all`: of the tree's index, by number; it outlives the plan. Generations of another
// pipeline are in no list.
GenerationPlan PlanGenerations(const std::vector<sink::GenerationState>& all,
                               const schema::DocumentTree& tree, const std::string& shapes,
                               const Origin& origin);

struct RetiredGeneration {
  schema::DocumentTree tree;
  std::string name;
};
struct Generations {
  std::vector<uint32_t> next;              // the trees that fill one
  std::vector<RetiredGeneration> retired;  // to be dropped when no search can be in them any more
};

// Whether a retiring generation's tree may be followed by this process, too.
using MayFollow = std::function<base::Status(const schema::DocumentTree&)>;

// Before the states are prepared, by the process whose turn it is: makes what has to be made, drops
// what nobody will see, and completes `schema`: its trees say which generation they fill, and the
// retiring ones that are followed come after them. One that cannot be followed is marked as frozen
// in the target: searches see it as it is until the next one is ready.
base::Result<Generations> TakeUpGenerations(const Config& config, pg::Connection& connection,
                                            sink::Target& target, const Origin& origin,
                                            const MayFollow& may_follow, ResolvedSchema* schema,
                                            base::Logger& log);

// The same trees for the role `worker`, from what the producer has made; changes nothing.
base::Status JoinGenerations(const Config& config, pg::Connection& connection, sink::Target& target,
                             const Origin& origin, ResolvedSchema* schema);

// Lets searches see the generations of these trees. While the target cannot be reached it tries
// again, until `stop`.
base::Status ServeGenerations(sink::Target& target, const std::vector<schema::DocumentTree>& trees,
                              const std::vector<uint32_t>& ready, const base::StopSignal& stop,
                              base::Logger& log);

}  // namespace app
