#include "consumer/schema/node_keys.h"

#include <algorithm>

#include "consumer/base/nearest.h"

namespace schema {
namespace {

// Something that gives a key: a column or a child.
struct Source {
  std::string written;        // as in the file, for messages
  std::string before, after;  // rename
};

const Source* Find(const std::vector<Source>& sources, const std::string& before) {
  const auto it = std::find_if(sources.begin(), sources.end(),
                               [&](const Source& source) { return source.before == before; });
  return it == sources.end() ? nullptr : &*it;
}

std::string BothGive(const Source& first, const Source& second) {
  return "\"" + first.written + "\" and \"" + second.written + "\" both give the key \"" +
         second.after + "\"";
}

void Rename(const NodeSpec& node, std::vector<Source>* sources, Findings* findings) {
  std::vector<std::string> names;
  for (const Source& source : *sources) names.push_back(source.before);
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
    const Source* renamed = Find(*sources, from);
    if (renamed == nullptr) continue;
    for (const Source& other : *sources) {
      if (&other == renamed || other.after != renamed->after) continue;
      // Two renames to one name: said once, at the later one.
      const bool said_there = other.before != other.after && &other > renamed;
      if (said_there) continue;
      findings->Error(node.path + ".transform.rename." + from, BothGive(other, *renamed));
      break;
    }
  }
}

void CheckMapping(const NodeSpec& node, const std::vector<Source>& sources, Findings* findings) {
  std::vector<std::string> keys;
  for (const Source& source : sources) keys.push_back(source.after);
  for (const auto& [key, field] : node.mapping.items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::string path = node.path + ".transform.mapping." + key;
    if (const Source* old = Find(sources, key)) {
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
  std::vector<Source> sources;
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
    } else if (const Source* other = Find(sources, key)) {
      findings->Error(column.path, BothGive(*other, {column.entry, key, key}));
    } else {
      source_of_column[i] = sources.size();
      sources.push_back({column.entry, key, key});
    }
  }
  for (const NodeSpec& child : node.children) {
    source_of_child.push_back(sources.size());
    sources.push_back({child.label, child.label, child.label});
  }
  Rename(node, &sources, findings);
  CheckMapping(node, sources, findings);

  NodeKeys keys;
  for (const size_t source : source_of_column) {
    keys.columns.push_back(source == kNone ? std::nullopt : std::optional(sources[source].after));
  }
  for (const size_t source : source_of_child) keys.labels.push_back(sources[source].after);
  return keys;
}

}  // namespace schema
