// A queue that gives the entries of another one in any order, some of them twice: what a build must
// not depend on (design D2, D3). For tests.
//
// Each consumer keeps a few entries that it took and draws from them. An entry that will come again
// is done for the inner queue only after its second time.
#include <random>
#include <set>
#include <utility>

#include "consumer/queue/queue.h"

namespace queue {
namespace {

constexpr size_t kHeld = 12;       // entries to draw from
constexpr uint32_t kTogether = 4;  // given at once, at most
constexpr uint32_t kAgain = 4;     // one of so many comes twice

class ShuffledConsumer : public Consumer {
 public:
  ShuffledConsumer(std::unique_ptr<Consumer> inner, uint32_t seed)
      : inner_(std::move(inner)), random_(seed) {}

  base::Result<std::vector<Entry>> Take(size_t max_bytes, std::chrono::milliseconds wait) override {
    if (held_.size() < kHeld) {
      auto more = inner_->Take(max_bytes, held_.empty() ? wait : std::chrono::milliseconds(0));
      if (!more) {
        held_.clear();  // of a queue that was lost
        again_.clear();
        return more;
      }
      for (Entry& entry : *more) held_.push_back(std::move(entry));
    }
    std::vector<Entry> given;
    for (uint32_t left = 1 + Below(kTogether); left > 0 && !held_.empty(); --left) {
      const auto at = held_.begin() + static_cast<ptrdiff_t>(Below(held_.size()));
      const bool alone = at->lane == Lane::kLoad;
      if (!given.empty() && alone) break;
      given.push_back(*at);
      // Once more later, or this was the second time.
      const bool repeated = again_.erase(at->id) > 0;
      if (!repeated && Below(kAgain) == 0) {
        again_.insert(at->id);
      } else {
        held_.erase(at);
      }
      if (alone) break;
    }
    return given;
  }

  base::Status Done(const std::vector<Entry>& entries) override {
    std::vector<Entry> done;
    for (const Entry& entry : entries) {
      if (!again_.contains(entry.id)) done.push_back(entry);
    }
    return done.empty() ? base::Status() : inner_->Done(done);
  }
  base::Status ReportLoaded(const LoadReport& report) override {
    return inner_->ReportLoaded(report);
  }

 private:
  uint32_t Below(size_t end) { return static_cast<uint32_t>(random_() % end); }

  std::unique_ptr<Consumer> inner_;
  std::mt19937 random_;
  std::vector<Entry> held_;
  std::set<std::string> again_;  // of held_: were given once, and will be given once more
};

class ShuffledQueue : public Queue {
 public:
  ShuffledQueue(std::unique_ptr<Queue> inner, uint32_t seed)
      : inner_(std::move(inner)), seed_(seed) {}

  std::unique_ptr<Producer> NewProducer() override { return inner_->NewProducer(); }
  std::unique_ptr<Consumer> NewConsumer(const std::string& worker_name,
                                        const std::string& mark) override {
    const auto seed = seed_ ^ static_cast<uint32_t>(std::hash<std::string>()(worker_name));
    return std::make_unique<ShuffledConsumer>(inner_->NewConsumer(worker_name, mark), seed);
  }
  base::Result<std::string> Attach() override { return inner_->Attach(); }
  base::Status Probe() override { return inner_->Probe(); }
  base::Status Drop() override { return inner_->Drop(); }

 private:
  std::unique_ptr<Queue> inner_;
  uint32_t seed_;
};

}  // namespace

std::unique_ptr<Queue> MakeShuffledQueue(std::unique_ptr<Queue> inner, uint32_t seed) {
  return std::make_unique<ShuffledQueue>(std::move(inner), seed);
}

}  // namespace queue
