// What the tests of this room share: a hand-written catalog of a small library, and short ways to
// parse and resolve one document against it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "consumer/schema/schema.h"

namespace schema {

inline std::optional<std::string> NoEnvironment(const std::string&) { return std::nullopt; }

inline CatalogColumn ColumnOfType(const std::string& name, const std::string& type) {
  static const std::map<std::string, uint32_t> oids = {
      {"integer", 23}, {"bigint", 20}, {"text", 25},   {"uuid", 2950},    {"json", 114},
      {"jsonb", 3802}, {"date", 1082}, {"point", 600}, {"numeric", 1700}, {"boolean", 16}};
  const auto it = oids.find(type);
  CatalogColumn column;
  column.name = name;
  column.type_oid = it == oids.end() ? 90000 : it->second;  // a type of an extension
  column.type_name = type;
  column.declared_type = type;
  return column;
}

using Columns = std::vector<std::pair<std::string, std::string>>;  // name, type

inline CatalogTable Table(const TableName& name, const Columns& columns,
                          std::vector<std::string> primary_key, char kind = 'r') {
  CatalogTable table;
  table.name = name;
  table.kind = kind;
  for (const auto& [column, type] : columns) table.columns.push_back(ColumnOfType(column, type));
  table.primary_key = std::move(primary_key);
  return table;
}

// book (isbn) <- review.book_isbn; book.publisher_id -> publisher; book <- book_author -> author;
// book has two keys to person (editor, translator); staff refers to itself; friendship joins person
// to person.
inline Catalog Library() {
  Catalog catalog;
  catalog.schemas = {"archive", "public"};
  const auto add = [&catalog](CatalogTable table) { catalog.tables[table.name] = table; };
  const auto key = [&catalog](const std::string& name, const TableName& from,
                              std::vector<std::string> from_columns, const TableName& to,
                              std::vector<std::string> to_columns) {
    catalog.foreign_keys.push_back(
        {name, from, std::move(from_columns), to, std::move(to_columns)});
  };
  const auto table = [](const std::string& name) { return TableName{"public", name}; };
  add(Table(table("book"),
            {{"isbn", "text"},
             {"title", "text"},
             {"publisher_id", "integer"},
             {"doc", "jsonb"},
             {"raw", "json"},
             {"tags", "hstore"},
             {"editor_id", "integer"},
             {"translator_id", "integer"}},
            {"isbn"}));
  add(Table(table("review"),
            {{"id", "integer"}, {"book_isbn", "text"}, {"stars", "integer"}, {"note", "text"}},
            {"id"}));
  add(Table(table("publisher"), {{"id", "integer"}, {"name", "text"}}, {"id"}));
  add(Table(table("author"), {{"id", "bigint"}, {"name", "text"}}, {"id"}));
  add(Table(table("book_author"),
            {{"book_isbn", "text"}, {"author_id", "bigint"}, {"position", "integer"}},
            {"book_isbn", "author_id"}));
  add(Table(table("person"), {{"id", "integer"}, {"name", "text"}}, {"id"}));
  add(Table(table("staff"), {{"id", "integer"}, {"boss_id", "integer"}}, {"id"}));
  add(Table(table("friendship"), {{"person_id", "integer"}, {"friend_id", "integer"}},
            {"person_id", "friend_id"}));
  add(Table(table("shelf"), {{"room", "integer"}, {"area", "integer"}, {"label", "text"}},
            {"room", "area"}));
  add(Table(table("slip"), {{"id", "uuid"}, {"area", "integer"}, {"room", "integer"}}, {"id"}));
  add(Table(table("log"), {{"at", "date"}, {"line", "text"}}, {}));
  add(Table(table("best_seller"), {{"rank", "integer"}, {"isbn", "text"}}, {}, 'v'));
  add(Table(table("odd"), {{"id", "integer"}, {"doc->x", "text"}, {"spot", "point"}}, {"id"}));
  add(Table({"archive", "book"}, {{"id", "integer"}, {"isbn", "text"}}, {"id"}));
  key("book_publisher", table("book"), {"publisher_id"}, table("publisher"), {"id"});
  key("review_book", table("review"), {"book_isbn"}, table("book"), {"isbn"});
  key("ba_book", table("book_author"), {"book_isbn"}, table("book"), {"isbn"});
  key("ba_author", table("book_author"), {"author_id"}, table("author"), {"id"});
  key("book_editor", table("book"), {"editor_id"}, table("person"), {"id"});
  key("book_translator", table("book"), {"translator_id"}, table("person"), {"id"});
  key("staff_boss", table("staff"), {"boss_id"}, table("staff"), {"id"});
  key("f_person", table("friendship"), {"person_id"}, table("person"), {"id"});
  key("f_friend", table("friendship"), {"friend_id"}, table("person"), {"id"});
  key("slip_shelf", table("slip"), {"area", "room"}, table("shelf"), {"area", "room"});
  key("archive_book", {"archive", "book"}, {"isbn"}, table("book"), {"isbn"});
  return catalog;
}

// A file of one document around this root node; `more` is put before "nodes".
inline std::string Document(const std::string& root, const std::string& more = "") {
  return "[{\"database\": \"shop\", \"index\": \"book\", " + more + "\"nodes\": " + root + "}]";
}

// A root `parent` with one child.
inline std::string WithChild(const std::string& parent, const std::string& child) {
  return Document("{\"table\": \"" + parent + "\", \"children\": [" + child + "]}");
}

inline std::string Child(const std::string& table, const std::string& relationship) {
  return "{\"table\": \"" + table +
         "\", \"relationship\": {\"type\": \"one_to_many\", \"variant\": \"object\"" +
         relationship + "}}";
}

inline std::vector<std::string> Texts(const std::vector<Finding>& findings) {
  std::vector<std::string> texts;
  for (const Finding& finding : findings) texts.push_back(ToString(finding));
  return texts;
}

// All that can be said without a database.
inline std::vector<std::string> OfParse(const std::string& text) {
  return Texts(Parse(text, "schema.json", NoEnvironment, {.offline = true}).findings());
}

// PostgreSQL finds nothing wrong with what the file lets it compute, unless the catalog says so
// already.
inline Catalog Asked(const SchemaFile& file, Catalog catalog) {
  for (const Expression& expression : file.Expressions("shop")) {
    ExpressionFacts facts;
    facts.type = ColumnOfType("", "text");
    if (catalog.Find(expression.table) != nullptr) catalog.expressions.emplace(expression, facts);
  }
  return catalog;
}

// What Resolve finds. REQUIRES: the offline checks pass.
inline std::vector<std::string> OfResolve(const std::string& text,
                                          const Catalog& catalog = Library()) {
  const SchemaFile file = Parse(text, "schema.json", NoEnvironment);
  EXPECT_TRUE(file.ok()) << ::testing::PrintToString(Texts(file.findings()));
  if (!file.ok()) return {};
  return Texts(Resolve(file, "shop", Asked(file, catalog)).findings);
}

// The first tree. REQUIRES: no errors at all.
inline DocumentTree TreeOf(const std::string& text, const Catalog& catalog = Library()) {
  const SchemaFile file = Parse(text, "schema.json", NoEnvironment);
  EXPECT_TRUE(file.ok()) << ::testing::PrintToString(Texts(file.findings()));
  if (!file.ok()) return {};
  const Resolved resolved = Resolve(file, "shop", Asked(file, catalog));
  EXPECT_FALSE(HasErrors(resolved.findings)) << ::testing::PrintToString(Texts(resolved.findings));
  return resolved.trees.at(0);
}

using Strings = std::vector<std::string>;

}  // namespace schema
