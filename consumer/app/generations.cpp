#include "consumer/app/generations.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "consumer/app/preflight.h"
#include "consumer/app/table_shapes.h"
#include "consumer/base/backoff.h"
#include "consumer/base/crash_point.h"

namespace app {
namespace {

using base::Result;
using base::Status;
using std::chrono::milliseconds;

bool IsOf(const model::SyncState& state, const Origin& origin) {
  return state.system_identifier == origin.system_identifier && state.database == origin.database &&
         state.slot == origin.slot;
}

// Whether filling it can go on: what it holds is of this file and these tables, and of all that was
// given away of the WAL nothing is missing in it. A doubt costs no more than a new beginning.
bool GoesOn(const model::SyncState& state, const schema::DocumentTree& tree,
            const std::string& shapes, const Origin& origin) {
  if (state.fingerprint != tree.fingerprint || state.applied < origin.confirmed) return false;
  if (!origin.timelines.Have(state.timeline, state.applied)) return false;
  const ShapeChange change = CompareShapes(state.shapes, shapes);
  return !change.documents && !change.rows && change.new_partitions.empty();
}

// The tree of the file that the served generation was made from, or why there is none.
struct Retiring {
  std::optional<schema::DocumentTree> tree;
  std::string why_not;
};

Result<Retiring> ResolveRetiring(const Config& config, pg::Connection& connection,
                                 const sink::GenerationState& served, ResolvedSchema* schema) {
  Retiring retiring;
  if (served.state.frozen) {
    retiring.why_not = "it was left behind before";
    return retiring;
  }
  if (served.state.source.empty()) {
    retiring.why_not = "an older version made it, which did not keep its part of the schema file";
    return retiring;
  }
  auto resolved = ResolveEntry(config, served.state.source, connection);
  if (!resolved) return std::move(resolved).error();
  for (const schema::Finding& finding : resolved->findings) {
    if (finding.level != schema::Finding::Level::kError) continue;
    retiring.why_not = "its part of the schema file no longer fits the tables: " + finding.message;
    return retiring;
  }
  schema::DocumentTree& tree = resolved->trees.front();
  if (tree.file_fingerprint != served.state.file_fingerprint) {
    retiring.why_not = "this version builds other documents from its part of the schema file";
    return retiring;
  }
  tree.stage = schema::Stage::kRetiring;
  tree.generation = served.name;
  tree.number = static_cast<uint32_t>(schema->trees.size());
  schema->shapes.insert(resolved->shapes.begin(), resolved->shapes.end());
  // A table that the file no longer names is known by name and kind only.
  for (auto& [name, table] : resolved->catalog.tables) {
    if (!table.columns.empty()) schema->catalog.tables.insert_or_assign(name, std::move(table));
  }
  schema->catalog.expressions.insert(resolved->catalog.expressions.begin(),
                                     resolved->catalog.expressions.end());
  retiring.tree = std::move(tree);
  return retiring;
}

// "" = its changes can be followed.
Result<std::string> WhyNotFollowed(pg::Connection& connection, const schema::DocumentTree& tree,
                                   const ResolvedSchema& schema, const model::SyncState& state,
                                   const Origin& origin, const MayFollow& may_follow) {
  if (state.applied < origin.confirmed) {
    return fmt::format("the changes from {} to {} are lost", base::ToString(state.applied),
                       base::ToString(origin.confirmed));
  }
  if (auto may = may_follow(tree); !may) return may.error().message;
  const std::string shapes = ShapesOf(tree, schema.shapes);
  if (!UnloggedTables(shapes).empty()) return std::string("one of its tables is unlogged");
  auto verdict = JudgeSchema(connection, tree, shapes, state);
  if (!verdict) return std::move(verdict).error();
  return verdict->rows ? verdict->reasons : "";
}

class TakingUp {
 public:
  TakingUp(const Config& config, pg::Connection& connection, sink::Target& target,
           const Origin& origin, ResolvedSchema* schema, base::Logger& log)
      : config_(config),
        connection_(connection),
        target_(target),
        origin_(origin),
        schema_(schema),
        log_(log) {}

  Result<Generations> Run(const MayFollow& may_follow) {
    const size_t documents = schema_->trees.size();
    for (size_t i = 0; i < documents; ++i) {
      if (!target_.KeepsGenerations(schema_->trees[i])) continue;
      if (auto done = TakeUp(i, may_follow); !done) return done.error();
    }
    if (auto checked = CheckTogether(documents); !checked) return checked.error();
    return std::move(found_);
  }

 private:
  Status TakeUp(size_t i, const MayFollow& may_follow) {
    auto all = target_.Generations(schema_->trees[i]);
    if (!all) return std::move(all).error();
    const std::string shapes = ShapesOf(schema_->trees[i], schema_->shapes);
    const GenerationPlan plan = PlanGenerations(*all, schema_->trees[i], shapes, origin_);
    if (plan.served == nullptr) return {};
    if (plan.beside) {
      auto ours = CheckState(schema_->trees[i], plan.served->state, origin_, true);
      if (!ours) return ours;
      if (auto next = FillNext(plan, shapes, &schema_->trees[i]); !next) return next;
    }
    // Not before: the next one must not get the name of one that a late request may still write to.
    for (const std::string& name : plan.unfinished) {
      // Workers of other processes may still write to it, and it would be made again by that.
      if (config_.role == Role::kProducer) {
        found_.retired.push_back({schema_->trees[i], name});
        continue;
      }
      if (auto dropped = target_.DropGeneration(schema_->trees[i], name); !dropped) return dropped;
      log_.Info("run", fmt::format("index {}: {}, which was not finished, is dropped",
                                   schema_->trees[i].index, name));
    }
    for (const std::string& name : plan.retired) {
      found_.retired.push_back({schema_->trees[i], name});
    }
    return plan.beside ? Follow(i, *plan.served, may_follow) : Status();
  }

  Status FillNext(const GenerationPlan& plan, const std::string& shapes,
                  schema::DocumentTree* tree) {
    std::string name = plan.next;
    if (name.empty()) {
      auto made = target_.CreateBeside(*tree, NewState(*tree, shapes, origin_));
      if (!made) return std::move(made).error();
      name = std::move(*made);
      PGSYNC_CRASH_POINT("beside");
    }
    log_.Info("run",
              fmt::format("index {}: the schema file changed; {} is {} beside {}", tree->index,
                          name, plan.next.empty() ? "built" : "built further", plan.served->name));
    tree->stage = schema::Stage::kNext;
    tree->generation = std::move(name);
    found_.next.push_back(tree->number);
    return {};
  }

  Status Follow(size_t i, const sink::GenerationState& served, const MayFollow& may_follow) {
    auto retiring = ResolveRetiring(config_, connection_, served, schema_);
    if (!retiring) return std::move(retiring).error();
    std::string why_not = std::move(retiring->why_not);
    if (retiring->tree) {
      auto why =
          WhyNotFollowed(connection_, *retiring->tree, *schema_, served.state, origin_, may_follow);
      if (!why) return std::move(why).error();
      why_not = std::move(*why);
    }
    if (!why_not.empty()) return Freeze(schema_->trees[i], served, why_not);
    served_.push_back(served);
    schema_->trees.push_back(std::move(*retiring->tree));
    return {};
  }

  // Old and new trees share the slot, so a replica identity has to carry what both need.
  Status CheckTogether(size_t documents) {
    if (schema_->trees.size() == documents) return {};
    const PreflightInput together{
        schema_->database, schema_->slot, schema_->trees, schema_->catalog,
        [&] { return pg::Connection::Open(config_.postgres, schema_->database, true); }};
    Status checked = CheckBeforeRun(connection_, together, nullptr);
    if (checked || checked.error().kind != base::ErrorKind::kRefused) return checked;
    for (size_t i = documents; i < schema_->trees.size(); ++i) {
      auto frozen = Freeze(schema_->trees[i], served_[i - documents], checked.error().message);
      if (!frozen) return frozen;
    }
    schema_->trees.resize(documents);
    return {};
  }

  Status Freeze(schema::DocumentTree tree, const sink::GenerationState& served,
                const std::string& why) {
    log_.Warning("run", fmt::format("index {}: searches see {} as it is now until the next one is "
                                    "ready; it cannot be followed: {}",
                                    tree.index, served.name, why));
    if (served.state.frozen) return {};
    tree.generation = served.name;
    model::SyncState state = served.state;
    state.frozen = true;
    return WriteFirstState(target_, tree, served.state, &state);
  }

  const Config& config_;
  pg::Connection& connection_;
  sink::Target& target_;
  const Origin& origin_;
  ResolvedSchema* schema_;
  base::Logger& log_;
  Generations found_;
  std::vector<sink::GenerationState> served_;  // one per retiring tree
};

}  // namespace

GenerationPlan PlanGenerations(const std::vector<sink::GenerationState>& all,
                               const schema::DocumentTree& tree, const std::string& shapes,
                               const Origin& origin) {
  GenerationPlan plan;
  for (const sink::GenerationState& one : all) {
    if (one.served) plan.served = &one;
  }
  if (plan.served == nullptr) return plan;
  plan.beside = FileChanged(plan.served->state, tree);
  for (auto one = all.rbegin(); one != all.rend(); ++one) {
    if (one->served || !IsOf(one->state, origin)) continue;
    if (one->number < plan.served->number) {
      plan.retired.push_back(one->name);
    } else if (plan.beside && plan.next.empty() && GoesOn(one->state, tree, shapes, origin)) {
      plan.next = one->name;
    } else {
      plan.unfinished.push_back(one->name);
    }
  }
  return plan;
}

Result<Generations> TakeUpGenerations(const Config& config, pg::Connection& connection,
                                      sink::Target& target, const Origin& origin,
                                      const MayFollow& may_follow, ResolvedSchema* schema,
                                      base::Logger& log) {
  return TakingUp(config, connection, target, origin, schema, log).Run(may_follow);
}

Status JoinGenerations(const Config& config, pg::Connection& connection, sink::Target& target,
                       const Origin& origin, ResolvedSchema* schema) {
  const size_t documents = schema->trees.size();
  for (size_t i = 0; i < documents; ++i) {
    schema::DocumentTree& tree = schema->trees[i];
    if (!target.KeepsGenerations(tree)) continue;
    auto all = target.Generations(tree);
    if (!all) return std::move(all).error();
    const auto plan = PlanGenerations(*all, tree, ShapesOf(tree, schema->shapes), origin);
    if (plan.served == nullptr || !plan.beside) continue;
    tree.stage = schema::Stage::kNext;
    tree.generation = plan.next;
    auto retiring = ResolveRetiring(config, connection, *plan.served, schema);
    if (!retiring) return std::move(retiring).error();
    if (retiring->tree) schema->trees.push_back(std::move(*retiring->tree));
  }
  return {};
}

Status ServeGenerations(sink::Target& target, const std::vector<schema::DocumentTree>& trees,
                        const std::vector<uint32_t>& ready, const base::StopSignal& stop,
                        base::Logger& log) {
  for (const uint32_t number : ready) {
    const schema::DocumentTree& tree = trees[number];
    PGSYNC_CRASH_POINT("serve");
    base::Backoff backoff(milliseconds(100), milliseconds(5000));
    for (bool told = false;; told = true) {
      const Status served = target.Serve(tree);
      if (served) break;
      if (served.error().kind != base::ErrorKind::kRetry) return served;
      if (!told) log.Warning("run", served.error().message + "; trying again");
      // Until then searches see the other one, and the next start finds both.
      if (stop.WaitFor(backoff.Next())) return {};
    }
    PGSYNC_CRASH_POINT("served");
    log.Info("run",
             fmt::format("index {}: searches see {} from now on", tree.index, tree.generation));
  }
  return {};
}

}  // namespace app
