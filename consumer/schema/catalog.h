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

struct Catalog {
  std::vector<std::string> schemas;
  std::map<TableName, CatalogTable> tables;  // of all schemas that the file names
  std::vector<CatalogForeignKey> foreign_keys;

  const CatalogTable* Find(const TableName& name) const {
    const auto it = tables.find(name);
    return it == tables.end() ? nullptr : &it->second;
  }
};

}  // namespace schema
