// Pieces of SQL that all statements of a tree are made of. Private to the statements*.cpp files.
//
// Aliases: k = the parameters' rows, r = the root, c = a level's node, j = its junction, n<id> and
// j<id> = nodes and junctions on the way up.
#pragma once

#include <string>
#include <vector>

#include "consumer/assemble/statements.h"
#include "consumer/schema/tree.h"

namespace assemble::sql {

// alias."column"
std::string Qualified(const std::string& alias, const std::string& column);

// "unnest($1::a[], $2::b[])" and the alias "k(v1, v2)" or, with ordinality, "k(v1, v2, ord)".
std::string Unnest(const std::vector<std::string>& types, bool ordinality);

// "a.x = k.v1 AND a.y = k.v2"
std::string EqualsKeys(const std::string& alias, const std::vector<std::string>& columns);

// "a.x = b.y AND …"
std::string EqualsColumns(const std::string& left, const std::vector<std::string>& left_columns,
                          const std::string& right, const std::vector<std::string>& right_columns);

// What stands in FROM for the rows of a node, before its alias: the table, or, when the node has a
// filter or computed columns, a derived table. In it their bare names can mean nothing but columns
// of that table; PostgreSQL flattens it, so indexes serve as without it.
std::string Rows(const schema::Node& node);

// The same for the pages of one heap of the node's table; with ctid.
std::string RowsOfHeap(const schema::Node& node, const std::string& heap);

// Columns of the upper side of the join to `node`.
const std::vector<std::string>& UpperColumns(const schema::Node& node);

// Collects select items and remembers where they went.
class SelectList {
 public:
  int Add(std::string expression) {
    items_.push_back(std::move(expression));
    return static_cast<int>(items_.size()) - 1;
  }
  int AddTexts(const std::string& alias, const std::vector<std::string>& columns);
  // Parts of an _id: the text of the type's output function (docs/schema-reference.md section 5).
  int AddIdTexts(const std::string& alias, const std::vector<std::string>& columns,
                 const std::vector<std::string>& types);
  const std::vector<std::string>& items() const { return items_; }
  std::string Text() const;

 private:
  std::vector<std::string> items_;
};

// Whether the level of `node` is joined by the value of its only link column: then parents select
// it as it is, and the order of groups is that of the values.
bool JoinedByValue(const schema::Node& node);

// What every node selects after its own head: the link values of its children, its key for _meta,
// then its output columns.
void AddLinksAndColumns(const schema::DocumentTree& tree, const schema::Node& node,
                        const std::string& alias, SelectList* list, Layout* layout);

// Rows of a node below the root, for the link values of its parents.
NodeStatement Level(const schema::DocumentTree& tree, const schema::Node& node);
// The SQL of the same rows by one pass over the table, whatever the number of parents.
std::string ScannedLevel(const schema::DocumentTree& tree, const schema::Node& node);

// From the values of an entry point to the addresses of documents.
ClimbStatement Climb(const schema::DocumentTree& tree, const schema::EntryPoint& entry);

}  // namespace assemble::sql
