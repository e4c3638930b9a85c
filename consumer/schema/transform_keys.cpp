#include "consumer/schema/transform_keys.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "consumer/base/nearest.h"

namespace schema {
namespace {

using Keys = std::vector<std::string>;

bool Contains(const Keys& keys, const std::string& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

std::string NoKey(const std::string& key, const Keys& keys) {
  return "this node has no key \"" + key + "\"" + base::DidYouMean(key, keys);
}

// One letter too many, missing or wrong; not for a single letter in place of another.
bool OneEditApart(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1 || b.size() < 2 || a == b) return false;
  const auto differ = std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin();
  const auto at = static_cast<size_t>(differ);
  return b.substr(at + 1) == a.substr(a.size() == b.size() ? at + 1 : at);
}

// The path with the final key in place of the first name, or an empty one after reporting why not.
Keys FinalPath(const NodeSpec& node, const PathSpec& spec, const std::vector<KeySource>& sources,
               Findings* findings) {
  const KeySource* source = FindBefore(sources, spec.path.front());
  if (source == nullptr) {
    Keys before;
    for (const KeySource& other : sources) before.push_back(other.before);
    findings->Error(spec.at, NoKey(spec.path.front(), before));
    return {};
  }
  if (source->child != nullptr && source->child->variant == Variant::kObject) {
    findings->Error(spec.at, "\"" + spec.path.front() +
                                 "\" is a child; write this into the \"transform\" of " +
                                 source->child->path.substr(node.path.size() + 1));
    return {};
  }
  Keys path = spec.path;
  path.front() = source->after;
  return path;
}

void AddPaths(const NodeSpec& node, const std::vector<KeySource>& sources, Transform* transform,
              Findings* findings) {
  for (const PathSpec& spec : node.transform.replace) {
    Keys path = FinalPath(node, spec, sources, findings);
    if (path.empty()) continue;
    // The object of a scalar node is the bare value itself.
    if (node.variant == Variant::kScalar) path.erase(path.begin());
    transform->replace.push_back({std::move(path), spec.pairs});
  }
  for (const PathSpec& spec : node.transform.rename) {
    Keys path = FinalPath(node, spec, sources, findings);
    if (!path.empty()) transform->rename.push_back({std::move(path), spec.pairs});
  }
}

// `keys`: those of the object so far; each destination is one more for all that comes after.
void AddConcats(const NodeSpec& node, Keys* keys, Transform* transform, Findings* findings) {
  for (const ConcatSpec& spec : node.transform.concat) {
    Concat concat{{}, spec.destination, spec.delimiter};
    for (size_t i = 0; i < spec.columns.size(); ++i) {
      const std::string& name = spec.columns[i];
      const bool literal = !Contains(*keys, name);
      concat.parts.push_back({literal, name});
      if (!literal) continue;
      const auto near = std::find_if(keys->begin(), keys->end(), [&](const std::string& key) {
        return OneEditApart(name, key);
      });
      if (near == keys->end()) continue;
      findings->Warning(spec.at + ".columns[" + std::to_string(i) + "]",
                        "this node has no key \"" + name +
                            "\", so it is literal text; did you mean \"" + *near + "\"?");
    }
    if (!Contains(*keys, spec.destination)) keys->push_back(spec.destination);
    transform->concat.push_back(std::move(concat));
  }
}

void AddMoves(const NodeSpec& node, const std::vector<KeySource>& sources, const Keys& keys,
              Transform* transform, Findings* findings) {
  for (const MoveSpec& spec : node.transform.move) {
    std::string key = spec.column;
    if (!Contains(keys, key)) {
      const KeySource* old = FindBefore(sources, key);
      if (old == nullptr) {
        findings->Error(spec.at + ".column", NoKey(key, keys));
        continue;
      }
      key = old->after;
    }
    const auto twice = std::find_if(transform->move.begin(), transform->move.end(),
                                    [&](const Move& other) { return other.key == key; });
    if (twice != transform->move.end()) {
      findings->Error(spec.at + ".column", "\"" + key + "\" is moved twice");
      continue;
    }
    transform->move.push_back({std::move(key), spec.destination});
  }
}

}  // namespace

const KeySource* FindBefore(const std::vector<KeySource>& sources, const std::string& key) {
  const auto it = std::find_if(sources.begin(), sources.end(),
                               [&](const KeySource& source) { return source.before == key; });
  return it == sources.end() ? nullptr : &*it;
}

Transform TransformOf(const NodeSpec& node, const std::vector<KeySource>& sources,
                      Findings* findings) {
  Transform transform;
  AddPaths(node, sources, &transform, findings);
  Keys keys;
  for (const KeySource& source : sources) keys.push_back(source.after);
  AddConcats(node, &keys, &transform, findings);
  AddMoves(node, sources, keys, &transform, findings);
  return transform;
}

}  // namespace schema
