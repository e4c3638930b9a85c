#include "consumer/source/catalog_reader.h"

#include <charconv>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "consumer/source/expression_reader.h"

namespace source {

using base::Result;
using base::Status;
using schema::Catalog;
using schema::CatalogTable;
using schema::TableName;

namespace {

class CatalogReader {
 public:
  CatalogReader(pg::Connection& connection, const std::vector<TableName>& tables)
      : connection_(connection), named_(tables.begin(), tables.end()) {}

  Result<Catalog> Read();

 private:
  Status ReadSchemas();
  Status ReadTables();
  Status ReadColumns();
  Status ReadIndexes();
  Status ReadForeignKeys();

  // The table with this oid in column `column`. REQUIRES: one of the named ones.
  CatalogTable& TableAt(const pg::Rows& rows, int row, int column = 0);
  Result<pg::Rows> Query(const char* sql, std::string array);

  pg::Connection& connection_;
  const std::set<TableName> named_;
  Catalog catalog_;
  std::map<uint32_t, CatalogTable*> by_oid_;  // the named ones that exist
  std::string oids_;                          // of them, an array literal
};

std::string Text(const pg::Rows& rows, int row, int column) {
  return std::string(rows.Cell(row, column));
}
bool True(const pg::Rows& rows, int row, int column) { return rows.Cell(row, column) == "t"; }

uint32_t Oid(const pg::Rows& rows, int row, int column) {
  const std::string_view text = rows.Cell(row, column);
  uint32_t oid = 0;
  std::from_chars(text.data(), text.data() + text.size(), oid);
  return oid;
}

Result<Catalog> CatalogReader::Read() {
  // One snapshot for all the queries: a table that changes meanwhile is seen either before or
  // after.
  auto begun = connection_.Query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  if (!begun) return begun.error();
  Status status;
  for (const auto step :
       {&CatalogReader::ReadSchemas, &CatalogReader::ReadTables, &CatalogReader::ReadColumns,
        &CatalogReader::ReadIndexes, &CatalogReader::ReadForeignKeys}) {
    status = (this->*step)();
    if (!status) break;
  }
  auto ended = connection_.Query("COMMIT");
  if (!status) return status.error();
  if (!ended) return ended.error();
  return std::move(catalog_);
}

Status CatalogReader::ReadSchemas() {
  auto rows = connection_.Query("SELECT nspname FROM pg_catalog.pg_namespace ORDER BY nspname");
  if (!rows) return rows.error();
  for (int i = 0; i < rows->size(); ++i) catalog_.schemas.push_back(Text(*rows, i, 0));
  return {};
}

Status CatalogReader::ReadTables() {
  std::set<std::string> schemas;
  for (const TableName& name : named_) schemas.insert(name.schema);
  // may_select: USAGE of the schema, and a privilege on the table or on each of its columns.
  auto rows = Query(
      "SELECT n.nspname, c.relname, c.oid, c.relkind, c.relreplident, "
      "  has_schema_privilege(n.oid, 'USAGE') AND (has_table_privilege(c.oid, 'SELECT') "
      "    OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a "
      "      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
      "      AND NOT has_column_privilege(c.oid, a.attnum, 'SELECT'))), "
      "  pg_has_role(c.relowner, 'USAGE'), "
      "  (SELECT ic.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic "
      "    ON ic.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisreplident) "
      "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
      "WHERE n.nspname = ANY ($1::name[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
      "ORDER BY 1, 2",
      pg::ArrayLiteral(std::vector<std::string>(schemas.begin(), schemas.end())));
  if (!rows) return rows.error();
  std::vector<std::string> oids;
  for (int i = 0; i < rows->size(); ++i) {
    CatalogTable table;
    table.name = {Text(*rows, i, 0), Text(*rows, i, 1)};
    table.oid = Oid(*rows, i, 2);
    table.kind = rows->Cell(i, 3)[0];
    table.replica_identity = rows->Cell(i, 4)[0];
    table.may_select = True(*rows, i, 5);
    table.is_owner = True(*rows, i, 6);
    table.identity_index = Text(*rows, i, 7);
    const auto [at, inserted] = catalog_.tables.emplace(table.name, table);
    if (inserted && named_.contains(table.name)) {
      by_oid_[table.oid] = &at->second;
      oids.push_back(Text(*rows, i, 2));
    }
  }
  oids_ = pg::ArrayLiteral(oids);
  return {};
}

Status CatalogReader::ReadColumns() {
  // A domain may be over another domain. Names of types outside of pg_catalog are always qualified,
  // because the sessions that use them may have another search_path; format_type qualifies what
  // this session's path does not find, and quotes.
  auto rows = Query(
      "WITH RECURSIVE base (of, type) AS ("
      "  SELECT DISTINCT a.atttypid, a.atttypid FROM pg_catalog.pg_attribute a "
      "    WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped "
      "  UNION ALL SELECT b.of, t.typbasetype FROM base b JOIN pg_catalog.pg_type t "
      "    ON t.oid = b.type AND t.typtype = 'd') "
      "SELECT a.attrelid, a.attname, t.oid, "
      "  CASE WHEN coalesce(en.nspname, n.nspname) = 'pg_catalog' "
      "      THEN pg_catalog.format_type(t.oid, -1) "
      "    WHEN e.oid IS NOT NULL "
      "      THEN pg_catalog.quote_ident(en.nspname) || '.' || pg_catalog.quote_ident(e.typname) "
      "        || '[]' "
      "    ELSE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname) END, "
      "  pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '', "
      "  coalesce(e.typtype, t.typtype), coalesce(e.oid, 0) "
      "FROM pg_catalog.pg_attribute a "
      "  JOIN base b ON b.of = a.atttypid "
      "  JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd' "
      "  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace "
      "  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid "
      "  LEFT JOIN pg_catalog.pg_namespace en ON en.oid = e.typnamespace "
      "WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped "
      "ORDER BY a.attrelid, a.attnum",
      oids_);
  if (!rows) return rows.error();
  for (int i = 0; i < rows->size(); ++i) {
    schema::CatalogColumn& column = TableAt(*rows, i).columns.emplace_back();
    column.name = Text(*rows, i, 1);
    column.type_oid = Oid(*rows, i, 2);
    column.type_name = Text(*rows, i, 3);
    column.declared_type = Text(*rows, i, 4);
    column.not_null = True(*rows, i, 5);
    column.generated = True(*rows, i, 6);
    column.type_kind = rows->Cell(i, 7)[0];
    column.element_oid = Oid(*rows, i, 8);
  }
  return {};
}

Status CatalogReader::ReadIndexes() {
  // Only indexes that may be relied on. Key columns come first in indkey; included ones are behind
  // indnkeyatts.
  auto rows = Query(
      "SELECT i.indrelid, i.indexrelid, ic.relname, i.indisunique, i.indpred IS NOT NULL, "
      "  i.indimmediate, i.indisprimary, coalesce(a.attname, '') "
      "FROM pg_catalog.pg_index i "
      "  JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid "
      "  CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position) "
      "  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
      "WHERE i.indrelid = ANY ($1::oid[]) AND i.indisvalid AND i.indislive "
      "  AND k.position <= i.indnkeyatts "
      "ORDER BY i.indrelid, ic.relname, k.position",
      oids_);
  if (!rows) return rows.error();
  uint32_t current = 0;
  for (int i = 0; i < rows->size(); ++i) {
    CatalogTable& table = TableAt(*rows, i);
    if (const uint32_t oid = Oid(*rows, i, 1); oid != current) {
      current = oid;
      schema::CatalogIndex& index = table.indexes.emplace_back();
      index.name = Text(*rows, i, 2);
      index.unique = True(*rows, i, 3);
      index.partial = True(*rows, i, 4);
      index.immediate = True(*rows, i, 5);
    }
    table.indexes.back().columns.push_back(Text(*rows, i, 7));
    if (True(*rows, i, 6)) table.primary_key.push_back(Text(*rows, i, 7));
  }
  return {};
}

Status CatalogReader::ReadForeignKeys() {
  auto rows = Query(
      "SELECT k.oid, k.conname, fn.nspname, f.relname, tn.nspname, t.relname, fa.attname, "
      "  ta.attname "
      "FROM pg_catalog.pg_constraint k "
      "  JOIN pg_catalog.pg_class f ON f.oid = k.conrelid "
      "  JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace "
      "  JOIN pg_catalog.pg_class t ON t.oid = k.confrelid "
      "  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace "
      "  CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY "
      "    AS c (from_attnum, to_attnum, position) "
      "  JOIN pg_catalog.pg_attribute fa ON fa.attrelid = f.oid AND fa.attnum = c.from_attnum "
      "  JOIN pg_catalog.pg_attribute ta ON ta.attrelid = t.oid AND ta.attnum = c.to_attnum "
      "WHERE k.contype = 'f' AND (k.conparentid = 0 OR k.conrelid = ANY ($1::oid[])) "
      "  AND (k.conrelid = ANY ($1::oid[]) OR k.confrelid = ANY ($1::oid[])) "
      // A constraint on a partitioned table has copies: for each partition that refers
      // (conparentid, another conrelid), and for each partition that is referred to (conparentid,
      // the same conrelid). The latter are never more than the parent says.
      "  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p "
      "    WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid) "
      "ORDER BY 3, 4, 2, k.oid, c.position",
      oids_);
  if (!rows) return rows.error();
  uint32_t current = 0;
  for (int i = 0; i < rows->size(); ++i) {
    if (const uint32_t oid = Oid(*rows, i, 0); oid != current) {
      current = oid;
      schema::CatalogForeignKey& key = catalog_.foreign_keys.emplace_back();
      key.name = Text(*rows, i, 1);
      key.from = {Text(*rows, i, 2), Text(*rows, i, 3)};
      key.to = {Text(*rows, i, 4), Text(*rows, i, 5)};
    }
    catalog_.foreign_keys.back().from_columns.push_back(Text(*rows, i, 6));
    catalog_.foreign_keys.back().to_columns.push_back(Text(*rows, i, 7));
  }
  return {};
}

CatalogTable& CatalogReader::TableAt(const pg::Rows& rows, int row, int column) {
  return *by_oid_.at(Oid(rows, row, column));
}

Result<pg::Rows> CatalogReader::Query(const char* sql, std::string array) {
  const std::vector<pg::Param> params = {std::move(array)};
  return connection_.Query(sql, params);
}

}  // namespace

Result<Catalog> ReadCatalog(pg::Connection& connection, const std::vector<TableName>& tables,
                            const std::vector<schema::Expression>& expressions) {
  auto catalog = CatalogReader(connection, tables).Read();
  if (!catalog) {
    return std::move(catalog).error().While("reading the system catalogs");
  }
  if (auto status = ReadExpressions(connection, expressions, &*catalog); !status) {
    return std::move(status).error().While("asking PostgreSQL about expressions");
  }
  return catalog;
}

}  // namespace source
