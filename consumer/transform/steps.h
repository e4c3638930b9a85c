// The steps of section 8, on the value of one node: what replace, rename and concat do to it. Lists
// are walked, NULL and other values that a step is not for stay as they are.
#pragma once

#include "consumer/schema/transform.h"
#include "consumer/transform/value.h"

namespace transform {

// Opens what the steps need of a node's value.
void AddToShape(const schema::Transform& transform, Shape* shape);

// replace, then rename, then concat.
void ApplySteps(const schema::Transform& transform, Value* value, Texts* texts);

}  // namespace transform
