// NullTarget: takes everything and keeps nothing but numbers, to measure what is before it. Its
// state lives as long as it does.
#include <map>
#include <mutex>

#include "consumer/sink/target.h"

namespace sink {
namespace {

class NullTarget : public Target {
 public:
  std::string Describe() const override { return "nothing (null: counts and drops)"; }
  base::Status Probe() override { return {}; }

  base::Result<std::optional<model::SyncState>> ReadState(
      const schema::DocumentTree& tree) override {
    std::lock_guard lock(mutex_);
    return indices_[tree.number].state;
  }
  base::Status Create(const schema::DocumentTree& tree, const model::SyncState& state) override {
    return WriteState(tree, state);
  }
  base::Status WriteState(const schema::DocumentTree& tree,
                          const model::SyncState& state) override {
    std::lock_guard lock(mutex_);
    indices_[tree.number].state = state;
    return {};
  }
  std::unique_ptr<Writer> NewWriter() override { return std::make_unique<NullWriter>(*this); }
  base::Result<uint64_t> Sweep(const schema::DocumentTree&, uint64_t) override {
    return uint64_t{0};
  }
  base::Status WriteRejected(const schema::DocumentTree&, const std::vector<Rejected>&) override {
    return {};
  }
  // Index actions taken: rewritten documents count again.
  base::Result<uint64_t> Count(const schema::DocumentTree& tree) override {
    std::lock_guard lock(mutex_);
    return indices_[tree.number].taken;
  }
  base::Status MakeSearchable(const schema::DocumentTree&) override { return {}; }
  base::Status Drop(const schema::DocumentTree& tree) override {
    std::lock_guard lock(mutex_);
    indices_.erase(tree.number);
    return {};
  }

 private:
  class NullWriter : public Writer {
   public:
    explicit NullWriter(NullTarget& target) : target_(target) {}
    base::Result<model::BulkOutcome> Write(const model::BulkRequest& request) override {
      std::lock_guard lock(target_.mutex_);
      for (const model::BulkItem& item : request.items) {
        if (item.kind == model::BulkItem::Kind::kIndex) ++target_.indices_[item.document].taken;
      }
      return model::BulkOutcome{std::vector<model::ItemOutcome>(request.items.size())};
    }

   private:
    NullTarget& target_;
  };

  struct Index {
    std::optional<model::SyncState> state;
    uint64_t taken = 0;
  };
  std::mutex mutex_;
  std::map<uint32_t, Index> indices_;  // by number of the document
};

}  // namespace

std::unique_ptr<Target> MakeNullTarget(const std::vector<schema::DocumentTree>&) {
  return std::make_unique<NullTarget>();
}

}  // namespace sink
