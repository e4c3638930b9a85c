// Applies the transforms of a document's nodes to its finished JSON text: replace, rename inside of
// JSON values, concat and move, children before their parents (docs/schema-reference.md section 8).
// Numbers keep their text. Pure; one object may be used by several threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "consumer/base/result.h"
#include "consumer/schema/tree.h"

namespace transform {

class Transformer {
 public:
  // The tree outlives this.
  explicit Transformer(const schema::DocumentTree& tree);
  ~Transformer();
  Transformer(Transformer&&) noexcept;
  Transformer& operator=(Transformer&&) = delete;

  // True when no node has anything to do and the routing does not need the finished document: then
  // callers write documents straight to their place and never come here.
  bool Empty() const;

  // Appends the transformed document to `out`, and sets `routing` to the text of the value of
  // tree.routing_key (nothing when the tree has none, or the value is NULL). kRejectDocument when
  // this document cannot be made, e.g. a move whose destination leads through a value that is no
  // object, or a routing that is an object or a list; `out` is unchanged then.
  base::Status Apply(std::string_view document, std::string* out,
                     std::optional<std::string>* routing) const;

 private:
  struct Plan;
  const schema::DocumentTree& tree_;
  std::unique_ptr<const Plan> plan_;
};

}  // namespace transform
