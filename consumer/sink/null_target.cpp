// NullTarget: takes everything and keeps nothing but numbers, to measure what is before it. Its
// states live as long as it does or, with a file, in that, so that the next one goes on from there:
//   FILE   {"format": 1, "indices": {"book": <state_json.h>, …}}, replaced by rename
#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "consumer/sink/durable_file.h"
#include "consumer/sink/state_json.h"
#include "consumer/sink/target.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;

class NullTarget : public Target {
 public:
  explicit NullTarget(std::string file) : file_(std::move(file)) {}

  std::string Describe() const override {
    return file_.empty() ? "nothing (null: counts and drops)"
                         : fmt::format("nothing (null: counts and drops, its state is {})", file_);
  }
  base::Status Probe() override {
    std::lock_guard lock(mutex_);
    return ReadFile();
  }

  base::Result<std::optional<model::SyncState>> ReadState(
      const schema::DocumentTree& tree) override {
    std::lock_guard lock(mutex_);
    if (auto read = ReadFile(); !read) return std::move(read).error();
    const auto found = states_.find(tree.index);
    return found == states_.end() ? std::optional<model::SyncState>()
                                  : std::optional(found->second);
  }
  base::Status Create(const schema::DocumentTree& tree, const model::SyncState& state) override {
    return WriteState(tree, state);
  }
  base::Status WriteState(const schema::DocumentTree& tree,
                          const model::SyncState& state) override {
    std::lock_guard lock(mutex_);
    if (auto read = ReadFile(); !read) return read;
    states_[tree.index] = state;
    return WriteFile();
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
    return taken_[tree.number];
  }
  base::Status MakeSearchable(const schema::DocumentTree&) override { return {}; }
  base::Status Drop(const schema::DocumentTree& tree) override {
    std::lock_guard lock(mutex_);
    if (auto read = ReadFile(); !read) return read;
    taken_.erase(tree.number);
    states_.erase(tree.index);
    return WriteFile();
  }

 private:
  class NullWriter : public Writer {
   public:
    explicit NullWriter(NullTarget& target) : target_(target) {}
    base::Result<model::BulkOutcome> Write(const model::BulkRequest& request) override {
      std::lock_guard lock(target_.mutex_);
      for (const model::BulkItem& item : request.items) {
        if (item.kind == model::BulkItem::Kind::kIndex) ++target_.taken_[item.document];
      }
      return model::BulkOutcome{std::vector<model::ItemOutcome>(request.items.size())};
    }

   private:
    NullTarget& target_;
  };

  // Both: REQUIRES mutex_ held.
  base::Status ReadFile();
  base::Status WriteFile() const;

  const std::string file_;
  std::mutex mutex_;   // guards all below
  bool read_ = false;  // the file, if there is one
  std::map<std::string, model::SyncState> states_;
  std::map<uint32_t, uint64_t> taken_;  // by number of the document
};

base::Status NullTarget::ReadFile() {
  if (read_ || file_.empty()) return {};
  std::ifstream in(file_, std::ios::binary);
  if (!in) {
    read_ = true;
    return {};
  }
  const Json json = Json::parse(in, nullptr, false);
  if (!json.is_object() || json.value("format", 0) != kFormat || !json.contains("indices") ||
      !json["indices"].is_object()) {
    return base::Refused(fmt::format(
        "{} is not a state that this pgsync-consumer can read; name another file (--target "
        "null:FILE)",
        file_));
  }
  for (const auto& [index, state] : json["indices"].items()) {
    auto parsed = ParseState(state.dump(), fmt::format("{}, index \"{}\"", file_, index));
    if (!parsed) return std::move(parsed).error();
    states_[index] = std::move(*parsed);
  }
  read_ = true;
  return {};
}

base::Status NullTarget::WriteFile() const {
  if (file_.empty()) return {};
  if (states_.empty()) {
    return unlink(file_.c_str()) == 0 || errno == ENOENT ? base::Status()
                                                         : FileError("deleting", file_);
  }
  Json indices = Json::object();
  for (const auto& [index, state] : states_) indices[index] = Json::parse(StateToJson(state));
  const Json json = {{"format", kFormat}, {"indices", std::move(indices)}};
  return ReplaceFile(file_, json.dump() + "\n");
}

}  // namespace

std::unique_ptr<Target> MakeNullTarget(const std::string& file) {
  return std::make_unique<NullTarget>(file);
}

}  // namespace sink
