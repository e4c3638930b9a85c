// Makes bulk requests and trees for the sink's tests.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "consumer/model/bulk.h"
#include "consumer/model/sync_state.h"
#include "consumer/schema/tree.h"

namespace sink_test {

inline std::vector<schema::DocumentTree> Trees(const std::vector<std::string>& indices) {
  std::vector<schema::DocumentTree> trees(indices.size());
  for (size_t i = 0; i < indices.size(); ++i) {
    trees[i].number = static_cast<uint32_t>(i);
    trees[i].index = indices[i];
    trees[i].index_body =
        R"({"mappings":{"_meta":{"owner":"us"},"properties":{"t":{"type":"text"}}}})";
  }
  return trees;
}

inline void Add(model::BulkRequest* request, bool is_delete, const std::string& id,
                uint64_t version, const std::string& document, uint32_t number) {
  model::BulkItem item;
  item.kind = is_delete ? model::BulkItem::Kind::kDelete : model::BulkItem::Kind::kIndex;
  item.document = number;
  item.id = id;
  item.version = version;
  item.action_offset = request->body.size();
  request->body +=
      fmt::format(R"({{"{}":{{"_id":"{}","version":{},"version_type":"external_gte"}}}})",
                  is_delete ? "delete" : "index", id, version) +
      "\n";
  item.document_offset = request->body.size();
  if (!is_delete) request->body += document + "\n";
  item.end_offset = request->body.size();
  request->items.push_back(item);
}

inline void Put(model::BulkRequest* request, const std::string& id, uint64_t version,
                const std::string& document, uint32_t number = 0) {
  Add(request, false, id, version, document, number);
}
inline void Delete(model::BulkRequest* request, const std::string& id, uint64_t version,
                   uint32_t number = 0) {
  Add(request, true, id, version, "", number);
}

inline model::SyncState State() {
  model::SyncState state;
  state.fingerprint = "f00d";
  state.system_identifier = "7300000000000000001";
  state.database = "shop";
  state.slot = "shop_book";
  state.applied = base::Lsn{0x16B374D848};
  state.timeline = 3;
  state.load.plan = "public.book:16384";
  state.load.chunks = 7;
  state.load.done_below = 3;
  state.load.done_above = {5, 6};
  state.load.last_key_json = R"(["12"])";
  state.load.documents = 1234;
  return state;
}

}  // namespace sink_test
