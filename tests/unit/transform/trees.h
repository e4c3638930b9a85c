// Short ways to build a tree of nodes with transforms, and to send a document through it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "consumer/transform/transform.h"

namespace transform {

using Strings = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

class Trees {
 public:
  Trees() {
    tree.nodes.emplace_back();
    tree.nodes[0].table = {"public", "book"};
  }

  // A child of `parent`; returns its position.
  uint32_t Add(uint32_t parent, const std::string& label, bool array, bool scalar = false) {
    const auto id = static_cast<uint32_t>(tree.nodes.size());
    schema::Node node;
    node.id = id;
    node.parent = static_cast<int32_t>(parent);
    node.table = {"public", label};
    node.label = label;
    node.type = array ? schema::RelationType::kOneToMany : schema::RelationType::kOneToOne;
    node.variant = scalar ? schema::Variant::kScalar : schema::Variant::kObject;
    tree.nodes.push_back(std::move(node));
    tree.nodes[parent].children.push_back(id);
    return id;
  }
  Trees& Replace(uint32_t node, Strings path, Pairs pairs) {
    At(node).replace.push_back({std::move(path), std::move(pairs)});
    return *this;
  }
  Trees& Rename(uint32_t node, Strings path, Pairs names) {
    At(node).rename.push_back({std::move(path), std::move(names)});
    return *this;
  }
  // A part that starts with ' is literal text.
  Trees& Concat(uint32_t node, const Strings& parts, const std::string& destination,
                const std::string& delimiter = "") {
    schema::Concat concat{{}, destination, delimiter};
    for (const std::string& part : parts) {
      const bool literal = part.starts_with('\'');
      concat.parts.push_back({literal, literal ? part.substr(1) : part});
    }
    At(node).concat.push_back(std::move(concat));
    return *this;
  }
  Trees& Move(uint32_t node, const std::string& key, Strings destination) {
    At(node).move.push_back({key, std::move(destination)});
    return *this;
  }

  std::string Apply(const std::string& document) const {
    std::string out = "before ";
    std::optional<std::string> routing;
    const auto status = Transformer(tree).Apply(document, &out, &routing);
    if (!status) {
      EXPECT_EQ(status.error().kind, base::ErrorKind::kRejectDocument);
      EXPECT_EQ(out, "before ");
      return "error: " + status.error().message;
    }
    EXPECT_TRUE(out.starts_with("before "));
    return out.substr(7);
  }

  schema::DocumentTree tree;

 private:
  schema::Transform& At(uint32_t node) { return tree.nodes[node].transform; }
};

}  // namespace transform
