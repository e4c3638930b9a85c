// Reading JSON values with findings instead of exceptions: the only header of this room that
// includes nlohmann/json. Objects keep the order of the file. A reader returns nothing after it has
// reported why; the caller just goes on, so that one wrong value does not hide the next one.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/schema/findings.h"

namespace schema {

using Json = nlohmann::ordered_json;

// A key of the language. What is not supported yet is refused by name, never ignored: a file that
// needs it would otherwise give other documents than its author expects.
struct KnownKey {
  std::string_view name;
  bool supported = true;
};

// "an object", "a list", "a string", "a number", "a boolean", "null": for "expected …; found …".
std::string KindOf(const Json& value);

// "a, b, c"
std::string Joined(const std::vector<std::string>& words);

// `3 columns`, `1 column`
std::string Counted(size_t count, std::string_view singular);

// `"routing" is not supported yet by this version`
std::string NotSupportedYet(std::string_view name);

// Returns the member, or nullptr when it is absent or null.
const Json* Member(const Json& object, const std::string& key);

// Each returns false or nothing after reporting `expected …; found …` at `path`.
bool ExpectObject(const Json& value, const std::string& path, Findings* findings);
bool ExpectList(const Json& value, std::string_view of_what, const std::string& path,
                Findings* findings);
std::optional<std::string> ReadString(const Json& value, const std::string& path,
                                      Findings* findings);
std::optional<bool> ReadBoolean(const Json& value, const std::string& path, Findings* findings);
std::vector<std::string> ReadStrings(const Json& value, const std::string& path,
                                     Findings* findings);

struct KeyCheck {
  std::string_view noun = "key";
  bool at_key = false;
  bool comments = false;  // keys that start with _ or equal $schema are free
};

// Reports every key of `object` that is not in `known` (`unknown key "colums"; allowed: …; did you
// mean "columns"?`, with `noun` for "key"), at the object's path or, with `at_key`, at the key's
// own, and every key that is not supported yet at its own path. REQUIRES: object.is_object().
void CheckKeys(const Json& object, const std::vector<KnownKey>& known, const KeyCheck& how,
               const std::string& path, Findings* findings);

}  // namespace schema
