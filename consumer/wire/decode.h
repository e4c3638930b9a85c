// Frames of the pgsync plugin -> model::Record. The grammar is decoder/WIRE_FORMAT.md; the bytes
// come from source/, the records go to assemble/affected_roots. Strict: what the grammar does not
// know (version, tag, extension, arity, relation id, a record out of its place, bytes after the
// last one) is a kFatal error that names the offset, because guessing is how data gets silently
// wrong.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/model/row_change.h"
#include "consumer/wire/record_order.h"
#include "consumer/wire/tokens.h"

namespace wire {

// Decodes the frames of one stream session in their order: relation records are remembered, for the
// changes that name them only by id. One owner, one thread. Memory stays in proportion to the
// frame, whatever lengths it claims.
class Decoder {
 public:
  explicit Decoder(Asked asked = {}) : asked_(asked), order_(asked) {}

  // Returns the records of one frame, in order. After an error the session is unusable up to
  // Reset().
  base::Result<std::vector<model::Record>> Decode(std::string_view frame);

  // Forgets everything: a new session sends relations, and transactions in progress, again.
  void Reset();

 private:
  Asked asked_;
  RecordOrder order_;
  std::unordered_map<uint32_t, std::shared_ptr<const model::Relation>> relations_;
  std::vector<Token> tokens_;  // of the record at hand; kept for its memory
};

}  // namespace wire
