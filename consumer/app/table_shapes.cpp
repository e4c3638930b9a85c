#include "consumer/app/table_shapes.h"

#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace app {
namespace {

using base::Result;
using Json = nlohmann::json;

// "marks" [xmin, digest]: a catalog row that was written (another xmin) and is as before (the same
// digest of what else may change in it) was changed and changed back: a table renamed away for a
// while, a column whose values were rewritten under the same type.
// It takes no lock on the tables: nothing in it may wait for an ALTER TABLE.
constexpr char kShapes[] = R"sql(
SELECT n.nspname, c.relname, json_build_object(
  'oid', c.oid::bigint, 'kind', c.relkind::text, 'persistence', c.relpersistence::text,
  'schema_marks', json_build_array(n.xmin::text, left(md5(ROW(n.nspowner, n.nspacl)::text), 8)),
  'name_marks', (SELECT json_build_array(t.xmin::text, left(md5(ROW(t.typowner, t.typacl)::text), 8))
     FROM pg_catalog.pg_type t WHERE t.oid = c.reltype),
  'identity', c.relreplident::text,
  'keys', (SELECT json_agg(json_build_array(i.indisprimary, i.indkey::text) ORDER BY i.indisprimary, i.indkey::text)
     FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND (i.indisprimary OR i.indisreplident)),
  'view', (SELECT md5(r.ev_action::text) FROM pg_catalog.pg_rewrite r
     WHERE r.ev_class = c.oid AND r.rulename = '_RETURN'),
  'partitions', CASE WHEN c.relkind = 'p' THEN (
     WITH RECURSIVE tree(oid) AS (SELECT c.oid UNION ALL
       SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid)
     SELECT json_object_agg(p.oid::bigint::text, p.relreplident::text)
     FROM tree JOIN pg_catalog.pg_class p ON p.oid = tree.oid WHERE p.relkind <> 'p') END,
  'columns', (SELECT json_object_agg(a.attname, json_build_array(a.attnum, a.atttypid::bigint, a.atttypmod, a.xmin::text,
       left(md5(ROW(a.attstattarget, a.attstorage, a.attcompression, a.attnotnull, a.atthasdef, a.attidentity,
         a.attinhcount, a.attislocal, a.attacl,
         (SELECT array_agg(o) FROM unnest(a.attoptions) o WHERE o LIKE 'n\_distinct%'))::text), 8)))
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
FROM unnest($1::text[], $2::text[]) AS wanted(schema_name, table_name)
JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema_name
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.table_name
)sql";

// Which columns of a table the documents of a tree use.
struct Use {
  bool every_column = false;
  std::set<std::string> columns;
};
using Uses = std::map<schema::TableName, Use>;

Uses UsesOf(const schema::DocumentTree& tree) {
  Uses uses;
  for (const schema::TableUse& table : schema::TablesUsed({tree})) {
    Use& use = uses[table.table];
    use.every_column |= table.every_column;
    use.columns.insert(table.emitted.begin(), table.emitted.end());
    use.columns.insert(table.watched.begin(), table.watched.end());
  }
  for (const schema::Node& node : tree.nodes) {
    Use& use = uses[node.table];  // views, too, of which nothing is streamed
    use.every_column |= node.all_columns;
    for (const schema::Column& column : node.columns) use.columns.insert(column.name);
    if (node.junction) uses[node.junction->table];
  }
  return uses;
}

Json Restricted(Json shape, const Use& use) {
  Json& columns = shape["columns"];
  if (use.every_column || !columns.is_object()) return shape;
  Json kept = Json::object();
  for (const auto& [name, facts] : columns.items()) {
    if (use.columns.contains(name)) kept[name] = facts;
  }
  columns = std::move(kept);
  return shape;
}

// Written, and as before.
bool WasTakenBack(const Json& before, const Json& now, size_t xmin) {
  return before.is_array() && now.is_array() && before[xmin] != now[xmin] &&
         before[xmin + 1] == now[xmin + 1];
}

void CompareColumns(const std::string& table, const Json& before, const Json& now,
                    ShapeChange* change) {
  for (const auto& [name, was] : before.items()) {
    const auto found = now.find(name);
    std::string_view what;
    if (found == now.end()) {
      what = "was dropped or renamed";
    } else if ((*found)[0] != was[0]) {
      what = "was dropped and added again";
    } else if ((*found)[1] != was[1] || (*found)[2] != was[2]) {
      what = "has another type";
    } else if (WasTakenBack(was, *found, 3)) {
      what = "was rewritten, or had another name for a while";
    } else {
      continue;
    }
    change->documents = true;
    change->reasons.push_back(fmt::format("{}: column \"{}\" {}", table, name, what));
  }
}

void ComparePartitions(const std::string& table, const Json& before, const Json& now,
                       ShapeChange* change) {
  if (!before.is_object() || !now.is_object()) return;
  for (const auto& [oid, identity] : before.items()) {
    if (now.contains(oid)) continue;
    change->rows = true;
    change->reasons.push_back(table + ": a partition was detached or dropped");
    break;
  }
  for (const auto& [oid, identity] : now.items()) {
    if (!before.contains(oid)) {
      change->new_partitions.push_back(static_cast<uint32_t>(std::stoul(oid)));
    }
  }
}

const Json& At(const Json& shape, const char* key) {
  static const Json nothing;
  const auto found = shape.find(key);
  return found == shape.end() ? nothing : *found;
}

void CompareTable(const std::string& table, const Json& before, const Json& now,
                  ShapeChange* change) {
  const auto rows = [&](std::string_view what) {
    change->rows = true;
    change->reasons.push_back(fmt::format("{}: {}", table, what));
  };
  const auto differs = [&](const char* key) { return At(before, key) != At(now, key); };
  const auto taken_back = [&](const char* key) {
    return WasTakenBack(At(before, key), At(now, key), 0);
  };
  if (differs("oid") || differs("kind")) {
    return rows("it was dropped and made anew");
  }
  // Changes of rows written meanwhile carried another name, and were not followed.
  if (taken_back("name_marks") || taken_back("schema_marks")) {
    return rows("it, or its schema, had another name for a while");
  }
  if (differs("persistence")) rows("it was not logged for a while");
  if (differs("view")) rows("the view was defined anew");
  ComparePartitions(table, At(before, "partitions"), At(now, "partitions"), change);
  CompareColumns(table, At(before, "columns"), At(now, "columns"), change);
}

Json ParseObject(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

}  // namespace

Result<TableShapes> ReadShapes(pg::Connection& connection,
                               const std::vector<schema::TableName>& tables) {
  std::vector<std::string> schemas, names;
  for (const schema::TableName& table : tables) {
    schemas.push_back(table.schema);
    names.push_back(table.table);
  }
  const std::vector<pg::Param> params = {pg::ArrayLiteral(schemas), pg::ArrayLiteral(names)};
  auto rows = connection.Query(kShapes, params);
  if (!rows) return std::move(rows).error().While("reading the shapes of tables");
  TableShapes shapes;
  for (int row = 0; row < rows->size(); ++row) {
    shapes[{std::string(rows->Cell(row, 0)), std::string(rows->Cell(row, 1))}] = rows->Cell(row, 2);
  }
  return shapes;
}

std::string ShapesOf(const schema::DocumentTree& tree, const TableShapes& tables) {
  Json shapes = Json::object();
  for (const auto& [table, use] : UsesOf(tree)) {
    const auto shape = tables.find(table);
    if (shape == tables.end()) continue;
    shapes[schema::ToString(table)] = Restricted(ParseObject(shape->second), use);
  }
  return shapes.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> ShapesOf(const std::vector<schema::DocumentTree>& trees,
                                  const TableShapes& tables) {
  std::vector<std::string> shapes;
  for (const schema::DocumentTree& tree : trees) shapes.push_back(ShapesOf(tree, tables));
  return shapes;
}

ShapeChange CompareShapes(const std::string& before, const std::string& now) {
  ShapeChange change;
  if (before == now) return change;
  Json was = ParseObject(before), is = ParseObject(now);
  for (auto& [table, shape] : was.items()) {
    if (const auto present = is.find(table); present != is.end()) {
      CompareTable(table, shape, *present, &change);
    } else {
      change.rows = true;
      change.reasons.push_back(table + ": it is gone");
    }
  }
  return change;
}

std::vector<std::string> UnloggedTables(const std::string& shapes) {
  std::vector<std::string> tables;
  const Json parsed = ParseObject(shapes);
  for (const auto& [table, shape] : parsed.items()) {
    if (At(shape, "kind") == "r" && At(shape, "persistence") == "u") tables.push_back(table);
  }
  return tables;
}

// By size: it asks for no privilege on the partition, and its parent is where ours may end.
Result<bool> AnyHasRows(pg::Connection& connection, const std::vector<uint32_t>& partitions) {
  for (const uint32_t oid : partitions) {
    auto empty = connection.Query(
        fmt::format("SELECT FROM pg_catalog.pg_class WHERE oid = {} AND relkind = 'r' AND "
                    "pg_catalog.pg_relation_size(oid) = 0",
                    oid));
    if (!empty) return std::move(empty).error();
    if (empty->size() == 0) return true;
  }
  return false;
}

}  // namespace app
