#include "consumer/assemble/json_document_cell.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "consumer/base/json_text.h"

namespace assemble {
namespace {

// A member of an object, or a part of the text that is to be left out.
struct Range {
  size_t begin, end;
};

std::optional<uint32_t> Hex4(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  return value;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::array<uint8_t, 4> kLead{0, 0xC0, 0xE0, 0xF0};
  out->push_back(static_cast<char>(kLead[static_cast<size_t>(more)] | code >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) {
    out->push_back(static_cast<char>(0x80 | (code >> (6 * i) & 0x3F)));
  }
}

// Reads a text that PostgreSQL has accepted as json: its structure is right, but it may hold
// escapes that mean nothing, and objects that have a key twice. One pass, without a tree.
class JsonScan {
 public:
  explicit JsonScan(std::string_view text) : text_(text) {}

  CellResult Run() {
    for (size_t at = 0; at < text_.size(); ++at) {
      switch (text_[at]) {
        case '{':
          open_.push_back({true, members_.size()});
          key_next_ = true;
          break;
        case '[':
          open_.push_back({false, members_.size()});
          key_next_ = false;
          break;
        case ',':
          EndMember(at);
          key_next_ = !open_.empty() && open_.back().object;
          break;
        case '}':
          EndMember(at);
          FindDuplicates();
          [[fallthrough]];
        case ']':
          if (open_.empty()) return CellResult::kBadBytes;
          members_.resize(open_.back().first_member);
          open_.pop_back();
          key_next_ = false;
          break;
        case '"': {
          const size_t begin = at;
          bool escapes = false;
          if (const auto result = ScanString(&at, &escapes); result != CellResult::kWritten) {
            return result;
          }
          if (!std::exchange(key_next_, false)) break;
          const std::string_view raw = text_.substr(begin + 1, at - begin - 1);
          members_.push_back({escapes ? Decoded(raw) : raw, {begin, begin}});
          break;
        }
        default:
          break;
      }
    }
    return open_.empty() ? CellResult::kWritten : CellResult::kBadBytes;
  }

  // Members that a later one of the same key replaces, each with the comma behind it.
  std::vector<Range> TakeDuplicates() { return std::move(duplicates_); }

 private:
  struct Open {
    bool object;
    size_t first_member;  // of those in members_
  };
  struct Member {
    std::string_view key;
    Range range;  // from the key to what ends it
  };

  // `*at` goes from the opening to the closing quote.
  CellResult ScanString(size_t* at, bool* escapes) {
    for (size_t i = *at + 1; i < text_.size(); ++i) {
      if (text_[i] == '"') {
        *at = i;
        return CellResult::kWritten;
      }
      if (text_[i] != '\\') continue;
      *escapes = true;
      ++i;
      if (i >= text_.size() || text_[i] != 'u') continue;
      const auto unit = Hex4(text_, i + 1);
      if (!unit || *unit == 0 || (*unit >= 0xDC00 && *unit <= 0xDFFF)) return CellResult::kNoJson;
      i += 4;
      if (*unit < 0xD800 || *unit > 0xDBFF) continue;
      const bool pair = text_.substr(std::min(i + 1, text_.size())).starts_with("\\u");
      const auto low = pair ? Hex4(text_, i + 3) : std::nullopt;
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return CellResult::kNoJson;
      i += 6;
    }
    return CellResult::kBadBytes;
  }

  void EndMember(size_t at) {
    if (!open_.empty() && open_.back().object && members_.size() > open_.back().first_member) {
      members_.back().range.end = at + 1;
    }
  }

  void FindDuplicates() {
    if (open_.empty()) return;
    const size_t first = open_.back().first_member;
    constexpr size_t kFew = 8;
    if (members_.size() - first > kFew) {
      // Equal keys side by side, the last one last.
      std::stable_sort(members_.begin() + static_cast<ptrdiff_t>(first), members_.end(),
                       [](const Member& a, const Member& b) { return a.key < b.key; });
      for (size_t i = first; i + 1 < members_.size(); ++i) {
        if (members_[i].key == members_[i + 1].key) duplicates_.push_back(members_[i].range);
      }
      return;
    }
    for (size_t i = first; i < members_.size(); ++i) {
      for (size_t later = i + 1; later < members_.size(); ++later) {
        if (members_[i].key != members_[later].key) continue;
        duplicates_.push_back(members_[i].range);
        break;
      }
    }
  }

  // REQUIRES: ScanString found it good.
  std::string_view Decoded(std::string_view raw) {
    constexpr std::string_view kLetters = "bfnrt", kMeaning = "\b\f\n\r\t";
    std::string& key = decoded_.emplace_back();
    for (size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\') {
        key.push_back(raw[i]);
      } else if (raw[++i] == 'u') {
        uint32_t code = *Hex4(raw, i + 1);
        i += 4;
        if (code >= 0xD800 && code <= 0xDBFF) {
          code = 0x10000 + ((code - 0xD800) << 10) + (*Hex4(raw, i + 3) - 0xDC00);
          i += 6;
        }
        AppendUtf8(code, &key);
      } else {
        const size_t letter = kLetters.find(raw[i]);
        key.push_back(letter == std::string_view::npos ? raw[i] : kMeaning[letter]);
      }
    }
    return key;
  }

  std::string_view text_;
  std::vector<Open> open_;
  std::vector<Member> members_;  // of all open objects, those of the innermost last
  std::vector<Range> duplicates_;
  std::deque<std::string> decoded_;  // keys with escapes; a deque, as views point into it
  bool key_next_ = false;
};

// Of a text that is JSON. One pass, and for nearly all texts half of one that only counts.
bool IsTooDeep(std::string_view json) {
  if (json.size() < 2 * kDeepestJson) return false;
  const auto opens =
      std::count(json.begin(), json.end(), '[') + std::count(json.begin(), json.end(), '{');
  if (static_cast<size_t>(opens) <= kDeepestJson) return false;
  size_t levels = 0;
  bool in_string = false;
  for (size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (in_string) {
      if (c == '\\') ++at;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++levels > kDeepestJson) return true;
    } else if (c == ']' || c == '}') {
      --levels;
    }
  }
  return false;
}

// A raw newline can only be white space: inside strings JSON demands escapes.
void AppendOnOneLine(std::string_view json, std::string* out) {
  const size_t start = out->size();
  out->append(json);
  for (size_t i = out->find_first_of("\n\r", start); i != std::string::npos;
       i = out->find_first_of("\n\r", i)) {
    (*out)[i] = ' ';
  }
}

}  // namespace

CellResult AppendJsonCell(std::string_view cell, std::string* out) {
  if (IsTooDeep(cell)) return CellResult::kTooDeep;
  JsonScan scan(cell);
  if (const CellResult result = scan.Run(); result != CellResult::kWritten) return result;
  std::vector<Range> duplicates = scan.TakeDuplicates();
  // Inner objects come before the outer ones that hold them.
  std::sort(duplicates.begin(), duplicates.end(), [](const Range& a, const Range& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  size_t copied = 0;
  for (const Range& duplicate : duplicates) {
    if (duplicate.begin < copied) continue;
    AppendOnOneLine(cell.substr(copied, duplicate.begin - copied), out);
    copied = duplicate.end;
  }
  AppendOnOneLine(cell.substr(copied), out);
  return CellResult::kWritten;
}

CellResult AppendJsonbCell(std::string_view cell, std::string* out) {
  // jsonb_send puts a format version, 1, before the text. It has no duplicates, and no newlines.
  if (cell.empty() || cell[0] != 1) return CellResult::kBadBytes;
  if (IsTooDeep(cell.substr(1))) return CellResult::kTooDeep;
  out->append(cell.substr(1));
  return CellResult::kWritten;
}

}  // namespace assemble
