// NdjsonTarget: appends every action to a file in the form of the engines' bulk API, `_index`
// included, so that the file can be sent to an engine as it is. Two files go with it:
//   FILE.state      {"format": 1, "bytes": n, "indices": {"book": <state_json.h>, …}}, replaced by
//   rename FILE.rejected   dead letters, as bulk actions for index `<index>-rejected`
// "bytes" is the size of FILE when the state was written: all before it is whole. What follows is
// checked on start, and a torn end, which nobody was told to be durable, is cut off. The file is a
// log: the present is the newest version of each id; Sweep and Count work it out by reading it
// whole, with all ids in memory. "-" is standard output: nothing is remembered there.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "consumer/base/json_text.h"
#include "consumer/sink/dead_letter_index.h"
#include "consumer/sink/durable_file.h"
#include "consumer/sink/state_json.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;

// {"index":{"_id":…}} -> {"index":{"_index":"book","_id":…}}. The action line is ours: the inner
// object begins at the second brace.
void AppendActionWithIndex(std::string_view action, const std::string& index, std::string* out) {
  const size_t brace = action.find('{', 1);
  out->append(action.substr(0, brace + 1));
  out->append("\"_index\":");
  base::AppendJsonString(index, out);
  if (action[brace + 1] != '}') out->push_back(',');
  out->append(action.substr(brace + 1));
}

struct Action {
  bool is_delete = false;
  std::string index, id, routing;
  uint64_t version = 0;
};

std::optional<Action> ParseAction(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || json.size() != 1 || !json.begin()->is_object()) return std::nullopt;
  const Json& meta = *json.begin();
  const std::string& verb = json.begin().key();
  if ((verb != "index" && verb != "delete") || !meta.contains("_index")) return std::nullopt;
  try {
    return Action{verb == "delete", meta.at("_index").get<std::string>(), meta.value("_id", ""),
                  meta.value("routing", ""), meta.value("version", uint64_t{0})};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

// Calls each(action, its lines) for every whole action from byte `from`; returns the offset behind
// the last whole one.
template <typename Each>
base::Result<uint64_t> ReadActions(const std::string& name, uint64_t from, Each each) {
  std::ifstream in(name, std::ios::binary);
  if (!in) return from;
  in.seekg(static_cast<std::streamoff>(from));
  uint64_t whole = from;
  std::string action_line, document_line;
  while (std::getline(in, action_line) && !in.eof()) {
    const auto action = ParseAction(action_line);
    if (!action) {
      return base::Refused(fmt::format(
          "{} is not a file of bulk actions (at byte {}); name another (--target ndjson:FILE)",
          name, whole));
    }
    action_line += '\n';
    if (!action->is_delete) {
      if (!std::getline(in, document_line) || in.eof()) break;
      action_line += document_line + '\n';
    }
    whole += action_line.size();
    each(*action, action_line);
  }
  if (in.bad()) return FileError("reading", name);
  return whole;
}

class NdjsonTarget : public Target {
 public:
  NdjsonTarget(std::string file, const std::vector<schema::DocumentTree>& trees)
      : name_(std::move(file)), standard_output_(name_ == "-"), trees_(trees) {}

  std::string Describe() const override {
    return standard_output_ ? "standard output (ndjson)" : fmt::format("NDJSON file {}", name_);
  }
  base::Status Probe() override {
    std::lock_guard lock(mutex_);
    return Open();
  }
  base::Result<std::optional<model::SyncState>> ReadState(
      const schema::DocumentTree& tree) override;
  base::Status Create(const schema::DocumentTree& tree, const model::SyncState& state) override {
    return WriteState(tree, state);
  }
  base::Status WriteState(const schema::DocumentTree& tree, const model::SyncState& state) override;
  std::unique_ptr<Writer> NewWriter() override { return std::make_unique<NdjsonWriter>(*this); }
  base::Result<uint64_t> Sweep(const schema::DocumentTree& tree, uint64_t version) override;
  base::Status WriteRejected(const schema::DocumentTree& tree,
                             const std::vector<Rejected>& rejected) override;
  base::Result<uint64_t> Count(const schema::DocumentTree& tree) override;
  base::Status MakeSearchable(const schema::DocumentTree&) override { return {}; }
  base::Status Drop(const schema::DocumentTree& tree) override;

 private:
  class NdjsonWriter : public Writer {
   public:
    explicit NdjsonWriter(NdjsonTarget& target) : target_(target) {}
    base::Result<model::BulkOutcome> Write(const model::BulkRequest& request) override;

   private:
    NdjsonTarget& target_;
    std::string text_;
  };

  struct Live {
    bool exists = false;
    uint64_t version = 0;
    std::string routing;
  };
  using LiveIds = std::unordered_map<std::string, Live>;

  // All of these: REQUIRES mutex_ held.
  base::Status Open();
  base::Status ReadSidecar();
  base::Status WriteSidecar();
  base::Status Append(std::string_view text);
  base::Result<LiveIds> ReadLive(const std::string& index);
  base::Result<std::set<std::string>> ReadLetters(const std::string& index, uint64_t version);
  base::Status RemoveIndex(const std::string& name, const std::string& index);

  const std::string name_;
  const bool standard_output_;
  const std::vector<schema::DocumentTree>& trees_;
  std::mutex mutex_;  // guards all below
  File file_;
  uint64_t bytes_ = 0;  // size of the file
  uint64_t whole_below_ = 0;
  std::map<std::string, model::SyncState> states_;
};

base::Status NdjsonTarget::Open() {
  if (file_.open()) return {};
  if (standard_output_) {
    file_ = File(STDOUT_FILENO);
    return {};
  }
  if (auto read = ReadSidecar(); !read) return read;
  File file(open(name_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file.open()) return FileError("opening", name_);
  struct stat about {};
  if (fstat(file.get(), &about) != 0) return FileError("looking at", name_);
  if (static_cast<uint64_t>(about.st_size) < whole_below_) {
    return base::Refused(
        fmt::format("{0} is shorter than when its state was written; delete {0} and {0}.state and "
                    "it is loaded anew",
                    name_));
  }
  auto whole = ReadActions(name_, whole_below_, [](const Action&, const std::string&) {});
  if (!whole) return std::move(whole).error();
  if (*whole < static_cast<uint64_t>(about.st_size) &&
      ftruncate(file.get(), static_cast<off_t>(*whole)) != 0) {
    return FileError("cutting the torn end of", name_);
  }
  bytes_ = *whole;
  file_ = std::move(file);
  return {};
}

base::Status NdjsonTarget::ReadSidecar() {
  states_.clear();
  whole_below_ = 0;
  const std::string sidecar = name_ + ".state";
  std::ifstream in(sidecar, std::ios::binary);
  if (!in) return {};
  const Json json = Json::parse(in, nullptr, false);
  if (!json.is_object() || json.value("format", 0) != kFormat || !json.contains("indices") ||
      !json["indices"].is_object()) {
    return base::Refused(
        fmt::format("{} is not a state that this pgsync-consumer can read; delete it and {}, "
                    "then they are made anew",
                    sidecar, name_));
  }
  for (const auto& [index, state] : json["indices"].items()) {
    auto parsed = ParseState(state.dump(), fmt::format("{}, index \"{}\"", sidecar, index));
    if (!parsed) return std::move(parsed).error();
    states_[index] = std::move(*parsed);
  }
  whole_below_ = json.value("bytes", uint64_t{0});
  return {};
}

base::Status NdjsonTarget::WriteSidecar() {
  if (standard_output_) return {};
  Json indices = Json::object();
  for (const auto& [index, state] : states_) indices[index] = Json::parse(StateToJson(state));
  const Json json = {{"format", kFormat}, {"bytes", bytes_}, {"indices", std::move(indices)}};
  return ReplaceFile(name_ + ".state", json.dump() + "\n");
}

base::Status NdjsonTarget::Append(std::string_view text) {
  if (auto opened = Open(); !opened) return opened;
  auto written = WriteAll(file_, name_, text);
  if (standard_output_) return written;
  if (written && fdatasync(file_.get()) != 0) written = FileError("syncing", name_);
  if (!written) {
    // Half a write must not be followed by the same one again.
    if (ftruncate(file_.get(), static_cast<off_t>(bytes_)) != 0) return FileError("cutting", name_);
    return written;
  }
  bytes_ += text.size();
  return {};
}

base::Result<model::BulkOutcome> NdjsonTarget::NdjsonWriter::Write(
    const model::BulkRequest& request) {
  text_.clear();
  for (const model::BulkItem& item : request.items) {
    if (item.document >= target_.trees_.size()) {
      return base::Fatal("a bulk item belongs to no document of the schema");
    }
    const std::string_view action =
        std::string_view(request.body)
            .substr(item.action_offset, item.document_offset - item.action_offset);
    AppendActionWithIndex(action, target_.trees_[item.document].index, &text_);
    text_.append(request.body, item.document_offset, item.end_offset - item.document_offset);
  }
  std::lock_guard lock(target_.mutex_);
  if (auto appended = target_.Append(text_); !appended) return std::move(appended).error();
  return model::BulkOutcome{std::vector<model::ItemOutcome>(request.items.size())};
}

base::Result<std::optional<model::SyncState>> NdjsonTarget::ReadState(
    const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  if (auto opened = Open(); !opened) return std::move(opened).error();
  const auto found = states_.find(tree.index);
  return found == states_.end() ? std::optional<model::SyncState>() : std::optional(found->second);
}

base::Status NdjsonTarget::WriteState(const schema::DocumentTree& tree,
                                      const model::SyncState& state) {
  std::lock_guard lock(mutex_);
  if (auto opened = Open(); !opened) return opened;
  states_[tree.index] = state;
  return WriteSidecar();
}

base::Result<NdjsonTarget::LiveIds> NdjsonTarget::ReadLive(const std::string& index) {
  LiveIds ids;
  auto read = ReadActions(name_, 0, [&](const Action& action, const std::string&) {
    if (action.index != index) return;
    Live& live = ids[action.id];
    if (action.version != 0 && action.version < live.version) return;
    live = {!action.is_delete, action.version, action.routing};
  });
  if (!read) return std::move(read).error();
  return ids;
}

// The ids that have a dead letter of `version` or later.
base::Result<std::set<std::string>> NdjsonTarget::ReadLetters(const std::string& index,
                                                              uint64_t version) {
  std::set<std::string> ids;
  const std::string of = DeadLetterIndex(index);
  auto read =
      ReadActions(name_ + ".rejected", 0, [&](const Action& action, const std::string& lines) {
        if (action.index != of) return;
        const Json letter = Json::parse(lines.substr(lines.find('\n') + 1), nullptr, false);
        if (letter.is_object() && letter.value("version", uint64_t{0}) >= version)
          ids.insert(action.id);
      });
  if (!read) return std::move(read).error();
  return ids;
}

base::Result<uint64_t> NdjsonTarget::Sweep(const schema::DocumentTree& tree, uint64_t version) {
  std::lock_guard lock(mutex_);
  if (standard_output_)
    return base::Refused("standard output cannot be swept: it is not remembered what was written");
  if (auto opened = Open(); !opened) return std::move(opened).error();
  auto ids = ReadLive(tree.index);
  if (!ids) return std::move(ids).error();
  auto refused = ReadLetters(tree.index, version);
  if (!refused) return std::move(refused).error();
  uint64_t swept = 0;
  std::string text;
  for (const auto& [id, live] : *ids) {
    if (!live.exists || live.version >= version || refused->contains(id)) continue;
    text += R"({"delete":{"_index":)";
    base::AppendJsonString(tree.index, &text);
    text += R"(,"_id":)";
    base::AppendJsonString(id, &text);
    if (!live.routing.empty()) {
      text += R"(,"routing":)";
      base::AppendJsonString(live.routing, &text);
    }
    text += fmt::format(R"(,"version":{},"version_type":"external_gte"}}}})", version) + "\n";
    ++swept;
  }
  if (auto appended = Append(text); !appended) return std::move(appended).error();
  return swept;
}

base::Result<uint64_t> NdjsonTarget::Count(const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  if (standard_output_) return uint64_t{0};
  if (auto opened = Open(); !opened) return std::move(opened).error();
  auto ids = ReadLive(tree.index);
  if (!ids) return std::move(ids).error();
  uint64_t count = 0;
  for (const auto& [_, live] : *ids) count += live.exists ? 1 : 0;
  return count;
}

base::Status NdjsonTarget::WriteRejected(const schema::DocumentTree& tree,
                                         const std::vector<Rejected>& rejected) {
  std::string text;
  for (const Rejected& letter : rejected) {
    text += R"({"index":{"_index":)";
    base::AppendJsonString(DeadLetterIndex(tree.index), &text);
    text += R"(,"_id":)";
    base::AppendJsonString(letter.id, &text);
    text += "}}\n{\"id\":";
    base::AppendJsonString(letter.id, &text);
    text += ",\"reason\":";
    base::AppendJsonString(letter.reason, &text);
    text += fmt::format(R"(,"lsn":"{}","version":{},"document":)", base::ToString(letter.lsn),
                        letter.version);
    base::AppendJsonString(letter.document, &text);
    text += "}\n";
  }
  std::lock_guard lock(mutex_);
  if (standard_output_) return Append(text);
  const std::string name = name_ + ".rejected";
  File file(open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file.open()) return FileError("opening", name);
  if (auto written = WriteAll(file, name, text); !written) return written;
  if (fsync(file.get()) != 0) return FileError("syncing", name);
  return {};
}

// Rewrites a file without the actions of one index; removes it when nothing is left.
base::Status NdjsonTarget::RemoveIndex(const std::string& name, const std::string& index) {
  std::string kept;
  auto read = ReadActions(name, 0, [&](const Action& action, const std::string& lines) {
    if (action.index != index) kept += lines;
  });
  if (!read) return std::move(read).error();
  if (!kept.empty()) return ReplaceFile(name, kept);
  if (unlink(name.c_str()) != 0 && errno != ENOENT) return FileError("deleting", name);
  return {};
}

base::Status NdjsonTarget::Drop(const schema::DocumentTree& tree) {
  std::lock_guard lock(mutex_);
  states_.erase(tree.index);
  if (standard_output_) return {};
  if (auto opened = Open(); !opened) return opened;
  // The state first: a half dropped index must not look like a loaded one. `bytes` 0: what is left
  // is checked on the next start.
  states_.erase(tree.index);
  bytes_ = 0;
  if (auto written = WriteSidecar(); !written) return written;
  file_ = File();
  if (auto removed = RemoveIndex(name_, tree.index); !removed) return removed;
  if (auto removed = RemoveIndex(name_ + ".rejected", DeadLetterIndex(tree.index)); !removed)
    return removed;
  const std::string sidecar = name_ + ".state";
  if (states_.empty() && unlink(sidecar.c_str()) != 0 && errno != ENOENT)
    return FileError("deleting", sidecar);
  return {};
}

}  // namespace

std::unique_ptr<Target> MakeNdjsonTarget(const std::string& file,
                                         const std::vector<schema::DocumentTree>& trees) {
  return std::make_unique<NdjsonTarget>(file, trees);
}

}  // namespace sink
