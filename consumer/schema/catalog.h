// Catalog: what the database knows about the tables that a schema file names, as plain values. Read
// by source/catalog_reader, consumed by schema::Resolve, written by hand in tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "consumer/schema/tree.h"

namespace schema {

struct CatalogColumn {
  std::string name;
  uint32_t type_oid = 0;      // base type: domains resolved
  std::string type_name;      // SQL name of the base type, safe in `type[]` (format_type(oid, -1))
  std::string declared_type;  // for messages: "character varying(20)"
  bool not_null = false;
  bool generated = false;
  char type_kind = 'b';  // pg_type.typtype of the base type: b c e r m; of an array its elements'
  uint32_t element_oid = 0;  // type of an array's elements; 0 = no array
};

struct CatalogForeignKey {
  std::string name;
  TableName from;  // the table that holds the constraint
  std::vector<std::string> from_columns;
  TableName to;
  std::vector<std::string> to_columns;  // paired by position, in constraint order
};

struct CatalogIndex {
  std::string name;
  std::vector<std::string> columns;  // key columns in order; "" for an expression
  bool unique = false;
  bool partial = false;
  bool immediate = true;  // not deferrable
};

struct CatalogTable {
  TableName name;
  uint32_t oid = 0;
  char kind = 'r';                     // pg_class.relkind: r p v m f
  char replica_identity = 'd';         // d n f i
  std::string identity_index;          // for 'i'
  std::vector<CatalogColumn> columns;  // in table order, without dropped ones
  std::vector<std::string> primary_key;
  std::vector<CatalogIndex> indexes;
  bool may_select = true;
  bool is_owner = true;
};

// A text of the schema file that becomes SQL over the columns of one table, by bare name.
struct Expression {
  enum class Use : uint8_t { kValue, kCondition, kOrder };
  TableName table;
  std::string sql;
  Use use = Use::kValue;

  auto operator<=>(const Expression&) const = default;
};

// What PostgreSQL says of one.
struct ExpressionFacts {
  std::string error;    // its message; "" = it is good, and the rest is known
  size_t position = 0;  // in characters of the expression, from 1; 0 = not at one place
  std::vector<std::string> columns;  // that it uses
  char volatility = 'i';             // i s v, as in pg_proc.provolatile
  CatalogColumn type;                // of its result; the column's name is ""
};

struct Catalog {
  std::vector<std::string> schemas;
  std::map<TableName, CatalogTable> tables;  // of all schemas that the file names
  std::vector<CatalogForeignKey> foreign_keys;
  std::map<Expression, ExpressionFacts> expressions;  // those over tables that exist

  const CatalogTable* Find(const TableName& name) const {
    const auto it = tables.find(name);
    return it == tables.end() ? nullptr : &it->second;
  }
};

}  // namespace schema
