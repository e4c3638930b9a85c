#include "consumer/transform/steps.h"

#include <algorithm>
#include <span>
#include <utility>

namespace transform {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;
using Path = std::span<const std::string>;

// Calls `step(value)` for all that the path leads to.
template <typename Step>
void Walk(Value* value, Path path, const Step& step) {
  if (value->kind == Value::Kind::kArray) {
    for (Member& item : value->members) Walk(&item.value, path, step);
  } else if (path.empty()) {
    step(value);
  } else if (value->kind == Value::Kind::kObject) {
    if (Member* member = value->Find(path.front())) Walk(&member->value, path.subspan(1), step);
  }
}

bool ReplaceAll(const std::string& search, const std::string& replacement, std::string* text) {
  size_t found = text->find(search);
  if (found == std::string::npos) return false;
  std::string changed;
  size_t begin = 0;
  for (; found != std::string::npos; found = text->find(search, begin)) {
    changed.append(*text, begin, found - begin).append(replacement);
    begin = found + search.size();
  }
  changed.append(*text, begin);
  *text = std::move(changed);
  return true;
}

void ReplaceIn(const Pairs& pairs, Value* value, Texts* texts) {
  if (!value->IsString()) return;
  std::string text = Unquoted(value->text);
  bool changed = false;
  for (const auto& [search, replacement] : pairs) {
    changed = ReplaceAll(search, replacement, &text) || changed;
  }
  if (changed) *value = StringValue(text, texts);
}

void EraseAllButTheLast(const std::string& name, std::vector<Member>* members) {
  bool found = false;
  for (size_t i = members->size(); i-- > 0;) {
    if (!(*members)[i].Is(name)) continue;
    if (found) members->erase(members->begin() + static_cast<std::ptrdiff_t>(i));
    found = true;
  }
}

// All names change at once. A name that another key of the object has, too, belongs to the last of
// them, as in PGSync.
void RenameIn(const Pairs& names, Value* value, Texts* texts) {
  if (value->kind != Value::Kind::kObject) return;
  std::vector<std::pair<Member*, const std::string*>> renamed;
  for (Member& member : value->members) {
    const auto it = std::find_if(names.begin(), names.end(),
                                 [&](const auto& name) { return member.Is(name.first); });
    if (it != names.end()) renamed.emplace_back(&member, &it->second);
  }
  for (const auto& [member, name] : renamed) {
    const std::string& quoted = texts->emplace_back(Quoted(*name));
    member->key = std::string_view(quoted).substr(1, quoted.size() - 2);
  }
  // Erasing moves the members: from here on by name.
  for (const auto& [member, name] : renamed) EraseAllButTheLast(*name, &value->members);
}

bool IsZero(std::string_view number) {
  const std::string_view mantissa = number.substr(0, number.find_first_of("eE"));
  return mantissa.find_first_of("123456789") == std::string_view::npos;
}

// What a value adds to a concat; nothing when it is skipped.
std::string TextOf(const Value& value) {
  if (value.IsString()) return Unquoted(value.text);
  std::string text;
  AppendCompact(value, &text);
  if (text == "true") return "True";
  if (text == "null" || text == "false" || text == "{}" || text == "[]") return {};
  const bool number = text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
  return number && IsZero(text) ? std::string() : text;
}

void ConcatIn(const schema::Concat& concat, Value* object, Texts* texts) {
  std::string joined;
  bool first = true;
  for (const schema::Concat::Part& part : concat.parts) {
    const Member* member = part.literal ? nullptr : object->Find(part.text);
    std::string text = part.literal        ? part.text
                       : member != nullptr ? TextOf(member->value)
                                           : std::string();
    if (text.empty()) continue;
    if (!first) joined += concat.delimiter;
    joined += text;
    first = false;
  }
  object->Set(concat.destination, StringValue(joined, texts), texts);
}

}  // namespace

void AddToShape(const schema::Transform& transform, Shape* shape) {
  const auto open = [shape](const std::vector<std::string>& path) {
    Shape* at = shape;
    for (const std::string& key : path) at = at->Under(key);
    return at;
  };
  for (const schema::Replace& replace : transform.replace) open(replace.path);
  for (const schema::InnerRename& rename : transform.rename) open(rename.path)->object = true;
  if (!transform.concat.empty() || !transform.move.empty()) shape->object = true;
}

void ApplySteps(const schema::Transform& transform, Value* value, Texts* texts) {
  for (const schema::Replace& replace : transform.replace) {
    Walk(value, replace.path, [&](Value* at) { ReplaceIn(replace.pairs, at, texts); });
  }
  for (const schema::InnerRename& rename : transform.rename) {
    Walk(value, rename.path, [&](Value* at) { RenameIn(rename.names, at, texts); });
  }
  if (transform.concat.empty()) return;
  Walk(value, {}, [&](Value* at) {
    if (at->kind != Value::Kind::kObject) return;
    for (const schema::Concat& concat : transform.concat) ConcatIn(concat, at, texts);
  });
}

}  // namespace transform
