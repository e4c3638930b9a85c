// HttpTarget: Elasticsearch (7 and later) and OpenSearch. Documents live in generations behind an
// alias (design D8):
//   alias book -> index book_1   mappings._meta.pgsync = the synchronization's state (design D6,
//   state_json.h)
//                 index book-rejected   dead letters
// or, with `"alias": false`, in the plain index book. We are the only writer of `_meta.pgsync`;
// other keys of `_meta` are the user's and are kept. That it is still there is checked before every
// write: an index that somebody deleted and an engine made again by itself would otherwise be taken
// for complete.
#include <fmt/format.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "consumer/sink/bulk_response.h"
#include "consumer/sink/dead_letter_index.h"
#include "consumer/sink/engine_probe.h"
#include "consumer/sink/holders.h"
#include "consumer/sink/http_client.h"
#include "consumer/sink/http_reader.h"
#include "consumer/sink/http_writer.h"
#include "consumer/sink/state_json.h"
#include "consumer/sink/sweep.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr int kMostGenerations = 10'000;

// What is behind a document's index name.
struct Generation {
  std::string name;       // of the real index
  bool is_alias = false;  // reached through an alias
  Json meta;              // mappings._meta
  bool needs_flush =
      false;  // index.translog.durability = async: acknowledged writes may be in memory only
};

Json MetaIn(const Json& index) {
  const Json meta = index.value(Json::json_pointer("/mappings/_meta"), Json::object());
  return meta.is_object() ? meta : Json::object();
}

bool IsAsync(const Json& index) {
  const Json durability =
      index.value(Json::json_pointer("/settings/index/translog/durability"), Json("request"));
  return durability.is_string() && (durability == "async" || durability == "ASYNC");
}

class HttpTarget : public Target {
 public:
  HttpTarget(HttpConfig config, const std::vector<schema::DocumentTree>& trees, base::Logger& log)
      : config_(std::move(config)),
        trees_(trees),
        log_(log),
        hosts_(config_.url, &log),
        gate_(config_.max_bulk_bytes, config_.max_bulk_requests),
        client_(config_, &hosts_) {}

  std::string Describe() const override {
    std::lock_guard lock(mutex_);
    return fmt::format("{} at {}", product_, config_.url);
  }
  base::Status Probe() override;
  base::Result<std::optional<model::SyncState>> ReadState(
      const schema::DocumentTree& tree) override;
  base::Status Create(const schema::DocumentTree& tree, const model::SyncState& state) override;
  base::Status WriteState(const schema::DocumentTree& tree, const model::SyncState& state) override;
  base::Status Extend(const schema::DocumentTree& tree) override;
  std::unique_ptr<Writer> NewWriter() override {
    std::lock_guard lock(mutex_);
    return std::make_unique<HttpWriter>(config_, trees_, require_alias_, hosts_, gate_);
  }
  base::Result<std::unique_ptr<Reader>> NewReader(const schema::DocumentTree& tree) override {
    return std::unique_ptr<Reader>(std::make_unique<HttpReader>(config_, tree.index));
  }
  base::Result<uint64_t> Sweep(const schema::DocumentTree& tree, uint64_t version) override;
  base::Status RemoveOtherCopies(const schema::DocumentTree& tree,
                                 const std::vector<model::BulkItem>& items) override;
  bool FindsHolders() const override { return true; }
  base::Result<std::vector<RootKey>> Holders(const schema::DocumentTree& tree,
                                             const std::vector<std::string>& names) override;
  base::Status WriteRejected(const schema::DocumentTree& tree,
                             const std::vector<Rejected>& rejected) override;
  base::Result<uint64_t> Count(const schema::DocumentTree& tree) override;
  base::Status MakeSearchable(const schema::DocumentTree& tree) override;
  base::Status Drop(const schema::DocumentTree& tree) override;

 private:
  // All of these: REQUIRES mutex_ held.
  base::Result<Json> Ask(std::string_view method, const std::string& path,
                         std::string_view body = {});
  base::Result<std::optional<Json>> DescribeIndices(const std::string& name);
  base::Result<std::optional<Generation>> Resolve(const schema::DocumentTree& tree);
  base::Result<std::string> CreateGeneration(const schema::DocumentTree& tree, Json body);
  base::Error Failure(const HttpResponse& response) const {
    return ClassifyFailure(response.status, response.body).While(client_.url());
  }
  base::Status CheckPipelines();
  base::Status PutMeta(const std::string& index, Json meta, const model::SyncState& state);
  base::Status DeleteIndex(const std::string& name);

  const HttpConfig config_;
  const std::vector<schema::DocumentTree>& trees_;
  base::Logger& log_;
  Hosts hosts_;
  BulkGate gate_;
  mutable std::mutex mutex_;  // guards all below
  HttpClient client_;
  std::string product_ = "engine";
  bool require_alias_ = false;
  std::map<std::string, Generation> generations_;  // by tree.index, without `meta`
};

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
  auto found = DescribeIndices(tree.index);
  if (!found) return std::move(found).error();
  if (!*found) {
    generations_.erase(tree.index);
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
  Generation generation{only.key(), only.key() != tree.index, MetaIn(only.value()),
                        IsAsync(only.value())};
  generations_[tree.index] = {generation.name, generation.is_alias, Json(), generation.needs_flush};
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

base::Status HttpTarget::Create(const schema::DocumentTree& tree, const model::SyncState& state) {
  std::lock_guard lock(mutex_);
  Json body =
      tree.index_body.empty() ? Json::object() : Json::parse(tree.index_body, nullptr, false);
  if (!body.is_object()) {
    return base::Fatal(fmt::format("the index body of \"{}\" is not a JSON object", tree.index));
  }
  Json& mappings = body["mappings"];
  if (!mappings.is_object()) mappings = Json::object();
  if (!mappings["_meta"].is_object()) mappings["_meta"] = Json::object();
  mappings["_meta"]["pgsync"] = Json::parse(StateToJson(state));

  auto made = CreateGeneration(tree, std::move(body));
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
    return {};
  }
  const auto there = (*generation)->meta.find("pgsync");
  if (tree.alias && (there == (*generation)->meta.end() || !IsBeginning(there->dump(), state))) {
    return base::Retry(fmt::format("index \"{}\" appeared while it was being created; start again",
                                   (*generation)->name));
  }
  return PutMeta((*generation)->name, std::move((*generation)->meta), state);
}

// Makes the first generation that is free, with the alias on it; or the plain index. Returns its
// name, or "" if the plain index is there already, or the alias by now.
base::Result<std::string> HttpTarget::CreateGeneration(const schema::DocumentTree& tree,
                                                       Json body) {
  if (tree.alias) body["aliases"][tree.index] = Json::object();
  const std::string text = body.dump();
  for (int number = 1; number <= kMostGenerations; ++number) {
    const std::string name = tree.alias ? fmt::format("{}_{}", tree.index, number) : tree.index;
    auto response =
        client_.Send({.method = "PUT", .path = "/" + EscapePathPart(name), .body = text});
    if (!response) return std::move(response).error();
    if (response->status == 200) return name;
    const std::string type = ErrorTypeOf(response->body);
    const bool exists = type == "resource_already_exists_exception" ||
                        (!tree.alias && type == "invalid_index_name_exception");
    if (exists && !tree.alias && DescribeIndices(name)) return std::string();
    if (exists && tree.alias) {
      // A request that nobody waited for any more may have come through: ours, sent again after a
      // lost connection, or that of a process that was killed. A second index must not get the
      // alias, too.
      auto by_now = Resolve(tree);
      if (!by_now) return std::move(by_now).error();
      if (*by_now) return std::string();
      continue;  // a generation left over from another time
    }
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
  return base::Refused(fmt::format("{}_1 to {}_{} all exist; delete those that are not in use",
                                   tree.index, tree.index, kMostGenerations));
}

base::Status HttpTarget::PutMeta(const std::string& index, Json meta,
                                 const model::SyncState& state) {
  meta["pgsync"] = Json::parse(StateToJson(state));
  const Json body = {{"_meta", std::move(meta)}};  // replaces all of _meta, hence the merge
  auto answer = Ask("PUT", fmt::format("/{}/_mapping", EscapePathPart(index)), body.dump());
  if (!answer) return std::move(answer).error();
  if (!answer->value("acknowledged", false)) {
    return base::Retry(
        fmt::format("not all nodes have confirmed the state of index \"{}\"", index));
  }
  return {};
}

base::Status HttpTarget::WriteState(const schema::DocumentTree& tree,
                                    const model::SyncState& state) {
  std::lock_guard lock(mutex_);
  const auto doing = fmt::format("storing the state of \"{}\"", tree.index);
  if (!generations_.contains(tree.index)) {
    auto resolved = Resolve(tree);
    if (!resolved) return std::move(resolved).error().While(doing);
  }
  const auto known = generations_.find(tree.index);
  const base::Error gone = base::Refused(
      fmt::format("index \"{}\" was deleted, made again by somebody else, or its alias "
                  "was led to another index, while pgsync was writing to it; start "
                  "pgsync-consumer again, which loads it anew or says why it cannot",
                  tree.index));
  if (known == generations_.end()) return gone;
  const std::string path = "/" + EscapePathPart(known->second.name);
  if (known->second.needs_flush) {
    auto flushed = Ask("POST", path + "/_flush");
    if (!flushed) return std::move(flushed).error().While(doing);
  }
  // By the name that documents are written to: what it leads to by now.
  auto mapping = client_.Send(
      {.method = "GET",
       .path = "/" + EscapePathPart(tree.index) + "/_mapping?filter_path=*.mappings._meta"});
  if (!mapping) return std::move(mapping).error().While(doing);
  if (mapping->status == 404) return gone;
  if (mapping->status != 200) return Failure(*mapping).While(doing);
  const Json json = Json::parse(mapping->body, nullptr, false);
  if (!json.is_object() || !json.contains(known->second.name)) return gone;
  Json meta = MetaIn(json[known->second.name]);
  if (!meta.contains("pgsync")) return gone;
  const auto present = ParseState(meta["pgsync"].dump(), fmt::format("index \"{}\"", tree.index));
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
  auto swept = SweepIndex(client, tree.index, version);
  if (!swept)
    return std::move(swept).error().While(fmt::format("sweeping index \"{}\"", tree.index));
  return swept;
}

base::Status HttpTarget::RemoveOtherCopies(const schema::DocumentTree& tree,
                                           const std::vector<model::BulkItem>& items) {
  HttpClient client(config_, &hosts_);  // its own, as for sweeping
  auto removed = RemoveCopies(client, tree.index, items);
  if (!removed) {
    return std::move(removed).error().While(
        fmt::format("removing copies under old routings from \"{}\"", tree.index));
  }
  return {};
}

base::Result<std::vector<Target::RootKey>> HttpTarget::Holders(
    const schema::DocumentTree& tree, const std::vector<std::string>& names) {
  HttpClient client(config_);
  auto found = FindHolders(client, tree.index, names);
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
  auto answer = Ask("GET", fmt::format("/{}/_count", EscapePathPart(tree.index)));
  if (!answer) return std::move(answer).error();
  const auto count = answer->find("count");
  if (count == answer->end() || !count->is_number_unsigned()) {
    return base::Fatal("the engine's answer to _count has no count");
  }
  return count->get<uint64_t>();
}

base::Status HttpTarget::MakeSearchable(const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  auto answer = Ask("POST", fmt::format("/{}/_refresh", EscapePathPart(tree.index)));
  if (!answer) return std::move(answer).error();
  return {};
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
  generations_.erase(tree.index);
  std::vector<std::string> ours;
  auto found = DescribeIndices(tree.alias ? tree.index + "_*" : tree.index);
  if (!found) return std::move(found).error();
  if (*found) {
    const std::string prefix = tree.index + "_";
    for (const auto& [name, description] : (*found)->items()) {
      const bool generation =
          name.starts_with(prefix) && name.size() > prefix.size() &&
          name.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
      if ((generation || !tree.alias) && MetaIn(description).contains("pgsync"))
        ours.push_back(name);
    }
  }
  ours.push_back(DeadLetterIndex(tree.index));
  for (const std::string& name : ours) {
    if (auto deleted = DeleteIndex(name); !deleted) return deleted;
  }
  return {};
}

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
