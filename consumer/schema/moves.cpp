#include "consumer/schema/moves.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace schema {
namespace {

// A move of the file with its place. The specs of a node and the moves of its tree node are in one
// order, once there are no errors.
struct Placed {
  const MoveSpec* spec;
  int arrays = 0;  // around the node's object
};

void Collect(const NodeSpec& node, int arrays, std::vector<Placed>* moves) {
  const bool array = node.type == RelationType::kOneToMany || node.junction.has_value();
  arrays += array ? 1 : 0;
  for (const MoveSpec& move : node.transform.move) moves->push_back({&move, arrays});
  for (const NodeSpec& child : node.children) Collect(child, arrays, moves);
}

std::string Written(const std::vector<std::string>& destination) {
  std::string text = "$root";
  for (const std::string& key : destination) text += "." + key;
  return text;
}

// Types whose values are never a JSON object (pg_type.dat). All others are judged by document.
bool NeverAnObject(uint32_t type_oid) {
  static constexpr std::array<uint32_t, 20> kTypes = {16,   17,   18,   19,   20,   21,   23,
                                                      25,   26,   700,  701,  1042, 1043, 1082,
                                                      1083, 1114, 1184, 1266, 1700, 2950};
  return std::find(kTypes.begin(), kTypes.end(), type_oid) != kTypes.end();
}

bool IsMovedAway(const Node& node, const std::string& key) {
  return std::any_of(node.transform.move.begin(), node.transform.move.end(),
                     [&](const Move& move) { return move.key == key; });
}

bool IsConcatenated(const Node& node, const std::string& key) {
  return std::any_of(node.transform.concat.begin(), node.transform.concat.end(),
                     [&](const Concat& concat) { return concat.destination == key; });
}

const Node* ChildUnder(const DocumentTree& tree, const Node& node, const std::string& label) {
  for (const uint32_t child : node.children) {
    if (tree.nodes[child].label == label) return &tree.nodes[child];
  }
  return nullptr;
}

const Column* ColumnUnder(const Node& node, const std::string& key) {
  const auto it = std::find_if(node.columns.begin(), node.columns.end(),
                               [&](const Column& column) { return column.key == key; });
  return it == node.columns.end() ? nullptr : &*it;
}

bool HasKey(const DocumentTree& tree, const Node& node, const std::string& key) {
  return IsConcatenated(node, key) || ColumnUnder(node, key) != nullptr ||
         ChildUnder(tree, node, key) != nullptr;
}

// Follows the destination down the objects of the tree as far as they go.
void CheckDestination(const MoveSpec& move, const DocumentTree& tree, Findings* findings) {
  const Node* node = &tree.nodes[0];
  for (size_t i = 0; i < move.destination.size(); ++i) {
    const std::string& key = move.destination[i];
    const bool last = i + 1 == move.destination.size();
    if (IsMovedAway(*node, key) || !HasKey(tree, *node, key)) return;
    if (last) {
      findings->Warning(move.at + ".destination", "\"" + Written(move.destination) +
                                                      "\" is a key of the document already; the "
                                                      "moved value replaces it");
      return;
    }
    const Column* column = ColumnUnder(*node, key);
    const Node* child = ChildUnder(tree, *node, key);
    const bool object_node =
        child != nullptr && !child->IsArray() && child->variant == Variant::kObject;
    if (IsConcatenated(*node, key) || (child != nullptr && !object_node) ||
        (column != nullptr && NeverAnObject(column->type_oid))) {
      findings->Error(move.at + ".destination", "\"" + Written(move.destination) +
                                                    "\" leads through \"" + key +
                                                    "\", which is not an object");
      return;
    }
    if (child == nullptr) return;  // a column: judged by document
    node = child;
  }
}

}  // namespace

void CheckMoves(const NodeSpec& root, Findings* findings) {
  std::vector<Placed> moves;
  Collect(root, 0, &moves);
  for (size_t i = 0; i < moves.size(); ++i) {
    const MoveSpec& move = *moves[i].spec;
    if (moves[i].arrays > 1) {
      findings->Error(move.at, "a value inside of " + std::to_string(moves[i].arrays) +
                                   " arrays has no single place in the document; only one array "
                                   "may be around it");
    }
    for (size_t other = 0; other < i; ++other) {
      if (moves[other].spec->destination != move.destination) continue;
      findings->Error(move.at + ".destination", "\"" + Written(move.destination) +
                                                    "\" is already the destination of " +
                                                    moves[other].spec->at);
      break;
    }
  }
}

void CheckDestinations(const DocumentSpec& document, const DocumentTree& tree, Findings* findings) {
  std::vector<Placed> moves;
  Collect(document.root, 0, &moves);
  for (const Placed& move : moves) CheckDestination(*move.spec, tree, findings);
}

std::vector<std::string> TopKeys(const DocumentTree& tree) {
  const Node& root = tree.nodes[0];
  std::vector<std::string> keys;
  const auto add = [&keys](const std::string& key) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  };
  for (const Column& column : root.columns) add(column.key);
  for (const uint32_t child : root.children) add(tree.nodes[child].label);
  for (const Concat& concat : root.transform.concat) add(concat.destination);
  std::erase_if(keys, [&](const std::string& key) { return IsMovedAway(root, key); });
  for (const Node& node : tree.nodes) {
    for (const Move& move : node.transform.move) add(move.destination.front());
  }
  return keys;
}

bool MadeByTransform(const DocumentTree& tree, const std::string& key) {
  const Node& root = tree.nodes[0];
  const auto starts = [&](const auto& spec) { return spec.path.front() == key; };
  const Transform& transform = root.transform;
  if (std::any_of(transform.replace.begin(), transform.replace.end(), starts)) return true;
  if (std::any_of(transform.rename.begin(), transform.rename.end(), starts)) return true;
  if (IsConcatenated(root, key) || IsMovedAway(root, key)) return true;
  return std::any_of(tree.nodes.begin(), tree.nodes.end(), [&](const Node& node) {
    return std::any_of(node.transform.move.begin(), node.transform.move.end(),
                       [&](const Move& move) { return move.destination.front() == key; });
  });
}

}  // namespace schema
