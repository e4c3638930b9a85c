#include "consumer/schema/node_keys.h"

#include <algorithm>

#include "consumer/base/nearest.h"
#include "consumer/schema/transform_keys.h"

namespace schema {
namespace {

std::string BothGive(const KeySource& first, const KeySource& second) {
  return "\"" + first.written + "\" and \"" + second.written + "\" both give the key \"" +
         second.after + "\"";
}

void Rename(const NodeSpec& node, std::vector<KeySource>* sources, Findings* findings) {
  std::vector<std::string> names;
  for (const KeySource& source : *sources) names.push_back(source.before);
  for (const auto& [from, to] : node.rename) {
    const auto it = std::find(names.begin(), names.end(), from);
    if (it == names.end()) {
      findings->Error(node.path + ".transform.rename." + from,
                      "this node has no key \"" + from + "\"" + base::DidYouMean(from, names));
    } else {
      (*sources)[static_cast<size_t>(it - names.begin())].after = to;
    }
  }
  for (const auto& [from, to] : node.rename) {
    const KeySource* renamed = FindBefore(*sources, from);
    if (renamed == nullptr) continue;
    for (const KeySource& other : *sources) {
      if (&other == renamed || other.after != renamed->after) continue;
      // Two renames to one name: said once, at the later one.
      const bool said_there = other.before != other.after && &other > renamed;
      if (said_there) continue;
      findings->Error(node.path + ".transform.rename." + from, BothGive(other, *renamed));
      break;
    }
  }
}

// What moves of the node and of those below it put into the document.
void AddDestinations(const NodeSpec& node, std::vector<std::string>* keys) {
  for (const MoveSpec& move : node.transform.move) keys->push_back(move.destination.front());
  for (const NodeSpec& child : node.children) AddDestinations(child, keys);
}

void CheckMapping(const NodeSpec& node, const std::vector<KeySource>& sources,
                  const Transform& transform, Findings* findings) {
  std::vector<std::string> keys;
  for (const KeySource& source : sources) keys.push_back(source.after);
  for (const Concat& concat : transform.concat) keys.push_back(concat.destination);
  std::vector<std::string> moved_here;
  const bool root = node.path.find(".children[") == std::string::npos;
  if (root) AddDestinations(node, &moved_here);
  for (const auto& [key, field] : node.mapping.items()) {
    if (std::find(moved_here.begin(), moved_here.end(), key) != moved_here.end()) continue;
    const std::string path = node.path + ".transform.mapping." + key;
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
      const auto moved = std::find_if(transform.move.begin(), transform.move.end(),
                                      [&key = key](const Move& move) { return move.key == key; });
      if (moved == transform.move.end()) continue;
      findings->Warning(path, "\"" + key + "\" is moved away; map it where it goes");
      continue;
    }
    if (const KeySource* old = FindBefore(sources, key)) {
      findings->Error(path,
                      "\"" + key + "\" is renamed to \"" + old->after + "\"; use the new name");
    } else {
      findings->Warning(path, "this node has no key \"" + key + "\"" + base::DidYouMean(key, keys));
    }
  }
}

}  // namespace

NodeKeys KeysOf(const NodeSpec& node, const std::vector<ColumnSpec>& columns, Findings* findings) {
  constexpr size_t kNone = SIZE_MAX;
  std::vector<KeySource> sources;
  std::vector<size_t> source_of_column(columns.size(), kNone), source_of_child;
  const size_t counting =
      node.variant == Variant::kScalar ? std::min<size_t>(columns.size(), 1) : columns.size();
  for (size_t i = 0; i < counting; ++i) {
    const ColumnSpec& column = columns[i];
    const std::string& key = column.column.key;
    const auto child = std::find_if(node.children.begin(), node.children.end(),
                                    [&](const NodeSpec& other) { return other.label == key; });
    if (child != node.children.end()) {
      findings->Warning(child->path + ".label", "\"" + key +
                                                    "\" is also the key of a column; the child "
                                                    "wins, the column is left out");
    } else if (const KeySource* other = FindBefore(sources, key)) {
      findings->Error(column.path, BothGive(*other, {column.entry, key, key}));
    } else {
      source_of_column[i] = sources.size();
      sources.push_back({column.entry, key, key});
    }
  }
  for (const NodeSpec& child : node.children) {
    source_of_child.push_back(sources.size());
    sources.push_back({child.label, child.label, child.label, &child});
  }
  Rename(node, &sources, findings);

  NodeKeys keys;
  keys.transform = TransformOf(node, sources, findings);
  CheckMapping(node, sources, keys.transform, findings);
  for (const size_t source : source_of_column) {
    keys.columns.push_back(source == kNone ? std::nullopt : std::optional(sources[source].after));
  }
  for (const size_t source : source_of_child) keys.labels.push_back(sources[source].after);
  return keys;
}

}  // namespace schema
