// The text form of SyncState that every target keeps (index mapping `_meta.pgsync`, SQLite table
// `state`, NDJSON sidecar):
//   {"format": 1, "fingerprint": …, "system_identifier": …, "database": …, "slot": …, "applied":
//   "16/B374D848",
//    "load": {"complete", "plan", "chunks", "done_below", "done_above": [n, …], "last_key",
//    "documents"}, "source": the entry of the schema file as text, for the order of its keys,
//    "frozen": true}
// Another format number means that another version of pgsync wrote it: refused, never guessed.
#pragma once

#include <string>
#include <string_view>

#include "consumer/base/result.h"
#include "consumer/model/sync_state.h"

namespace sink {

std::string StateToJson(const model::SyncState& state);

// `where` names the place for the error: `index "book_1"`.
base::Result<model::SyncState> ParseState(std::string_view json_text, std::string_view where);

// Whether the stored text is of the same pipeline as `state`, with the same load not further on:
// of an index as `state` begins it, whatever the position.
bool IsBeginning(std::string_view json_text, const model::SyncState& state);

// kRefused when `present`, which is stored, is further than what shall replace it: positions never
// go back, so somebody else wrote it, while this process was stopped or cut off.
base::Status MayReplace(const model::SyncState& present, const model::SyncState& state,
                        const std::string& index);

}  // namespace sink
