// Reader: what a target holds, for the commands that look at it (verify, dlq). The daemon never
// reads documents back. Implementations: http_reader, sqlite_reader. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"

namespace sink {

struct StoredDocument {
  std::string id;
  std::string routing;  // "" = by id
  uint64_t version = 0;
  std::string body;  // JSON text; "" where only ids were asked for
};

struct DeadLetter {
  std::string id;
  std::string reason;
  std::string document;  // JSON text, or what the letter holds in its place
  uint64_t version = 0;
  std::string lsn;
  std::string at;   // when it was written: milliseconds since 1970, or ISO 8601, as the target says
  std::string tag;  // the target's own: which writing of the letter this is
};

// Each call sees what was written before it. An error of a callback ends the call and is its
// result.
class Reader {
 public:
  virtual ~Reader() = default;

  // Those of `ids` that are there, in any order; several of one id where they lie under several
  // routings.
  virtual base::Status Documents(const std::vector<std::string>& ids,
                                 const std::function<base::Status(StoredDocument)>& see) = 0;
  // All documents without their bodies.
  virtual base::Status Ids(const std::function<base::Status(StoredDocument)>& see) = 0;
  // Deletes a document whose version is not above `version` (0: whatever it is).
  virtual base::Status Remove(const StoredDocument& document, uint64_t version) = 0;

  virtual base::Status DeadLetters(const std::function<base::Status(DeadLetter)>& see) = 0;
  // Unless it was written again meanwhile.
  virtual base::Status RemoveDeadLetter(const DeadLetter& letter) = 0;
};

}  // namespace sink
