#include "consumer/schema/parse_transform.h"

namespace schema {
namespace {

const std::vector<KnownKey>& TransformKeys() {
  static const std::vector<KnownKey> keys = {
      {"concat", false}, {"mapping"}, {"move", false}, {"rename"}, {"replace", false}};
  return keys;
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
      findings->Error(here, "\"rename\" inside a JSON column is not supported yet by this version");
      continue;
    }
    const auto name = ReadString(to, here, findings);
    if (name && name->empty()) findings->Error(here, "the new name cannot be empty");
    if (name) node->rename.emplace_back(from, *name);
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
    node->mapping[key] = field;
  }
}

}  // namespace

void ReadTransform(const Json& transform, const std::string& path, NodeSpec* node,
                   Findings* findings) {
  if (!ExpectObject(transform, path, findings)) return;
  CheckKeys(transform, TransformKeys(), {.noun = "transform", .at_key = true}, path, findings);
  if (const Json* rename = Member(transform, "rename")) {
    ReadRename(*rename, path + ".rename", node, findings);
  }
  if (const Json* mapping = Member(transform, "mapping")) {
    ReadMapping(*mapping, path + ".mapping", node, findings);
  }
}

}  // namespace schema
