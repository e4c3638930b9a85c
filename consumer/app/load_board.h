// LoadBoard: how far the loads of all documents are. Workers mark chunks done, the loader waits for
// them, the pipeline stores the progress in the target. Thread safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "consumer/model/batch.h"
#include "consumer/model/sync_state.h"
#include "consumer/progress/chunk_tracker.h"

namespace app {

class LoadBoard {
 public:
  // One stored progress per document.
  explicit LoadBoard(const std::vector<model::LoadProgress>& stored);

  // The loader begins, or goes on with, a plan. Another plan than the stored one forgets what was
  // done. Returns the number of this cutting of the table, which all its ranges have to carry: the
  // same plan cuts pages the same way every time, but keys anew (`by_key`).
  uint32_t SetPlan(uint32_t document, const std::string& plan, uint32_t chunks, bool by_key);
  // Plans by key learn their length at the end.
  void SetChunks(uint32_t document, uint32_t chunks);
  // `settled`: the end of the WAL by now.
  void SetComplete(uint32_t document, base::Lsn settled);

  // Ranges of another cutting than the present one (left in the queue, or in the hands of a worker
  // when the load began again) are ignored: their numbers stand for other rows.
  void MarkDone(const model::LoadRange& range, uint64_t documents);

  bool IsDone(uint32_t document, uint32_t chunk) const;
  uint32_t NextUnfinished(uint32_t document, uint32_t chunk) const;
  model::LoadProgress Progress(uint32_t document) const;
  bool AllComplete() const;
  // Nothing that the stream has yet to send after `position` can have moved rows past a load.
  bool AllSettled(base::Lsn position) const;

  // Grows with every change; what the pipeline compares to know whether there is something to
  // store.
  uint64_t Revision() const;

  // Waits until all chunks of the document are done, at most `wait`.
  bool WaitAllDone(uint32_t document, std::chrono::milliseconds wait) const;

 private:
  struct Load {
    model::LoadProgress progress;
    progress::ChunkTracker tracker;
    std::optional<uint32_t> cut;  // nothing before SetPlan
  };
  bool AllDone(const Load& load) const;
  static model::LoadProgress StoredProgress(const Load& load);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Load> loads_;
  uint64_t revision_ = 0;
};

// The JSON form of a key, as LoadProgress keeps it: ["a","b"], and back.
std::string KeyToJson(const std::vector<std::string>& key);
std::vector<std::string> KeyFromJson(const std::string& json);

}  // namespace app
