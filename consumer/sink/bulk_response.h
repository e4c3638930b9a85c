// What an engine's answer means for the documents sent. Pure: status and text in, outcome or error
// out. The rule of the room (design D11): what is known to pass is retried, what is known to be the
// document's fault is rejected, and all else stops the daemon loudly, because guessing here loses
// documents.
//
//   200 with items, per item:
//     2xx                                              done
//     404 of a deletion, without an error              done (there was nothing to delete; the
//     engine keeps the version) 409 version_conflict…                            fresher 429, 502,
//     503, 504; a passing error type         retry (full queues, tripped breakers, moving shards,
//     flood stage) 403 cluster_block_exception                      retry (index.blocks.…: disk
//     flood stage, maintenance) other 401, 403                                   kRefused, whole
//     request 404 index_not_found…, index_closed…              kRefused, whole request 400, 413,
//     422                                    rejected anything else kFatal
//   408, 429, 502, 503, 504, passing error types       kRetry
//   401, 403                                           kRefused, with the privileges needed
//   anything else                                      kFatal
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/model/bulk.h"

namespace sink {

// `status` and `body` answer a bulk request that carried `items`, in this order.
// `ignored_of_deletions`: what else than 404 is a success of a deletion, if it would mean a
// rejected document otherwise.
base::Result<model::BulkOutcome> ClassifyBulk(int status, std::string_view body,
                                              std::span<const model::BulkItem> items,
                                              std::span<const int> ignored_of_deletions = {});

// The error that an answer to any request means. REQUIRES: the answer is not a success.
base::Error ClassifyFailure(int status, std::string_view body);

// What an answer says about a request's parts.
enum class PartsAdvice {
  kNone,         // nothing: the answer is about the whole
  kSplit,        // smaller ones may pass now (a tripped breaker); alone, an item is retried
  kSplitReject,  // one of the items is at fault (413; or the check that engines make over all items
                 // at once, e.g. an _id over 512 bytes); alone, an item is rejected
};
PartsAdvice AdviceFor(int status, std::string_view body);

// The `type` of the error in an answer's body, "" if there is none.
std::string ErrorTypeOf(std::string_view body);

// "type: reason" of it, bounded.
std::string ErrorWordsOf(std::string_view body);

}  // namespace sink
