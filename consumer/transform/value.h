// The parts of a JSON document that transforms look at, and nothing else: a Shape says which
// objects and lists are opened; every other value stays the piece of text that it was, so numbers
// keep all their digits and large values cost one pass over their bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"

namespace transform {

// What to open below a value. Lists are walked: the shape is that of their items, at any depth.
struct Shape {
  bool object = false;  // open it when it is an object
  struct Inner;
  std::vector<Inner> inner;  // of its keys; values under other keys stay text

  // The shape under this key, made when it is missing.
  Shape* Under(const std::string& key);
};
struct Shape::Inner {
  std::string key;
  Shape shape;
};

// Owns the texts that transforms make, at stable addresses.
using Texts = std::deque<std::string>;

struct Member;
struct Value {
  enum class Kind : uint8_t { kText, kObject, kArray };
  Kind kind = Kind::kText;
  std::string_view text;        // kText: JSON text without white space around it
  std::vector<Member> members;  // kObject; kArray: without keys

  bool IsString() const { return kind == Kind::kText && text.starts_with('"'); }
  bool IsNull() const { return kind == Kind::kText && text == "null"; }

  // The last one of that name, or nullptr. REQUIRES: kObject.
  Member* Find(std::string_view name);
  // Puts `value` under the name, in place of the old one or behind all others. REQUIRES: kObject.
  void Set(std::string_view name, Value value, Texts* texts);
};
struct Member {
  std::string_view key;  // as JSON text, without the quotes
  Value value;

  bool Is(std::string_view name) const;
};

// Reads JSON text. Strict, and bounded in depth; the values point into `text`.
base::Result<Value> Read(std::string_view text, const Shape& shape);

void Append(const Value& value, std::string* out);
// The same without white space between the parts.
void AppendCompact(const Value& value, std::string* out);

// The text of a JSON string, given with its quotes. A lone surrogate (type json allows it) is kept
// as the three bytes that it would have in UTF-8; Quoted writes it back as an escape.
std::string Unquoted(std::string_view json);
// `text` as a JSON string, with its quotes.
std::string Quoted(std::string_view text);

// A value that is this text.
Value StringValue(std::string_view text, Texts* texts);

}  // namespace transform
