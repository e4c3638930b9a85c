// HttpTarget: Elasticsearch (7 and later) and OpenSearch. Documents live in generations behind an
// alias (design D8):
//   alias book -> index book_1   mappings._meta.pgsync = the synchronization's state (design D6,
//   state_json.h)
//                 index book-rejected   dead letters
// or, with `"alias": false`, in the plain index book. We are the only writer of `_meta.pgsync`;
// other keys of `_meta` are the user's and are kept. That it is still there is checked before every
// write: an index that somebody deleted and an engine made again by itself would otherwise be taken
// for complete.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "consumer/sink/bulk_response.h"
#include "consumer/sink/hosts.h"
#include "consumer/sink/http_client.h"
#include "consumer/sink/http_reader.h"
#include "consumer/sink/http_writer.h"
#include "consumer/sink/target.h"

namespace sink {

// What is behind a document's index name.
struct Generation {
  std::string name;       // of the real index
  bool is_alias = false;  // reached through an alias
  nlohmann::json meta;    // mappings._meta
  bool needs_flush =
      false;  // index.translog.durability = async: acknowledged writes may be in memory only
};

class HttpTarget : public Target {
 public:
  HttpTarget(HttpConfig config, const std::vector<schema::DocumentTree>& trees, base::Logger& log)
      : config_(std::move(config)),
        trees_(trees),
        log_(log),
        hosts_(config_.url, &log),
        gate_(config_.max_bulk_bytes, config_.max_bulk_requests),
        client_(config_, &hosts_) {}

  std::string Describe() const override;
  base::Status Probe() override;
  base::Result<std::optional<model::SyncState>> ReadState(
      const schema::DocumentTree& tree) override;
  base::Status Create(const schema::DocumentTree& tree, const model::SyncState& state) override;
  base::Status WriteState(const schema::DocumentTree& tree, const model::SyncState& state) override;
  base::Status Extend(const schema::DocumentTree& tree) override;
  base::Status EndLoad(const schema::DocumentTree& tree) override;
  bool KeepsGenerations(const schema::DocumentTree& tree) const override { return tree.alias; }
  base::Result<std::vector<GenerationState>> Generations(const schema::DocumentTree& tree) override;
  base::Result<std::string> CreateBeside(const schema::DocumentTree& tree,
                                         const model::SyncState& state) override;
  base::Status Serve(const schema::DocumentTree& tree) override;
  base::Status DropGeneration(const schema::DocumentTree& tree, const std::string& name) override;
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
  base::Result<nlohmann::json> Ask(std::string_view method, const std::string& path,
                                   std::string_view body = {});
  base::Result<std::optional<nlohmann::json>> DescribeIndices(const std::string& name);
  base::Result<std::optional<Generation>> Resolve(const schema::DocumentTree& tree);
  base::Result<std::string> CreateGeneration(const schema::DocumentTree& tree,
                                             const model::SyncState& state, bool beside);
  base::Error Failure(const HttpResponse& response) const {
    return ClassifyFailure(response.status, response.body).While(client_.url());
  }
  base::Status CheckPipelines();
  base::Status PutMeta(const std::string& index, nlohmann::json meta,
                       const model::SyncState& state);
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
  std::map<std::string, Generation> generations_;  // by tree.Place(), without `meta`
};

}  // namespace sink
