// SchemaWatch: a thread that looks at the system catalogs every two seconds while a pipeline runs.
// The stream says nothing of most DDL: a column that documents should now have, a partition that
// came with its rows, a replica identity that no longer carries what is needed. When the shapes of
// the tables are no longer those that the pipeline began with, it asks the pipeline to stop.
#pragma once

#include <atomic>
#include <thread>

#include "consumer/app/setup.h"
#include "consumer/base/log.h"
#include "consumer/base/stop.h"
#include "consumer/pg/connection.h"

namespace app {

class SchemaWatch {
 public:
  // `schema` and `stop` outlive this.
  SchemaWatch(pg::Target postgres, const ResolvedSchema& schema, base::StopSignal& stop,
              base::Logger& log);
  ~SchemaWatch();

  // Whether it was the tables that made it request `stop`. Any thread.
  const std::atomic<bool>& Changed() const { return changed_; }

 private:
  void Run();

  const pg::Target postgres_;
  const ResolvedSchema& schema_;
  base::StopSignal& stop_;
  base::Logger& log_;
  std::atomic<bool> changed_{false};
  base::StopSignal done_;
  std::thread thread_;
};

}  // namespace app
