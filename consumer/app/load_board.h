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
  // One stored progress per document. `wanted`: those that are to be loaded now; empty: all.
  explicit LoadBoard(const std::vector<model::LoadProgress>& stored,
                     const std::vector<bool>& wanted = {});

  // The loader begins, or goes on with, a plan. Another plan than the stored one forgets what was
  // done. Returns the number of this cutting of the table, which all its ranges have to carry: the
  // same plan cuts pages the same way every time, but keys anew (`by_key`).
  uint32_t SetPlan(uint32_t document, const std::string& plan, uint32_t chunks, bool by_key);
  // How many documents there will be, about; 0: nobody knows. From here on the load takes time.
  void SetExpected(uint32_t document, uint64_t documents);
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
  bool Wanted(uint32_t document) const;
  bool WantedComplete() const;
  // The same as AllSettled, of those alone that are to be loaded now.
  bool WantedSettled(base::Lsn position) const;
  // Nothing that the stream has yet to send after `position` can have moved rows past a load.
  bool AllSettled(base::Lsn position) const;

  // `progress` of this document is stored in the target: a killed load goes on from there.
  void SetStored(uint32_t document, const model::LoadProgress& progress);
  // Chunks that are done, but would be done again after a kill.
  uint32_t Unstored() const;
  // Chunks of the document that are stored as done.
  uint32_t StoredChunks(uint32_t document) const;
  uint32_t DoneChunks(uint32_t document) const;

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
    bool wanted = true;
    uint32_t stored_chunks = 0;
    // While this process works on it.
    std::optional<std::chrono::steady_clock::time_point> since;
  };
  bool AllDone(const Load& load) const;
  static bool Settled(const Load& load, base::Lsn position);
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
