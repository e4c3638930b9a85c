// A tree by hand: book with author (foreign key on the book), reviews (foreign key on the review)
// and tags through a junction, each tag with its words below. What schema::Resolve would make of
// such a file.
#pragma once

#include "consumer/schema/tree.h"

namespace assemble::testing {

inline schema::DocumentTree BookTree() {
  using schema::EntryPoint;
  schema::DocumentTree tree;
  tree.index = "book";
  tree.id_columns = {"id"};
  tree.id_types = {"int4"};

  schema::Node book;
  book.table = {"public", "book"};
  book.columns = {{"id", "id", "", 23}, {"title", "title", "", 25}};
  book.key = {"id"};
  book.key_types = {"int4"};
  book.children = {1, 2, 3};

  schema::Node author;
  author.id = 1;
  author.parent = 0;
  author.table = {"public", "author"};
  author.label = "author";
  author.columns = {{"name", "name", "", 25}};
  author.key = {"id"};
  author.link = {{"author_id"}, {"id"}, {"int4"}, {"int4"}};

  schema::Node review;
  review.id = 2;
  review.parent = 0;
  review.table = {"public", "review"};
  review.label = "reviews";
  review.type = schema::RelationType::kOneToMany;
  review.columns = {{"stars", "stars", "", 21}};
  review.key = {"id"};
  review.link = {{"id"}, {"book_id"}, {"int4"}, {"int4"}};

  schema::Node tag;
  tag.id = 3;
  tag.parent = 0;
  tag.table = {"public", "tag"};
  tag.label = "tags";
  tag.type = schema::RelationType::kOneToMany;
  tag.variant = schema::Variant::kScalar;
  tag.columns = {{"name", "name", "", 25}};
  tag.key = {"id"};
  tag.junction = schema::Junction{{"public", "book_tag"},
                                  {{"id"}, {"book_id"}, {"int4"}, {"int4"}},
                                  {{"tag_id"}, {"id"}, {"int4"}, {"int4"}},
                                  {"book_id", "tag_id"}};

  tree.nodes = {book, author, review, tag};
  tree.entries = {
      {0, 0, EntryPoint::Via::kRoot, book.table, {"id"}, {"int4"}},
      {1, 1, EntryPoint::Via::kChild, author.table, {"id"}, {"int4"}},
      {2, 2, EntryPoint::Via::kChild, review.table, {"book_id"}, {"int4"}},
      {3, 3, EntryPoint::Via::kChild, tag.table, {"id"}, {"int4"}},
      {4, 3, EntryPoint::Via::kJunction, {"public", "book_tag"}, {"book_id"}, {"int4"}},
  };
  return tree;
}

}  // namespace assemble::testing
