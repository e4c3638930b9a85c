#include "consumer/schema/json_fields.h"

#include <algorithm>

#include "consumer/base/nearest.h"

namespace schema {

std::string KindOf(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "a boolean";
  if (value.is_null()) return "null";
  return "a number";
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

std::string Counted(size_t count, std::string_view singular) {
  std::string text = std::to_string(count) + " " + std::string(singular);
  return count == 1 ? text : text + "s";
}

std::string NotSupportedYet(std::string_view name) {
  return "\"" + std::string(name) + "\" is not supported yet by this version";
}

const Json* Member(const Json& object, const std::string& key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

bool ExpectObject(const Json& value, const std::string& path, Findings* findings) {
  if (value.is_object()) return true;
  findings->Error(path, "expected an object; found " + KindOf(value));
  return false;
}

bool ExpectList(const Json& value, std::string_view of_what, const std::string& path,
                Findings* findings) {
  if (value.is_array()) return true;
  findings->Error(path, "expected a list of " + std::string(of_what) + "; found " + KindOf(value));
  return false;
}

std::optional<std::string> ReadString(const Json& value, const std::string& path,
                                      Findings* findings) {
  if (!value.is_string()) {
    findings->Error(path, "expected a string; found " + KindOf(value));
    return std::nullopt;
  }
  std::string text = value.get<std::string>();
  if (text.find('\0') != std::string::npos) {
    findings->Error(path, "holds the character \\u0000, which no name or text in PostgreSQL can");
    return std::nullopt;
  }
  return text;
}

std::optional<bool> ReadBoolean(const Json& value, const std::string& path, Findings* findings) {
  if (value.is_boolean()) return value.get<bool>();
  findings->Error(path, "expected true or false; found " + KindOf(value));
  return std::nullopt;
}

std::vector<std::string> ReadStrings(const Json& value, const std::string& path,
                                     Findings* findings) {
  std::vector<std::string> strings;
  if (!ExpectList(value, "strings", path, findings)) return strings;
  for (size_t i = 0; i < value.size(); ++i) {
    auto text = ReadString(value[i], path + "[" + std::to_string(i) + "]", findings);
    if (text) strings.push_back(*std::move(text));
  }
  return strings;
}

void CheckKeys(const Json& object, const std::vector<KnownKey>& known, const KeyCheck& how,
               const std::string& path, Findings* findings) {
  for (const auto& [key, value] : object.items()) {
    if (how.comments && (key == "$schema" || key.starts_with('_'))) continue;
    const auto it = std::find_if(known.begin(), known.end(),
                                 [&key = key](const KnownKey& k) { return k.name == key; });
    if (it == known.end()) {
      std::vector<std::string> names;
      for (const KnownKey& k : known) names.emplace_back(k.name);
      findings->Error(how.at_key ? path + "." + key : path,
                      "unknown " + std::string(how.noun) + " \"" + key +
                          "\"; allowed: " + Joined(names) + base::DidYouMean(key, names));
    } else if (!it->supported) {
      // An empty value asks for nothing, so nothing would be ignored; PGSync's examples are full of
      // `"plugins": []`.
      const bool asks_for_nothing =
          value.is_null() || value == Json(false) || (value.is_structured() && value.empty());
      if (!asks_for_nothing) findings->Error(path + "." + key, NotSupportedYet(key));
    }
  }
}

}  // namespace schema
