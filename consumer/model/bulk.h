// BulkRequest: documents on their way to a target, already in the text that the engines' bulk API
// takes: for every item an action line and, for an index action, the document's line. Targets that
// are not engines use the items' offsets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace model {

struct BulkItem {
  enum class Kind : uint8_t { kIndex, kDelete };
  Kind kind = Kind::kIndex;
  uint32_t document = 0;  // position in the schema file
  std::string id;
  std::string routing;  // "" = by id
  // Of a document whose routing is known only when it is finished: copies of it may lie under other
  // routings, and have to be looked for. A deletion of this kind is nothing but that search.
  bool any_routing = false;
  uint64_t version = 0;  // ordinal of the snapshot it was built from (design D3); 0 = unversioned
  size_t action_offset = 0;    // start of the action line in `body`
  size_t document_offset = 0;  // start of the document's line; == end_offset for a deletion
  size_t end_offset = 0;       // first byte after this item's last newline
};

// A document that could not be made: a value of its rows cannot be JSON. It goes to the dead
// letters without having been sent.
struct Unmade {
  uint32_t document = 0;
  std::string id;
  uint64_t version = 0;
  std::string reason;  // names table, column and key, never the value
};

struct BulkRequest {
  std::string body;
  std::vector<BulkItem> items;
  std::vector<Unmade> unmade;

  // The document's JSON text without its newline; "" for a deletion.
  std::string_view Document(const BulkItem& item) const {
    if (item.document_offset == item.end_offset) return {};
    return std::string_view(body).substr(item.document_offset,
                                         item.end_offset - item.document_offset - 1);
  }
  std::string_view Text(const BulkItem& item) const {
    return std::string_view(body).substr(item.action_offset, item.end_offset - item.action_offset);
  }
  // Adds a copy of an item of another request.
  void Append(const BulkRequest& from, BulkItem item) {
    const size_t start = body.size();
    body.append(from.Text(item));
    item.document_offset = start + (item.document_offset - item.action_offset);
    item.action_offset = start;
    item.end_offset = body.size();
    items.push_back(std::move(item));
  }
};

enum class ItemStatus : uint8_t {
  kDone,      // durable: written, or deleted, or there was nothing to delete
  kFresher,   // the target holds a newer version already: as good as done
  kRetry,     // 429, 503: the same item again, later
  kRejected,  // never: goes to the dead letters
};

struct ItemOutcome {
  ItemStatus status = ItemStatus::kDone;
  int code = 0;        // HTTP status of the item where there is one
  std::string reason;  // for kRetry and kRejected: the target's words, without the document
};

// One outcome per item, in the order of the items.
struct BulkOutcome {
  std::vector<ItemOutcome> items;
};

}  // namespace model
