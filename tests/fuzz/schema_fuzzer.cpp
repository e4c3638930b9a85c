// libFuzzer target: any bytes as a schema file, through Parse and, if that finds no error, Resolve
// against a small catalog. Neither may crash, take more memory than is in proportion, or return
// something that contradicts itself.
//
// With PGSYNC_FUZZ_STRICT in the environment every file has to resolve without an error: for the
// seeds that use every key, which would teach nothing about Resolve otherwise.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consumer/schema/schema.h"

namespace {

#define REQUIRE(condition)                                  \
  do {                                                      \
    if (!(condition)) {                                     \
      std::cerr << "does not hold: " << #condition << '\n'; \
      std::abort();                                         \
    }                                                       \
  } while (false)

using schema::Catalog;
using schema::CatalogTable;
using schema::TableName;
using Strings = std::vector<std::string>;

std::optional<std::string> Variable(const std::string& name) {
  if (name == "CF_STAGE" || name == "CF_REGION") return "blue";
  if (name == "NOTHING") return "";
  return std::nullopt;
}

schema::CatalogColumn ColumnNamed(const std::string& name) {
  struct Type {
    const char* column;
    const char* type;
    uint32_t oid;
  };
  // All others are integers.
  static constexpr Type kTypes[] = {
      {"title", "text", 25},        {"name", "text", 25},        {"status", "text", 25},
      {"lang", "text", 25},         {"state", "text", 25},       {"secret", "text", 25},
      {"type", "text", 25},         {"doc", "jsonb", 3802},      {"raw", "json", 114},
      {"deleted_at", "date", 1082}, {"published", "date", 1082}, {"gone", "boolean", 16},
      {"spot", "point", 600},       {"tags", "hstore", 90000}};
  schema::CatalogColumn column;
  column.name = name;
  column.type_oid = 23;
  column.type_name = "integer";
  for (const Type& type : kTypes) {
    if (name != type.column) continue;
    column.type_oid = type.oid;
    column.type_name = type.type;
  }
  column.declared_type = column.type_name;
  column.not_null = name == "id" || name == "tenant" || name == "lang";
  return column;
}

// Tables of every kind, with the same columns: what counts is how they are joined.
Catalog MakeCatalog() {
  Catalog catalog;
  catalog.schemas = {"archive", "links", "public"};
  const Strings columns = {"id",      "title", "doc",    "raw",        "tags",      "lang",
                           "status",  "price", "secret", "deleted_at", "published", "state",
                           "gone",    "name",  "type",   "spot",       "a",         "b",
                           "c",       "x",     "tenant", "book_id",    "author_id", "review_id",
                           "boss_id", "doc->x"};
  const auto add = [&](const TableName& name, char kind, Strings key) {
    CatalogTable& table = catalog.tables[name];
    table.name = name;
    table.kind = kind;
    for (const std::string& column : columns) table.columns.push_back(ColumnNamed(column));
    table.primary_key = key;
    if (!key.empty()) table.indexes.push_back({"key", std::move(key), true, false, true});
  };
  const auto link = [&](const TableName& from, const std::string& column, const TableName& to) {
    const std::string name = "key" + std::to_string(catalog.foreign_keys.size());
    catalog.foreign_keys.push_back({name, from, {column}, to, {"id"}});
  };
  const TableName book{"public", "book"}, review{"public", "review"}, author{"public", "author"},
      writes{"public", "book_author"}, staff{"public", "staff"}, a{"public", "a"};
  add(book, 'r', {"id"});
  add(review, 'p', {"id"});
  add(author, 'r', {"tenant", "id"});
  add(writes, 'r', {"book_id", "author_id"});
  add(staff, 'r', {"id"});
  add(a, 'r', {"id"});
  add({"public", "best"}, 'v', {});
  add({"public", "stored"}, 'm', {});
  add({"public", "far"}, 'f', {});
  add({"public", "log"}, 'r', {});
  add({"archive", "book"}, 'r', {"id"});
  link(review, "book_id", book);
  link(review, "x", a);
  link(writes, "book_id", book);
  link(writes, "author_id", author);
  link(staff, "boss_id", staff);
  link(staff, "a", author);
  link(staff, "b", author);
  for (const char* schema : {"public", "links"}) {
    const TableName junction{schema, "book_review"};
    add(junction, 'r', {"book_id", "review_id"});
    link(junction, "book_id", book);
    link(junction, "review_id", review);
  }
  return catalog;
}

// PostgreSQL's part: an expression uses the columns whose names are in it, and has the first one's
// type.
schema::ExpressionFacts FactsOf(const schema::Expression& expression, const CatalogTable& table) {
  schema::ExpressionFacts facts;
  if (expression.sql.find("nonsense") != std::string::npos) {
    facts.error = "syntax error";
    facts.position = 1;
  }
  facts.volatility = expression.sql.find("random") != std::string::npos ? 'v' : 'i';
  for (const schema::CatalogColumn& column : table.columns) {
    if (expression.sql.find(column.name) == std::string::npos) continue;
    if (facts.columns.empty()) facts.type = column;
    facts.columns.push_back(column.name);
  }
  if (facts.columns.empty()) facts.type = ColumnNamed("");
  facts.type.name.clear();
  return facts;
}

void Check(const std::vector<schema::Finding>& findings) {
  for (const schema::Finding& finding : findings) {
    REQUIRE(!finding.message.empty());
    REQUIRE(finding.path.starts_with("schema.json"));
    REQUIRE(!ToString(finding).empty());
  }
}

void Check(const schema::DocumentTree& tree) {
  REQUIRE(!tree.nodes.empty() && !tree.entries.empty());
  REQUIRE(!tree.index.empty() && !tree.database.empty() && !tree.fingerprint.empty());
  REQUIRE(nlohmann::json::accept(tree.index_body));
  REQUIRE(!tree.id_columns.empty() && tree.id_columns.size() == tree.id_types.size());
  REQUIRE(tree.id_texts.empty() || tree.id_texts.size() == tree.id_columns.size() + 1);
  REQUIRE(tree.entries[0].via == schema::EntryPoint::Via::kRoot);
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    const schema::Node& node = tree.nodes[i];
    REQUIRE(node.id == i && node.parent < static_cast<int32_t>(i));
    REQUIRE((node.parent == -1) == (i == 0));
    REQUIRE(!node.key.empty() && node.key.size() == node.key_types.size());
    const auto paired = [](const schema::Link& link) {
      return link.upper.size() == link.lower.size() && link.upper.size() == link.types.size() &&
             link.upper.size() == link.lower_types.size();
    };
    REQUIRE(paired(node.link));
    REQUIRE(i == 0 || node.junction.has_value() == node.link.upper.empty());
    if (node.junction) {
      REQUIRE(paired(node.junction->to_parent) && !node.junction->to_parent.upper.empty());
      REQUIRE(paired(node.junction->to_child) && !node.junction->to_child.upper.empty());
    }
    for (const schema::Column& column : node.columns) {
      REQUIRE(column.name.empty() != column.expression.empty());
    }
    for (const uint32_t child : node.children) {
      REQUIRE(child > i && child < tree.nodes.size());
      REQUIRE(tree.nodes[child].parent == static_cast<int32_t>(i));
    }
  }
  for (size_t i = 0; i < tree.entries.size(); ++i) {
    const schema::EntryPoint& entry = tree.entries[i];
    REQUIRE(entry.id == i && entry.node < tree.nodes.size());
    REQUIRE(entry.columns.size() == entry.types.size() && entry.carried <= entry.columns.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Catalog kCatalog = MakeCatalog();
  static const bool kStrict = std::getenv("PGSYNC_FUZZ_STRICT") != nullptr;

  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const schema::SchemaFile file = schema::Parse(text, "schema.json", Variable);
  Check(file.findings());
  if (kStrict) {
    for (const schema::Finding& finding : file.findings()) std::cerr << ToString(finding) << '\n';
    REQUIRE(file.ok());
  }
  if (!file.ok()) return 0;
  REQUIRE(!file.Databases().empty() && !file.FirstIndex(file.Databases().front()).empty());
  for (const std::string& database : file.Databases()) {
    REQUIRE(!file.TablesNamed(database).empty());
    Catalog catalog = kCatalog;
    for (const schema::Expression& expression : file.Expressions(database)) {
      const CatalogTable* table = catalog.Find(expression.table);
      if (table != nullptr) catalog.expressions[expression] = FactsOf(expression, *table);
    }
    const schema::Resolved resolved = schema::Resolve(file, database, catalog);
    Check(resolved.findings);
    if (kStrict) {
      for (const auto& finding : resolved.findings) std::cerr << ToString(finding) << '\n';
      REQUIRE(!HasErrors(resolved.findings));
    }
    if (HasErrors(resolved.findings)) continue;
    REQUIRE(!resolved.trees.empty());
    for (const schema::DocumentTree& tree : resolved.trees) Check(tree);
    REQUIRE(!TablesUsed(resolved.trees).empty());
  }
  return 0;
}
