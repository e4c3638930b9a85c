#include "consumer/transform/transform.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "consumer/transform/steps.h"
#include "consumer/transform/value.h"

namespace transform {

using schema::DocumentTree;
using schema::Node;

namespace {

// Where a node's values hang, and what is to be done there and below.
struct NodePlan {
  const Node* node = nullptr;
  std::vector<NodePlan> children;  // only those with something to do, under their labels
};

// A move, with all labels between the document and the object that it takes its value from.
struct MovePlan {
  const Node* node = nullptr;
  const schema::Move* move = nullptr;
  std::vector<std::string> labels;
  bool array = false;  // an array is on the way
};

// The members that were taken out, and whether an array was met where they are.
struct Taken {
  std::vector<Value> values;
  bool array = false;
};

void ApplyNode(const NodePlan& plan, Value* value, Texts* texts) {
  if (value->kind == Value::Kind::kArray) {
    for (Member& item : value->members) ApplyNode(plan, &item.value, texts);
    return;
  }
  if (value->kind == Value::Kind::kObject) {
    for (const NodePlan& child : plan.children) {
      if (Member* member = value->Find(child.node->label)) ApplyNode(child, &member->value, texts);
    }
  }
  ApplySteps(plan.node->transform, value, texts);
}

void Take(const MovePlan& plan, size_t depth, Value* value, Taken* taken) {
  if (value->kind == Value::Kind::kArray) {
    taken->array = true;
    for (Member& item : value->members) Take(plan, depth, &item.value, taken);
    return;
  }
  if (value->kind != Value::Kind::kObject) return;
  const bool here = depth == plan.labels.size();
  Member* member = value->Find(here ? plan.move->key : plan.labels[depth]);
  if (member == nullptr) return;
  if (!here) return Take(plan, depth + 1, &member->value, taken);
  taken->values.push_back(std::move(member->value));
  value->members.erase(value->members.begin() + (member - value->members.data()));
}

// What is under the key of the object, as an object: made when it is missing or NULL, opened when
// it is still text. nullptr when it is something else.
Value* ObjectUnder(const std::string& key, Value* object, Texts* texts) {
  Member* member = object->Find(key);
  if (member == nullptr || member->value.IsNull()) {
    Value empty;
    empty.kind = Value::Kind::kObject;
    object->Set(key, std::move(empty), texts);
    return &object->Find(key)->value;
  }
  Value& value = member->value;
  if (value.kind == Value::Kind::kText && value.text.starts_with('{')) {
    Shape shape;
    shape.object = true;
    auto opened = Read(value.text, shape);
    if (!opened) return nullptr;
    value = *std::move(opened);
  }
  return value.kind == Value::Kind::kObject ? &value : nullptr;
}

base::Status Put(const MovePlan& plan, Taken taken, Value* document, Texts* texts) {
  Value value;
  if (plan.array) {
    // No array at all: an object above it is NULL, or the array itself is.
    if (!taken.array) return {};
    value.kind = Value::Kind::kArray;
    for (Value& item : taken.values) value.members.push_back({{}, std::move(item)});
  } else {
    if (taken.values.empty()) return {};
    value = std::move(taken.values.front());
  }
  const std::vector<std::string>& destination = plan.move->destination;
  Value* object = document;
  for (size_t i = 0; i + 1 < destination.size(); ++i) {
    object = ObjectUnder(destination[i], object, texts);
    if (object == nullptr) {
      std::string text = "$root";
      for (const std::string& key : destination) text += "." + key;
      return base::RejectDocument("\"" + plan.move->key + "\" of " +
                                  schema::ToString(plan.node->table) + " cannot move to \"" + text +
                                  "\": \"" + destination[i] + "\" is not an object here");
    }
  }
  object->Set(destination.back(), std::move(value), texts);
  return {};
}

// Nothing for NULL and for no such key.
base::Result<std::optional<std::string>> RoutingOf(Value* document, const std::string& key) {
  const Member* member = document->Find(key);
  if (member == nullptr || member->value.IsNull()) return std::optional<std::string>();
  const Value& value = member->value;
  if (value.IsString()) return std::optional(Unquoted(value.text));
  const bool scalar = value.kind == Value::Kind::kText && !value.text.starts_with('{') &&
                      !value.text.starts_with('[');
  if (!scalar) {
    return base::RejectDocument("\"" + key +
                                "\" routes the document, but is an object or a list here");
  }
  return std::optional(std::string(value.text));
}

}  // namespace

struct Transformer::Plan {
  explicit Plan(const DocumentTree& tree) {
    AddNode(tree, tree.nodes[0], {}, false, &root, &shape);
    work = !root.children.empty() || !tree.nodes[0].transform.Empty();
    shape.object = shape.object || !tree.routing_key.empty() || !moves.empty();
    // What goes into another one's destination comes after it.
    puts.resize(moves.size());
    for (size_t i = 0; i < puts.size(); ++i) puts[i] = i;
    std::stable_sort(puts.begin(), puts.end(), [this](size_t a, size_t b) {
      return moves[a].move->destination.size() < moves[b].move->destination.size();
    });
  }

  NodePlan root;
  std::vector<MovePlan> moves;  // in the order of taking: children before their parents
  std::vector<size_t> puts;     // the same in the order of putting
  Shape shape;                  // of the document
  bool work = false;            // some node has something to do

 private:
  // Returns whether there is something to do in the node or below.
  bool AddNode(const DocumentTree& tree, const Node& node, const std::vector<std::string>& labels,
               bool array, NodePlan* plan, Shape* at) {
    plan->node = &node;
    for (const uint32_t id : node.children) {
      const Node& child = tree.nodes[id];
      std::vector<std::string> below = labels;
      below.push_back(child.label);
      NodePlan child_plan;
      Shape child_shape;
      if (!AddNode(tree, child, below, array || child.IsArray(), &child_plan, &child_shape))
        continue;
      *at->Under(child.label) = std::move(child_shape);
      plan->children.push_back(std::move(child_plan));
    }
    AddToShape(node.transform, at);
    for (const schema::Move& move : node.transform.move) {
      moves.push_back({&node, &move, labels, array});
    }
    return !plan->children.empty() || !node.transform.Empty();
  }
};

Transformer::Transformer(const DocumentTree& tree)
    : tree_(tree), plan_(std::make_unique<const Plan>(tree)) {}
Transformer::~Transformer() = default;
Transformer::Transformer(Transformer&&) noexcept = default;

bool Transformer::Empty() const {
  return !plan_->work && (tree_.routing_key.empty() || !tree_.routing_column.empty());
}

base::Status Transformer::Apply(std::string_view document, std::string* out,
                                std::optional<std::string>* routing) const {
  auto read = Read(document, plan_->shape);
  if (!read) return std::move(read).error();
  Value value = *std::move(read);
  Texts texts;
  ApplyNode(plan_->root, &value, &texts);

  // All are taken before any is put, so that two keys can trade places.
  std::vector<Taken> taken(plan_->moves.size());
  for (size_t i = 0; i < taken.size(); ++i) Take(plan_->moves[i], 0, &value, &taken[i]);
  for (const size_t i : plan_->puts) {
    if (auto status = Put(plan_->moves[i], std::move(taken[i]), &value, &texts); !status) {
      return status;
    }
  }

  routing->reset();
  if (!tree_.routing_key.empty()) {
    auto text = RoutingOf(&value, tree_.routing_key);
    if (!text) return std::move(text).error();
    *routing = *std::move(text);
  }
  Append(value, out);
  return {};
}

}  // namespace transform
