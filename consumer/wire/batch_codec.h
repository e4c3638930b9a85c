// Batch codec: model::Batch <-> bytes, for queues that leave the process. Pure; nothing here
// throws.
//
//   packed   = version batch
//   version  = one byte, 0x03
//   batch    = [floor, last_commit, complete_through,
//               [xid...], [touch...], [rebuild...], [range...]]
//   touch    = [document, entry, [value...]]
//   rebuild  = [document, sweep]
//   range    = [document, chunk, relation, by_key, first_page, end_page,
//               [after_key...], [through_key...], cut]
//
// Everything after the version byte is msgpack: positions and numbers are unsigned integers, sweep
// and by_key booleans, values strings or nil (NULL), keys strings. Arrays have exactly the lengths
// above, so a new field is a new version; an entry of another version is an error, never a guess.
// The disadvantage: a queue that still holds entries cannot be read across a change of version; the
// remedy is to drop the queue, because the slot has it all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "consumer/base/result.h"
#include "consumer/model/batch.h"

namespace wire {

inline constexpr unsigned char kBatchVersion = 3;

std::string PackBatch(const model::Batch& batch);

// Accepts exactly what PackBatch makes. kFatal with the offset of what is wrong. Allocates no more
// than a small multiple of the size of `bytes`, whatever lengths they claim.
base::Result<model::Batch> UnpackBatch(std::string_view bytes);

// Returns about the size of PackBatch's result (never less), without packing.
size_t PackedSizeBound(const model::Batch& batch);

}  // namespace wire
