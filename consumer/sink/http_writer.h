// HttpWriter: bulk requests to an engine, over a connection of its own. Sends to the alias (or
// plain index) of the items' document; what the engine refuses as a whole for its size, or what is
// more than it is to be sent at once, it sends in halves. One thread.
#pragma once

#include <optional>
#include <vector>

#include "consumer/sink/bulk_limits.h"
#include "consumer/sink/http_client.h"
#include "consumer/sink/target.h"

namespace sink {

class HttpWriter : public Writer {
 public:
  // `require_alias`: the engine knows that parameter (Elasticsearch 7.10, OpenSearch). With it a
  // deleted alias is an error and not an index that the engine makes up. `trees` is borrowed for
  // the writer's life, and so are `hosts` and `gate`, which all writers of a target share.
  HttpWriter(const HttpConfig& config, const std::vector<schema::DocumentTree>& trees,
             bool require_alias, Hosts& hosts, BulkGate& gate)
      : Writer(config.retry),
        client_(config, &hosts),
        trees_(trees),
        gate_(gate),
        most_items_(config.max_bulk_items),
        ignored_of_deletions_(config.ignored_of_deletions),
        require_alias_(require_alias) {}

  // REQUIRES: the items are all of one document, and lie in the body one after the other.
  base::Result<model::BulkOutcome> Write(const model::BulkRequest& request) override;
  void SetDeadline(std::chrono::steady_clock::time_point deadline) override {
    deadline_ = deadline;
  }

 private:
  base::Status WriteSendable(const std::string& path, const model::BulkRequest& request,
                             model::BulkOutcome* outcome);
  base::Status WriteLostGuesses(const std::string& path, const model::BulkRequest& request,
                                model::BulkOutcome* outcome);
  base::Result<HttpResponse> SendBulk(const std::string& path, std::string_view body);
  base::Status WritePart(const std::string& path, const model::BulkRequest& request, size_t begin,
                         size_t end, model::BulkOutcome* outcome);

  HttpClient client_;
  const std::vector<schema::DocumentTree>& trees_;
  BulkGate& gate_;
  const size_t most_items_;
  const std::vector<int> ignored_of_deletions_;
  const bool require_alias_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

// The part of a bulk answer that is worth its bytes.
inline constexpr char kBulkFilter[] =
    "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,"
    "items.*.error.caused_by.reason,error.type,error.reason";

}  // namespace sink
