#include "consumer/schema/json_text.h"

#include <algorithm>
#include <utility>

namespace schema {
namespace {

// A node level takes two JSON levels: about 200 levels of children, far beyond any document, far
// below any stack.
constexpr size_t kMostLevels = 400;

// Builds the tree from nlohmann's event stream, because its own tree builder drops duplicate keys
// without a word.
class TreeBuilder : public nlohmann::json_sax<Json> {
 public:
  TreeBuilder(std::string_view text, std::string file_name, Findings* findings)
      : text_(text), file_name_(std::move(file_name)), findings_(findings) {}

  Json Take() { return std::move(root_); }

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override { return Add(value); }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // not in JSON text
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& value) override {
    Level& level = levels_.back();
    if (level.value->contains(value)) {
      findings_->Error(PathHere(), "the key \"" + value + "\" is given twice");
    }
    level.key = std::move(value);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    std::string reason = error.what();
    // "[json.exception…] parse error at line 1, column 2: syntax error while …": the library's own
    // position goes, ours counts characters. Errors of numbers have none.
    size_t start = reason.find("] ");
    if (reason.find("parse error at") != std::string::npos) start = reason.find(": ");
    if (start != std::string::npos) reason.erase(0, start + 2);
    findings_->Error(file_name_, Where(position) + ": not valid JSON: " + reason);
    return false;
  }

 private:
  struct Level {
    Json* value;  // stays valid: only the innermost level grows
    std::string key;
  };

  template <typename T>
  bool Add(T&& value) {
    Place(Json(std::forward<T>(value)));
    return true;
  }

  Json* Place(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Level& level = levels_.back();
    if (level.value->is_array()) {
      level.value->push_back(std::move(value));
      return &level.value->back();
    }
    Json& slot = (*level.value)[level.key];
    slot = std::move(value);
    return &slot;
  }

  bool Open(Json empty) {
    if (levels_.size() == kMostLevels) {
      findings_->Error(file_name_,
                       "nested deeper than " + std::to_string(kMostLevels) + " levels of JSON");
      return false;
    }
    levels_.push_back({Place(std::move(empty)), ""});
    return true;
  }

  bool Close() {
    levels_.pop_back();
    return true;
  }

  std::string PathHere() const {
    std::string path = file_name_;
    for (size_t i = 0; i + 1 < levels_.size(); ++i) {
      const Level& level = levels_[i];
      path += level.value->is_array() ? "[" + std::to_string(level.value->size() - 1) + "]"
                                      : "." + level.key;
    }
    return path;
  }

  // `position` counts the bytes read, the offending one included.
  std::string Where(size_t position) const {
    const std::string_view before =
        text_.substr(0, std::min(position == 0 ? 0 : position - 1, text_.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t newline = before.rfind('\n');
    const std::string_view on_line =
        newline == std::string_view::npos ? before : before.substr(newline + 1);
    const auto column =
        1 + std::count_if(on_line.begin(), on_line.end(), [](char c) {
          return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // starts a character
        });
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
  }

  const std::string_view text_;
  const std::string file_name_;
  Findings* const findings_;
  Json root_;
  std::vector<Level> levels_;
};

}  // namespace

std::optional<Json> ReadJson(std::string_view text, const std::string& file_name,
                             Findings* findings) {
  TreeBuilder builder(text, file_name, findings);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) return std::nullopt;
  return builder.Take();
}

}  // namespace schema
