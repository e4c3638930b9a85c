#include "consumer/schema/index_body.h"

#include <utility>

namespace schema {
namespace {

// Objects are merged key by key; anything else replaces what was there.
void Merge(const Json& later, Json* earlier) {
  if (!later.is_object() || !earlier->is_object()) {
    *earlier = later;
    return;
  }
  for (const auto& [key, value] : later.items()) {
    const auto it = earlier->find(key);
    if (it == earlier->end()) {
      (*earlier)[key] = value;
    } else {
      Merge(value, &*it);
    }
  }
}

// Key by key: a field that is spelled out is not mixed with what its type would say.
void Override(const Json& later, Json* fields) {
  for (const auto& [key, field] : later.items()) (*fields)[key] = field;
}

// The mapping of the value that `node` puts under its label (the document itself for the root): its
// own fields and those of the nodes below it; null when none of them says anything.
Json MappingOf(const NodeSpec& spec, const DocumentTree& tree, const Node& node,
               const std::vector<Json>& type_fields) {
  Json fields = node.id < type_fields.size() ? type_fields[node.id] : Json::object();
  Override(spec.mapping, &fields);
  if (spec.variant == Variant::kScalar) {
    // A bare value: its column's mapping is the mapping of the label.
    const Json* field = node.columns.empty() ? nullptr : Member(fields, node.columns[0].key);
    return field == nullptr ? Json() : *field;
  }
  for (size_t i = 0; i < spec.children.size(); ++i) {
    const Node& child = tree.nodes[node.children[i]];
    const Json below = MappingOf(spec.children[i], tree, child, type_fields);
    if (below.is_null()) continue;
    if (fields.contains(child.label)) {
      Merge(below, &fields[child.label]);
    } else {
      fields[child.label] = below;
    }
  }
  if (fields.empty()) return {};
  return {{"properties", std::move(fields)}};
}

}  // namespace

std::string IndexBody(const DocumentSpec& document, const DocumentTree& tree,
                      const std::vector<Json>& type_fields) {
  Json body = Json::object();
  if (document.setting.is_object() && !document.setting.empty()) {
    const Json* inner = document.setting.size() == 1 ? Member(document.setting, "index") : nullptr;
    body["settings"]["index"] = inner != nullptr ? *inner : document.setting;
  }
  Json mappings = document.mappings.is_object() ? document.mappings : Json::object();
  const Json generated = MappingOf(document.root, tree, tree.nodes[0], type_fields);
  if (!generated.is_null()) Merge(generated, &mappings);
  if (document.mapping.is_object() && !document.mapping.empty()) {
    Merge(document.mapping.contains("dynamic_templates") ? document.mapping
                                                         : Json{{"properties", document.mapping}},
          &mappings);
  }
  if (!document.routing.empty()) mappings["_routing"]["required"] = true;
  if (document.meta) {
    Merge({{"properties", {{"_meta", {{"type", "object"}, {"enabled", false}}}}}}, &mappings);
  }
  if (HasLookups(tree)) {
    // Found by exact value and never shown, sorted or counted.
    const Json found = {{"type", "keyword"}, {"doc_values", false}};
    const Json kept = {{"type", "object"}, {"enabled", false}};
    Merge({{"properties", {{"_pgsync", {{"properties", {{"lookup", found}, {"root", kept}}}}}}}},
          &mappings);
  }
  if (!mappings.empty()) body["mappings"] = std::move(mappings);
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace schema
