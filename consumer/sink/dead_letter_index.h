// Dead letters in an engine: index `<index>-rejected`, whose `document` field is stored but not
// indexed, so that a document which its own index refuses is accepted here. One letter per
// document: a later rejection replaces the earlier one.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/sink/http_client.h"
#include "consumer/sink/target.h"

namespace sink {

std::string DeadLetterIndex(const std::string& index);

// Makes the index if it is missing, and stores all of `rejected` durably.
base::Status StoreDeadLetters(HttpClient& client, const std::string& index,
                              const std::vector<Rejected>& rejected);

// Those of `ids` that have a letter of `version` or later. At most a page of them.
base::Result<std::set<std::string>> RefusedSince(HttpClient& client, const std::string& index,
                                                 const std::vector<std::string>& ids,
                                                 uint64_t version);

}  // namespace sink
