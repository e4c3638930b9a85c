#include "consumer/sink/http_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "consumer/sink/bulk_response.h"
#include "consumer/sink/dead_letter_index.h"
#include "consumer/sink/engine_probe.h"
#include "consumer/sink/generations.h"
#include "consumer/sink/holders.h"
#include "consumer/sink/http_client.h"
#include "consumer/sink/http_reader.h"
#include "consumer/sink/http_writer.h"
#include "consumer/sink/search.h"
#include "consumer/sink/state_json.h"
#include "consumer/sink/sweep.h"

namespace sink {
namespace {

using Json = nlohmann::json;

bool IsAsync(const Json& index) {
  const Json durability =
      index.value(Json::json_pointer("/settings/index/translog/durability"), Json("request"));
  return durability.is_string() && (durability == "async" || durability == "ASYNC");
}

}  // namespace

std::string HttpTarget::Describe() const {
  std::lock_guard lock(mutex_);
  return fmt::format("{} at {}", product_, config_.url);
}

base::Result<Json> HttpTarget::Ask(std::string_view method, const std::string& path,
                                   std::string_view body) {
  auto response = client_.Send({.method = method, .path = path, .body = body});
  if (!response) return std::move(response).error();
  if (response->status != 200) return Failure(*response);
  Json json = Json::parse(response->body, nullptr, false);
  if (!json.is_object()) {
    return base::Fatal(
        fmt::format("the engine's answer to {} {} is not a JSON object", method, path));
  }
  return json;
}

base::Status HttpTarget::Probe() {
  std::lock_guard lock(mutex_);
  auto found = ProbeEngine(client_, hosts_);
  if (!found) return std::move(found).error();
  product_ = std::move(found->product);
  require_alias_ = found->require_alias;
  return CheckPipelines();
}

// A bulk request that names a pipeline which the engine does not have is refused document by
// document; better to say so before any is sent.
base::Status HttpTarget::CheckPipelines() {
  for (const schema::DocumentTree& tree : trees_) {
    if (tree.pipeline.empty()) continue;
    auto response = client_.Send(
        {.method = "GET", .path = "/_ingest/pipeline/" + EscapePathPart(tree.pipeline)});
    if (!response) return std::move(response).error();
    if (response->status == 200) continue;
    if (response->status != 404) return Failure(*response);
    return base::Refused(fmt::format(
        "index {}: {} has no ingest pipeline \"{}\"; make it (PUT {}/_ingest/pipeline/{}), or take "
        "\"pipeline\" out of the schema file",
        tree.index, client_.url(), tree.pipeline, client_.url(), tree.pipeline));
  }
  return {};
}

// Returns the engine's description of what `name` (index, alias or wildcard) stands for, by real
// index; nothing if there is none.
base::Result<std::optional<Json>> HttpTarget::DescribeIndices(const std::string& name) {
  const std::string path = "/" + EscapePathPart(name);
  auto response = client_.Send({.method = "GET", .path = path});
  if (!response) return std::move(response).error();
  if (response->status == 404) return std::optional<Json>();
  if (response->status != 200) return Failure(*response);
  Json json = Json::parse(response->body, nullptr, false);
  if (!json.is_object())
    return base::Fatal(fmt::format("the answer to GET {} is not a JSON object", path));
  if (json.empty()) return std::optional<Json>();
  return std::optional<Json>(std::move(json));
}

base::Result<std::optional<Generation>> HttpTarget::Resolve(const schema::DocumentTree& tree) {
  auto found = DescribeIndices(tree.Place());
  if (!found) return std::move(found).error();
  if (!*found) {
    generations_.erase(tree.Place());
    return std::optional<Generation>();
  }
  const Json& indices = **found;
  if (tree.alias && indices.contains(tree.index)) {
    return base::Refused(fmt::format(
        "\"{0}\" should become an alias, but there is a real index of that name at {1}; either add "
        "\"alias\": false to the document of \"{0}\" in the schema file and it is written to "
        "directly, or delete that "
        "index: curl -X DELETE {1}/{0}",
        tree.index, client_.url()));
  }
  if (indices.size() != 1) {
    std::string names;
    for (const auto& [name, _] : indices.items()) names += (names.empty() ? "" : ", ") + name;
    return base::Refused(
        fmt::format("alias \"{}\" stands for several indices ({}); leave it on the one that pgsync "
                    "shall write to",
                    tree.index, names));
  }
  const auto only = indices.begin();
  Generation generation{only.key(), only.key() != tree.index, MetaOf(only.value()),
                        IsAsync(only.value())};
  generations_[tree.Place()] = {generation.name, generation.is_alias, Json(),
                                generation.needs_flush};
  return std::optional<Generation>(std::move(generation));
}

base::Result<std::optional<model::SyncState>> HttpTarget::ReadState(
    const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  auto generation = Resolve(tree);
  if (!generation) return std::move(generation).error();
  if (!*generation) return std::optional<model::SyncState>();
  const auto state = (*generation)->meta.find("pgsync");
  if (state == (*generation)->meta.end()) {
    if (!tree.alias) return std::optional<model::SyncState>();
    return base::Refused(
        fmt::format("alias \"{0}\" stands for index \"{1}\", which pgsync did not make; remove the "
                    "alias, or choose another "
                    "\"index\" in the schema file",
                    tree.index, (*generation)->name));
  }
  auto parsed = ParseState(state->dump(), fmt::format("index \"{}\"", (*generation)->name));
  if (!parsed) return std::move(parsed).error();
  return std::optional<model::SyncState>(std::move(*parsed));
}

base::Status HttpTarget::PutMeta(const std::string& index, Json meta,
                                 const model::SyncState& state) {
  meta["pgsync"] = Json::parse(StateToJson(state));
  return StoreMeta(client_, index, meta);  // replaces all of _meta, hence the merge
}

base::Status HttpTarget::WriteState(const schema::DocumentTree& tree,
                                    const model::SyncState& state) {
  std::lock_guard lock(mutex_);
  const auto doing = fmt::format("storing the state of \"{}\"", tree.index);
  if (!generations_.contains(tree.Place())) {
    auto resolved = Resolve(tree);
    if (!resolved) return std::move(resolved).error().While(doing);
  }
  const auto known = generations_.find(tree.Place());
  const base::Error gone = base::Refused(
      fmt::format("index \"{}\" was deleted, made again by somebody else, or its alias "
                  "was led to another index, while pgsync was writing to it; start "
                  "pgsync-consumer again, which loads it anew or says why it cannot",
                  tree.Place()));
  if (known == generations_.end()) return gone;
  const std::string path = "/" + EscapePathPart(known->second.name);
  if (known->second.needs_flush) {
    auto flushed = Ask("POST", path + "/_flush");
    if (!flushed) return std::move(flushed).error().While(doing);
  }
  // By the name that documents are written to: what it leads to by now.
  auto mapping = client_.Send(
      {.method = "GET",
       .path = "/" + EscapePathPart(tree.Place()) + "/_mapping?filter_path=*.mappings._meta"});
  if (!mapping) return std::move(mapping).error().While(doing);
  if (mapping->status == 404) return gone;
  if (mapping->status != 200) return Failure(*mapping).While(doing);
  const Json json = Json::parse(mapping->body, nullptr, false);
  if (!json.is_object() || !json.contains(known->second.name)) return gone;
  Json meta = MetaOf(json[known->second.name]);
  if (!meta.contains("pgsync")) return gone;
  const auto present = ParseState(meta["pgsync"].dump(), fmt::format("index \"{}\"", tree.Place()));
  if (present) {
    if (auto may = MayReplace(*present, state, tree.index); !may) return may;
  }
  auto put = PutMeta(known->second.name, std::move(meta), state);
  if (!put) return std::move(put).error().While(doing);
  return {};
}

// Only of generations: a plain index is the user's, and never altered. What the engines do not
// change in an index is the type of a field that is there.
base::Status HttpTarget::Extend(const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  const Json body = Json::parse(tree.index_body, nullptr, false);
  if (!tree.alias || !body.is_object() || !body.contains("mappings")) return {};
  Json mappings = body["mappings"];
  mappings.erase("_meta");  // replaced as a whole, and ours is in there
  auto generation = Resolve(tree);
  if (!generation) return std::move(generation).error();
  if (!*generation || mappings.empty()) return {};
  const std::string path = fmt::format("/{}/_mapping", EscapePathPart((*generation)->name));
  const std::string text = mappings.dump();
  auto response = client_.Send({.method = "PUT", .path = path, .body = text});
  if (!response) return std::move(response).error();
  if (response->status == 200) return {};
  if (response->status != 400) return Failure(*response);
  return base::Refused(fmt::format(
      "index {}: the engine does not take over the changed mapping: {}. To make the index anew, "
      "run `pgsync-consumer teardown SCHEMA`, then `pgsync-consumer bootstrap --apply SCHEMA`, and "
      "start again; or give the column back its type",
      tree.index, ErrorWordsOf(response->body)));
}

base::Result<uint64_t> HttpTarget::Sweep(const schema::DocumentTree& tree, uint64_t version) {
  if (!tree.versioned) {
    return base::Refused(
        fmt::format("index \"{}\" has \"version\": false, so documents that the tables no longer "
                    "have cannot be told from others; "
                    "delete the index and start pgsync-consumer again, which loads it anew",
                    tree.index));
  }
  // Its own: sweeping takes long, and states have to be stored meanwhile.
  HttpClient client(config_, &hosts_);
  auto swept = SweepIndex(client, tree.Place(), tree.index, version);
  if (!swept)
    return std::move(swept).error().While(fmt::format("sweeping index \"{}\"", tree.index));
  return swept;
}

base::Status HttpTarget::RemoveOtherCopies(const schema::DocumentTree& tree,
                                           const std::vector<model::BulkItem>& items) {
  HttpClient client(config_, &hosts_);  // its own, as for sweeping
  auto removed = RemoveCopies(client, tree.Place(), items);
  if (!removed) {
    return std::move(removed).error().While(
        fmt::format("removing copies under old routings from \"{}\"", tree.index));
  }
  return {};
}

base::Result<std::vector<Target::RootKey>> HttpTarget::Holders(
    const schema::DocumentTree& tree, const std::vector<std::string>& names) {
  HttpClient client(config_);
  auto found = FindHolders(client, tree.Place(), names);
  if (found) return found;
  return std::move(found).error().While(fmt::format("searching \"{}\"", tree.index));
}

base::Status HttpTarget::WriteRejected(const schema::DocumentTree& tree,
                                       const std::vector<Rejected>& rejected) {
  if (rejected.empty()) return {};
  HttpClient client(config_, &hosts_);
  return StoreDeadLetters(client, tree.index, rejected);
}

base::Result<uint64_t> HttpTarget::Count(const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  auto answer = Ask("GET", fmt::format("/{}/_count", EscapePathPart(tree.Place())));
  if (!answer) return std::move(answer).error();
  const auto count = answer->find("count");
  if (count == answer->end() || !count->is_number_unsigned()) {
    return base::Fatal("the engine's answer to _count has no count");
  }
  return count->get<uint64_t>();
}

base::Status HttpTarget::MakeSearchable(const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  return Refresh(client_, tree.Place());
}

base::Status HttpTarget::DeleteIndex(const std::string& name) {
  auto response = client_.Send({.method = "DELETE", .path = "/" + EscapePathPart(name)});
  if (!response) return std::move(response).error();
  if (response->status == 200 || response->status == 404) return {};
  return Failure(*response).While(fmt::format("deleting index \"{}\"", name));
}

// Deletes by exact names, and only what carries our state: a wildcard could hit an index that is
// somebody else's.
base::Status HttpTarget::Drop(const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  generations_.clear();
  std::vector<std::string> ours;
  auto found = DescribeIndices(tree.alias ? tree.index + "_*" : tree.index);
  if (!found) return std::move(found).error();
  if (*found && tree.alias) {
    for (const FoundGeneration& generation : GenerationsIn(**found, tree.index)) {
      if (generation.meta.contains("pgsync")) ours.push_back(generation.name);
    }
  } else if (*found) {
    for (const auto& [name, description] : (*found)->items()) {
      if (MetaOf(description).contains("pgsync")) ours.push_back(name);
    }
  }
  ours.push_back(DeadLetterIndex(tree.index));
  for (const std::string& name : ours) {
    if (auto deleted = DeleteIndex(name); !deleted) return deleted;
  }
  return {};
}

namespace {

// Moves `user:password@` out of the URL, so that it can be shown.
void TakeCredentials(HttpConfig* config) {
  const size_t scheme = config->url.find("://");
  const size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t host_end = std::min(config->url.find('/', begin), config->url.size());
  const size_t at = config->url.rfind('@', host_end);
  if (at != std::string::npos && at >= begin) {
    const std::string credentials = config->url.substr(begin, at - begin);
    config->url.erase(begin, at + 1 - begin);
    if (config->user.empty()) {
      const size_t colon = credentials.find(':');
      config->user = credentials.substr(0, colon);
      if (colon != std::string::npos) config->password = credentials.substr(colon + 1);
    }
  }
  while (config->url.ends_with('/')) config->url.pop_back();
}

}  // namespace

std::unique_ptr<Target> MakeHttpTarget(HttpConfig config,
                                       const std::vector<schema::DocumentTree>& trees,
                                       base::Logger& log) {
  TakeCredentials(&config);
  return std::make_unique<HttpTarget>(std::move(config), trees, log);
}

}  // namespace sink
