// Transform: what a node's object goes through after it was built: replace, rename inside of JSON
// values, concat, move (docs/schema-reference.md section 8). Plain renames are not here:
// Column::key and Node::label are final. All keys named here are final ones, so that the steps work
// on the object as the document writer wrote it. Made by Resolve, executed by transform/.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace schema {

// Every pair is applied, in order, to the string at `path`, and to each string of a list there:
// literal, all occurrences.
struct Replace {
  std::vector<std::string> path;  // key of the node's object, then keys inside of its JSON value;
                                  // empty on a scalar node: the bare value
  std::vector<std::pair<std::string, std::string>> pairs;  // search, replacement
};

// All names of one object change at once.
struct InnerRename {
  std::vector<std::string> path;                           // to the object; never empty
  std::vector<std::pair<std::string, std::string>> names;  // old, new
};

struct Concat {
  // A name that no key of the object has is literal text.
  struct Part {
    bool literal = false;
    std::string text;
  };
  std::vector<Part> parts;
  std::string destination;
  std::string delimiter;
};

struct Move {
  std::string key;
  std::vector<std::string> destination;  // "$root.a.b": a, b
};

struct Transform {
  std::vector<Replace> replace;
  std::vector<InnerRename> rename;
  std::vector<Concat> concat;
  std::vector<Move> move;

  bool Empty() const { return replace.empty() && rename.empty() && concat.empty() && move.empty(); }
};

}  // namespace schema
