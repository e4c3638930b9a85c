// TransformSpec: the transforms of one node as the user wrote them, before anybody looked whether
// the names exist. Written by ReadTransform, turned into a Transform by TransformOf; private to
// this room.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace schema {

// What is done to one value: `path` is a key of the node *before* rename, then keys inside of its
// JSON value.
struct PathSpec {
  std::string at;  // in the file
  std::vector<std::string> path;
  std::vector<std::pair<std::string, std::string>> pairs;  // search, replacement; or old, new
};

struct ConcatSpec {
  std::string at;
  std::vector<std::string> columns;  // names after rename, or literal text
  std::string destination;
  std::string delimiter;
};

struct MoveSpec {
  std::string at;
  std::string column;
  std::vector<std::string> destination;  // below $root
};

struct TransformSpec {
  std::vector<PathSpec> replace;
  std::vector<PathSpec> rename;  // inside of JSON values; the deeper path first
  std::vector<ConcatSpec> concat;
  std::vector<MoveSpec> move;
};

}  // namespace schema
