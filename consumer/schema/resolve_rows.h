// Against the catalog: which rows of a node's table count, in which order, and what is computed
// from them. What PostgreSQL says of expressions is in the catalog; Resolve only turns it into
// findings at the right place.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "consumer/schema/catalog.h"
#include "consumer/schema/file_data.h"
#include "consumer/schema/findings.h"

namespace schema {

// Fills filter, order_by, limit and expression_columns of `node`.
// REQUIRES: node->columns is resolved.
void ResolveRows(const NodeSpec& spec, const CatalogTable& table, const Catalog& catalog,
                 Node* node, Findings* findings);

// Type of a computed column, or nothing after reporting what is wrong with it.
std::optional<CatalogColumn> ComputedType(const ColumnSpec& column, const CatalogTable& table,
                                          const Catalog& catalog, Findings* findings);

// `holder` is the table that holds the type column. REQUIRES: spec.polymorphic.
void ResolvePolymorphic(const NodeSpec& spec, const CatalogTable& holder, const Catalog& catalog,
                        Node* node, Findings* findings);

// Columns left out, after reporting those that do not exist.
std::set<std::string> Excluded(const NodeSpec& spec, const CatalogTable& table, Findings* findings);

// The condition that soft_delete's `values` make: true for deleted rows; "" when none are listed.
std::string ListedValuesSql(const NodeSpec& spec);
std::string TypeMatchSql(const PolymorphicSpec& polymorphic);

}  // namespace schema
