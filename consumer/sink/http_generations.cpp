// The life of the indices behind an alias: made, filled, served, dropped. The rest is in
// http_target.cpp.
#include <algorithm>

#include <fmt/format.h>

#include "consumer/sink/bulk_response.h"
#include "consumer/sink/generations.h"
#include "consumer/sink/http_target.h"
#include "consumer/sink/search.h"
#include "consumer/sink/state_json.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr int kMostGenerations = 10'000;  // that are tried for a name

}  // namespace

base::Status HttpTarget::Create(const schema::DocumentTree& tree, const model::SyncState& state) {
  std::lock_guard lock(mutex_);
  auto made = CreateGeneration(tree, state, false);
  if (!made) {
    return std::move(made).error().While(fmt::format("creating index \"{}\"", tree.index));
  }
  auto generation = Resolve(tree);
  if (!generation) return std::move(generation).error();
  if (!*generation) {
    return base::Fatal(fmt::format("index \"{}\" was created and is not there", tree.index));
  }
  if (!made->empty()) {
    log_.Info("sink", fmt::format("created index {}", *made));
    return BeginFilling(client_, *made, std::move((*generation)->meta), log_);
  }
  const auto there = (*generation)->meta.find("pgsync");
  if (tree.alias && (there == (*generation)->meta.end() || !IsBeginning(there->dump(), state))) {
    return base::Retry(fmt::format("index \"{}\" appeared while it was being created; start again",
                                   (*generation)->name));
  }
  return PutMeta((*generation)->name, std::move((*generation)->meta), state);
}

// Makes the first generation that is free, with the alias on it, or the first behind all that are
// there, `beside` them; or the plain index. Returns its name, or "" if the plain index is there
// already, or the alias by now.
base::Result<std::string> HttpTarget::CreateGeneration(const schema::DocumentTree& tree,
                                                       const model::SyncState& state, bool beside) {
  Json body =
      tree.index_body.empty() ? Json::object() : Json::parse(tree.index_body, nullptr, false);
  if (!body.is_object()) {
    return base::Fatal(fmt::format("the index body of \"{}\" is not a JSON object", tree.index));
  }
  Json& mappings = body["mappings"];
  if (!mappings.is_object()) mappings = Json::object();
  if (!mappings["_meta"].is_object()) mappings["_meta"] = Json::object();
  mappings["_meta"]["pgsync"] = Json::parse(StateToJson(state));
  if (tree.alias && !beside) body["aliases"][tree.index] = Json::object();
  const std::string text = body.dump();
  int first = 1;
  if (beside) {
    auto indices = DescribeIndices(tree.index + "_*");
    if (!indices) return std::move(indices).error();
    const auto there =
        *indices ? GenerationsIn(**indices, tree.index) : std::vector<FoundGeneration>();
    if (!there.empty()) first = there.back().number + 1;
  }
  for (int number = first; number < first + kMostGenerations; ++number) {
    const std::string name = tree.alias ? fmt::format("{}_{}", tree.index, number) : tree.index;
    auto response =
        client_.Send({.method = "PUT", .path = "/" + EscapePathPart(name), .body = text});
    if (!response) return std::move(response).error();
    if (response->status == 200) return name;
    const std::string type = ErrorTypeOf(response->body);
    const bool exists = type == "resource_already_exists_exception" ||
                        (!tree.alias && type == "invalid_index_name_exception");
    if (exists && !tree.alias && DescribeIndices(name)) return std::string();
    if (exists && tree.alias && !beside) {
      // A request that nobody waited for any more may have come through: ours, sent again after a
      // lost connection, or that of a process that was killed. A second index must not get the
      // alias, too.
      auto by_now = Resolve(tree);
      if (!by_now) return std::move(by_now).error();
      if (*by_now) return std::string();
    }
    if (exists && tree.alias) continue;  // a generation left over from another time
    if (type == "invalid_alias_name_exception") {
      auto why = Resolve(tree);  // says it in words if a real index is in the way
      if (!why) return std::move(why).error();
    }
    base::Error error = Failure(*response);
    // The body is the user's: settings and mapping come from the schema file.
    if (error.kind == base::ErrorKind::kFatal && response->status == 400) {
      return base::Refused(
          fmt::format("the engine does not accept the index: {}; check \"setting\" and \"mapping\" "
                      "in the schema file",
                      ErrorWordsOf(response->body)));
    }
    return error;
  }
  return base::Refused(fmt::format("{0}_{1} to {0}_{2} all exist; delete those that are not in use",
                                   tree.index, first, first + kMostGenerations - 1));
}

base::Result<std::string> HttpTarget::CreateBeside(const schema::DocumentTree& tree,
                                                   const model::SyncState& state) {
  std::lock_guard lock(mutex_);
  const auto doing = fmt::format("creating another generation of index \"{}\"", tree.index);
  auto made = CreateGeneration(tree, state, true);
  if (!made) return std::move(made).error().While(doing);
  auto described = DescribeIndices(*made);
  if (!described) return std::move(described).error().While(doing);
  if (!*described || !(*described)->contains(*made)) {
    return base::Fatal(fmt::format("index \"{}\" was created and is not there", *made));
  }
  auto begun = BeginFilling(client_, *made, MetaOf((**described)[*made]), log_);
  if (!begun) return std::move(begun).error().While(doing);
  return made;
}

base::Result<std::vector<GenerationState>> HttpTarget::Generations(
    const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  auto indices = DescribeIndices(tree.index + "_*");
  if (!indices) return std::move(indices).error();
  std::vector<GenerationState> states;
  if (!*indices) return states;
  auto behind = BehindAlias(client_, tree.index);
  if (!behind) return std::move(behind).error();
  for (FoundGeneration& found : GenerationsIn(**indices, tree.index)) {
    const auto stored = found.meta.find("pgsync");
    if (stored == found.meta.end()) continue;
    auto state = ParseState(stored->dump(), fmt::format("index \"{}\"", found.name));
    if (!state) continue;  // of another version: nothing that we may go on with, or drop
    const bool served = std::find(behind->begin(), behind->end(), found.name) != behind->end();
    states.push_back({found.number, std::move(found.name), served, std::move(*state)});
  }
  return states;
}

base::Status HttpTarget::Serve(const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  const auto doing = fmt::format("leading \"{}\" to \"{}\"", tree.index, tree.generation);
  // What is written is not yet seen by searches, and those that follow must not miss it.
  if (auto refreshed = Refresh(client_, tree.generation); !refreshed) {
    return std::move(refreshed).error().While(doing);
  }
  auto behind = BehindAlias(client_, tree.index);
  if (!behind) return std::move(behind).error().While(doing);
  if (auto swapped = SwapAlias(client_, tree.index, *behind, tree.generation); !swapped) {
    return std::move(swapped).error().While(doing);
  }
  generations_.clear();
  return {};
}

base::Status HttpTarget::DropGeneration(const schema::DocumentTree& tree, const std::string& name) {
  std::lock_guard lock(mutex_);
  auto behind = BehindAlias(client_, tree.index);
  if (!behind) return std::move(behind).error();
  if (std::find(behind->begin(), behind->end(), name) != behind->end()) {
    return base::Fatal(fmt::format("\"{}\" is what \"{}\" leads to", name, tree.index));
  }
  generations_.erase(name);
  return DeleteIndex(name);
}

base::Status HttpTarget::EndLoad(const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  auto generation = Resolve(tree);
  if (!generation) return std::move(generation).error();
  if (!*generation) return {};  // noticed when the state is stored
  auto ended = EndFilling(client_, (*generation)->name, std::move((*generation)->meta));
  if (ended) return ended;
  return std::move(ended).error().While(
      fmt::format("giving index \"{}\" its settings back", (*generation)->name));
}

}  // namespace sink
