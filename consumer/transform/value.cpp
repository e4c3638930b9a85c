#include "consumer/transform/value.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "consumer/base/json_text.h"

namespace transform {
namespace {

// Lists within lists that are opened, and levels of any kind that are read over.
constexpr int kMostOpenLists = 500;
constexpr size_t kMostLevels = 1'000'000;

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<uint32_t> Hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    const char c = text[i];
    uint32_t digit = 0;
    if (IsDigit(c)) {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return value;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  base::Result<Value> ReadAll(const Shape& shape) {
    Value value;
    if (!ReadValue(&shape, 0, &value) || (SkipSpace(), at_ != text_.size())) {
      return base::RejectDocument("not valid JSON at byte " + std::to_string(at_));
    }
    return value;
  }

 private:
  // All return false at what is not JSON; at_ stands there.
  bool ReadValue(const Shape* shape, int lists, Value* value) {
    SkipSpace();
    if (shape != nullptr && Next() == '{' && shape->object) return ReadObject(*shape, value);
    if (shape != nullptr && Next() == '[') return ReadArray(*shape, lists + 1, value);
    const size_t begin = at_;
    if (!SkipValue()) return false;
    value->text = text_.substr(begin, at_ - begin);
    return true;
  }

  bool ReadObject(const Shape& shape, Value* value) {
    value->kind = Value::Kind::kObject;
    value->members.reserve(shape.inner.size() + 4);
    ++at_;
    if (SkipSpace(), Take('}')) return true;
    do {
      if (!ReadMember(shape, value)) return false;
    } while (SkipSpace(), Take(','));
    return Take('}');
  }

  bool ReadMember(const Shape& shape, Value* value) {
    SkipSpace();
    const size_t begin = at_ + 1;
    if (Next() != '"' || !SkipString()) return false;
    Member& member = value->members.emplace_back();
    member.key = text_.substr(begin, at_ - 1 - begin);
    SkipSpace();
    if (!Take(':')) return false;
    const auto inner =
        std::find_if(shape.inner.begin(), shape.inner.end(),
                     [&](const Shape::Inner& other) { return member.Is(other.key); });
    return ReadValue(inner == shape.inner.end() ? nullptr : &inner->shape, 0, &member.value);
  }

  bool ReadArray(const Shape& shape, int lists, Value* value) {
    if (lists > kMostOpenLists) return false;
    value->kind = Value::Kind::kArray;
    ++at_;
    if (SkipSpace(), Take(']')) return true;
    do {
      if (!ReadValue(&shape, lists, &value->members.emplace_back().value)) return false;
    } while (SkipSpace(), Take(','));
    return Take(']');
  }

  // Without recursion: `open_` holds the brackets that are still to be closed.
  bool SkipValue() {
    open_.clear();
    for (;;) {
      SkipSpace();
      const char c = Next();
      if (c == '{' || c == '[') {
        ++at_;
        if (open_.size() == kMostLevels) return false;
        open_.push_back(c == '{' ? '}' : ']');
        SkipSpace();
        if (Next() == open_.back()) {
          if (!Close()) return true;
        } else if (c == '{') {
          if (!SkipKey()) return false;
          continue;
        } else {
          continue;
        }
      } else if (!SkipScalar(c)) {
        return false;
      } else if (open_.empty()) {
        return true;
      }
      // Behind a value inside of something.
      while (SkipSpace(), Next() == open_.back()) {
        if (!Close()) return true;
      }
      if (!Take(',')) return false;
      if (open_.back() == '}' && !SkipKey()) return false;
    }
  }

  // Returns whether something is still open.
  bool Close() {
    ++at_;
    open_.pop_back();
    return !open_.empty();
  }

  bool SkipKey() {
    SkipSpace();
    if (Next() != '"' || !SkipString()) return false;
    SkipSpace();
    return Take(':');
  }

  bool SkipScalar(char c) {
    if (c == '"') return SkipString();
    if (c == '-' || IsDigit(c)) return SkipNumber();
    for (const std::string_view word : {"null", "true", "false"}) {
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return true;
      }
    }
    return false;
  }

  bool SkipString() {
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') continue;
      ++at_;
      const char escaped = Next();
      if (escaped == 'u') {
        if (!Hex4(text_.substr(at_ + 1))) return false;
        at_ += 4;
      } else if (escaped == '\0' ||
                 std::string_view("\"\\/bfnrt").find(escaped) == std::string_view::npos) {
        return false;
      }
    }
    return false;
  }

  bool SkipNumber() {
    Take('-');
    if (!Take('0') && !SkipDigits()) return false;
    if (Take('.') && !SkipDigits()) return false;
    if (Next() == 'e' || Next() == 'E') {
      ++at_;
      if (!Take('+')) Take('-');
      return SkipDigits();
    }
    return true;
  }

  bool SkipDigits() {
    const size_t begin = at_;
    while (IsDigit(Next())) ++at_;
    return at_ > begin;
  }

  char Next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (Next() != c) return false;
    ++at_;
    return true;
  }
  void SkipSpace() {
    while (IsSpace(Next())) ++at_;
  }

  const std::string_view text_;
  size_t at_ = 0;
  std::string open_;
};

void AppendUtf8(uint32_t c, std::string* out) {
  const auto add = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | c >> 6);
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3F));
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  }
}

void AppendWithoutSpace(std::string_view json, std::string* out) {
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string && c == '\\') out->push_back(json[i++]);
    if (c == '"') in_string = !in_string;
    if (in_string || !IsSpace(c)) out->push_back(json[i]);
  }
}

template <typename AppendText>
void AppendParts(const Value& value, const AppendText& append_text, std::string* out) {
  if (value.kind == Value::Kind::kText) {
    append_text(value.text, out);
    return;
  }
  const bool object = value.kind == Value::Kind::kObject;
  out->push_back(object ? '{' : '[');
  bool first = true;
  for (const Member& member : value.members) {
    if (!first) out->push_back(',');
    first = false;
    if (object) out->append(1, '"').append(member.key).append("\":");
    AppendParts(member.value, append_text, out);
  }
  out->push_back(object ? '}' : ']');
}

}  // namespace

Shape* Shape::Under(const std::string& key) {
  object = true;
  const auto it =
      std::find_if(inner.begin(), inner.end(), [&](const Inner& one) { return one.key == key; });
  if (it != inner.end()) return &it->shape;
  inner.push_back({key, {}});
  return &inner.back().shape;
}

bool Member::Is(std::string_view name) const {
  if (key == name && key.find('\\') == std::string_view::npos) return true;
  // Only a key with an escape can be another text than it looks like.
  if (key.find('\\') == std::string_view::npos) return false;
  std::string quoted = "\"";
  quoted.append(key).push_back('"');
  return Unquoted(quoted) == name;
}

Member* Value::Find(std::string_view name) {
  const auto it = std::find_if(members.rbegin(), members.rend(),
                               [&](const Member& member) { return member.Is(name); });
  return it == members.rend() ? nullptr : &*it;
}

void Value::Set(std::string_view name, Value value, Texts* texts) {
  if (Member* member = Find(name)) {
    member->value = std::move(value);
    return;
  }
  const std::string& quoted = texts->emplace_back(Quoted(name));
  members.push_back({std::string_view(quoted).substr(1, quoted.size() - 2), std::move(value)});
}

base::Result<Value> Read(std::string_view text, const Shape& shape) {
  return Reader(text).ReadAll(shape);
}

void Append(const Value& value, std::string* out) {
  AppendParts(
      value, [](std::string_view text, std::string* to) { to->append(text); }, out);
}

void AppendCompact(const Value& value, std::string* out) {
  AppendParts(value, AppendWithoutSpace, out);
}

std::string Unquoted(std::string_view json) {
  json = json.substr(1, json.size() - 2);
  std::string text;
  text.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\') {
      text.push_back(json[i]);
      continue;
    }
    const char c = json[++i];
    constexpr std::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
    if (c != 'u') {
      const size_t at = kFrom.find(c);
      text.push_back(at == std::string_view::npos ? c : kTo[at]);
      continue;
    }
    uint32_t code = *Hex4(json.substr(i + 1));
    i += 4;
    const bool high = code >= 0xD800 && code < 0xDC00;
    if (high && json.substr(i + 1).starts_with("\\u")) {
      const uint32_t low = *Hex4(json.substr(i + 3));
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
      }
    }
    AppendUtf8(code, &text);
  }
  return text;
}

std::string Quoted(std::string_view text) {
  std::string json;
  json.reserve(text.size() + 2);
  base::AppendJsonString(text, &json);
  // UTF-8 has no ED A0..BF: such bytes are a lone surrogate.
  for (size_t i = json.find('\xED'); i != std::string::npos; i = json.find('\xED', i + 1)) {
    if (i + 2 >= json.size() || static_cast<unsigned char>(json[i + 1]) < 0xA0) continue;
    const uint32_t code = 0xD000 | (static_cast<unsigned char>(json[i + 1]) & 0x3Fu) << 6 |
                          (static_cast<unsigned char>(json[i + 2]) & 0x3Fu);
    constexpr std::string_view kHex = "0123456789abcdef";
    const std::string escape = {
        '\\', 'u', kHex[code >> 12], kHex[code >> 8 & 15], kHex[code >> 4 & 15], kHex[code & 15]};
    json.replace(i, 3, escape);
  }
  return json;
}

Value StringValue(std::string_view text, Texts* texts) {
  Value value;
  value.text = texts->emplace_back(Quoted(text));
  return value;
}

}  // namespace transform
