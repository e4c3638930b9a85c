#include "consumer/schema/parse_transform.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace schema {
namespace {

const std::vector<KnownKey>& TransformKeys() {
  static const std::vector<KnownKey> keys = {
      {"concat"}, {"mapping"}, {"move"}, {"rename"}, {"replace"}};
  return keys;
}

// null, {} and [] ask for nothing.
bool AsksForNothing(const Json& value) {
  return value.is_null() || (value.is_structured() && value.empty());
}

// Pairs of strings at this level are collected for `path`; an object goes one level down in the
// JSON value, and comes first, so that the deeper path is still found by its old names.
void ReadPairs(const Json& object, const std::string& at, bool rename,
               const std::vector<std::string>& path, std::vector<PathSpec>* specs,
               Findings* findings) {
  PathSpec here{at, path, {}};
  for (const auto& [from, to] : object.items()) {
    const std::string there = at + "." + from;
    if (to.is_object()) {
      std::vector<std::string> deeper = path;
      deeper.push_back(from);
      ReadPairs(to, there, rename, deeper, specs, findings);
      continue;
    }
    if (!rename && !to.is_string()) {
      findings->Error(there, "replacements are strings; found " + KindOf(to));
      continue;
    }
    const auto text = ReadString(to, there, findings);
    if (!rename && from.empty()) {
      findings->Error(there, "the text to search for cannot be empty");
    } else if (rename && text && text->empty()) {
      findings->Error(there, "the new name cannot be empty");
    } else if (text) {
      here.pairs.emplace_back(from, *text);
    }
  }
  if (!here.pairs.empty()) specs->push_back(std::move(here));
}

void ReadReplace(const Json& replace, const std::string& path, NodeSpec* node, Findings* findings) {
  if (!ExpectObject(replace, path, findings)) return;
  for (const auto& [key, pairs] : replace.items()) {
    const std::string here = path + "." + key;
    if (!pairs.is_object()) {
      findings->Error(here,
                      "expected an object {\"search\": \"replacement\"}; found " + KindOf(pairs));
      continue;
    }
    ReadPairs(pairs, here, false, {key}, &node->transform.replace, findings);
  }
}

void ReadRename(const Json& rename, const std::string& path, NodeSpec* node, Findings* findings) {
  if (!ExpectObject(rename, path, findings)) return;
  if (node->variant == Variant::kScalar && !rename.empty()) {
    findings->Error(path, "a scalar node is a bare value and has no key to rename");
    return;
  }
  for (const auto& [from, to] : rename.items()) {
    const std::string here = path + "." + from;
    if (to.is_object()) {
      ReadPairs(to, here, true, {from}, &node->transform.rename, findings);
      continue;
    }
    const auto name = ReadString(to, here, findings);
    if (name && name->empty()) findings->Error(here, "the new name cannot be empty");
    if (name) node->rename.emplace_back(from, *name);
  }
}

// concat and move: one object, or a list of them. Calls `read(object, path)` for each.
template <typename Read>
void ReadEach(const Json& value, const std::string& path, Findings* findings, const Read& read) {
  if (AsksForNothing(value)) return;
  if (!value.is_array()) {
    if (ExpectObject(value, path, findings)) read(value, path);
    return;
  }
  for (size_t i = 0; i < value.size(); ++i) {
    const std::string here = path + "[" + std::to_string(i) + "]";
    if (ExpectObject(value[i], here, findings)) read(value[i], here);
  }
}

void ReadConcat(const Json& concat, const std::string& path, NodeSpec* node, Findings* findings) {
  CheckKeys(concat, {{"columns"}, {"destination"}, {"delimiter"}}, {}, path, findings);
  const Json* columns = Member(concat, "columns");
  const Json* destination = Member(concat, "destination");
  if (columns == nullptr || destination == nullptr) {
    findings->Error(path, "needs \"columns\" and \"destination\"");
    return;
  }
  ConcatSpec spec;
  spec.at = path;
  spec.columns = ReadStrings(*columns, path + ".columns", findings);
  const auto key = ReadString(*destination, path + ".destination", findings);
  if (key && key->empty()) {
    findings->Error(path + ".destination", "the destination cannot be empty");
  }
  if (const Json* delimiter = Member(concat, "delimiter")) {
    spec.delimiter = ReadString(*delimiter, path + ".delimiter", findings).value_or("");
  }
  if (!key || key->empty()) return;
  spec.destination = *key;
  node->transform.concat.push_back(std::move(spec));
}

// "$root.a.b" -> a, b.
std::optional<std::vector<std::string>> Destination(const std::string& text) {
  constexpr std::string_view kRoot = "$root.";
  if (!text.starts_with(kRoot)) return std::nullopt;
  std::vector<std::string> keys;
  for (size_t begin = kRoot.size(); begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    if (end == begin) return std::nullopt;
    keys.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return keys.empty() ? std::nullopt : std::optional(std::move(keys));
}

// Said once per file: whoever reads it has understood.
void WarnOfMove(const std::string& path, Findings* findings) {
  const std::string message =
      "PGSync ignored \"move\"; here it is applied, so documents differ from PGSync's";
  const auto& list = findings->list();
  const bool said = std::any_of(list.begin(), list.end(),
                                [&](const Finding& finding) { return finding.message == message; });
  if (!said) findings->Warning(path, message);
}

void ReadMove(const Json& move, const std::string& path, NodeSpec* node, Findings* findings) {
  CheckKeys(move, {{"column"}, {"destination"}}, {}, path, findings);
  const Json* column = Member(move, "column");
  const Json* destination = Member(move, "destination");
  if (column == nullptr || destination == nullptr) {
    findings->Error(path, "needs \"column\" and \"destination\"");
    return;
  }
  const auto name = ReadString(*column, path + ".column", findings);
  const auto text = ReadString(*destination, path + ".destination", findings);
  if (!text) return;
  auto keys = Destination(*text);
  if (!keys) {
    findings->Error(path + ".destination", "destination must look like \"$root.a.b\"");
  } else if (name) {
    node->transform.move.push_back({path, *name, *std::move(keys)});
  }
}

void ReadMapping(const Json& mapping, const std::string& path, NodeSpec* node, Findings* findings) {
  if (!ExpectObject(mapping, path, findings)) return;
  for (const auto& [key, field] : mapping.items()) {
    const std::string here = path + "." + key;
    if (!ExpectObject(field, here, findings)) continue;
    if (!field.contains("type") && !field.contains("properties")) {
      findings->Error(here, "needs \"type\"");
      continue;
    }
    if (const Json* type = Member(field, "type")) ReadString(*type, here + ".type", findings);
    node->mapping[key] = field;
  }
}

}  // namespace

void ReadTransform(const Json& transform, const std::string& path, NodeSpec* node,
                   Findings* findings) {
  if (!ExpectObject(transform, path, findings)) return;
  CheckKeys(transform, TransformKeys(), {.noun = "transform", .at_key = true}, path, findings);
  if (const Json* replace = Member(transform, "replace")) {
    ReadReplace(*replace, path + ".replace", node, findings);
  }
  if (const Json* rename = Member(transform, "rename")) {
    ReadRename(*rename, path + ".rename", node, findings);
  }
  const bool scalar = node->variant == Variant::kScalar;
  for (const char* key : {"concat", "move"}) {
    const Json* value = Member(transform, key);
    if (value == nullptr || AsksForNothing(*value)) continue;
    const std::string here = path + "." + key;
    if (scalar) {
      findings->Error(here, "a scalar node is a bare value and has no keys");
      continue;
    }
    const bool move = std::string_view(key) == "move";
    if (move) WarnOfMove(here, findings);
    ReadEach(*value, here, findings, [&](const Json& object, const std::string& at) {
      move ? ReadMove(object, at, node, findings) : ReadConcat(object, at, node, findings);
    });
  }
  if (const Json* mapping = Member(transform, "mapping")) {
    ReadMapping(*mapping, path + ".mapping", node, findings);
  }
}

}  // namespace schema
