// Rewriter: builds single documents anew from the tables and writes them, for commands that mend
// (resync, dlq replay, verify --repair). Versions make it safe beside a running daemon: whoever
// read the tables later wins. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "consumer/app/config.h"
#include "consumer/app/setup.h"
#include "consumer/assemble/builder.h"
#include "consumer/base/log.h"
#include "consumer/base/metrics.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"
#include "consumer/sink/target.h"

namespace app {

class Rewriter {
 public:
  // kRefused: an index is not there, or belongs to another schema file. `schema` outlives it.
  static base::Result<std::unique_ptr<Rewriter>> Open(const Config& config,
                                                      const ResolvedSchema& schema,
                                                      base::Logger& log);

  enum class Outcome : uint8_t {
    kWritten,
    kDeleted,   // the tables have no such row, or its filter does not admit it
    kRejected,  // there is a new dead letter of it
  };
  // `key`: as KeyOf gives it.
  base::Result<Outcome> Write(const schema::DocumentTree& tree,
                              const std::vector<std::string>& key);

  // The version of a build that would begin now.
  base::Result<uint64_t> VersionNow() { return builder_.VersionNow({}); }

  pg::Connection& connection() { return connection_; }
  assemble::Builder& builder() { return builder_; }
  sink::Target& target() { return *target_; }

 private:
  Rewriter(const Config& config, const ResolvedSchema& schema, pg::Connection connection,
           std::unique_ptr<sink::Target> target, base::Logger& log);

  const ResolvedSchema& schema_;
  base::Logger& log_;
  base::StopSignal stop_;  // never requested: a signal ends the command
  base::Metrics metrics_;
  pg::Connection connection_;
  const std::unique_ptr<sink::Target> target_;
  assemble::Builder builder_;
  const std::unique_ptr<sink::Writer> writer_;
};

// The trees of Config::index, or all. kUsage: the file has no such index.
base::Result<std::vector<const schema::DocumentTree*>> ChosenTrees(const Config& config,
                                                                   const ResolvedSchema& schema);

}  // namespace app
