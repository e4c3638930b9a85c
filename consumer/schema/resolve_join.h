// Joins between a node and its parent: from the one foreign key constraint that links the two
// tables, in either direction, or from the columns that the file names.
#pragma once

#include <optional>
#include <string>

#include "consumer/schema/catalog.h"
#include "consumer/schema/file_data.h"
#include "consumer/schema/findings.h"

namespace schema {

// Returns the column, or nothing after reporting `column "titel" does not exist in public.book; did
// you mean "title"?`.
const CatalogColumn* FindColumn(const CatalogTable& table, const std::string& name,
                                const std::string& path, Findings* findings);

// Returns the column or nullptr.
const CatalogColumn* ColumnOf(const CatalogTable& table, const std::string& name);

// SQL names of the base types of these columns.
std::vector<std::string> TypesOf(const CatalogTable& table,
                                 const std::vector<std::string>& columns);

// Returns the join of `child` (its foreign_key, or the constraint), or nothing after reporting why
// there is none.
std::optional<Link> ResolveLink(const NodeSpec& child, const CatalogTable& parent_table,
                                const CatalogTable& child_table, const Catalog& catalog,
                                Findings* findings);

// The same with a junction between them.
// REQUIRES: child.junction.
std::optional<Junction> ResolveJunction(const NodeSpec& child, const CatalogTable& parent_table,
                                        const CatalogTable& junction_table,
                                        const CatalogTable& child_table, const Catalog& catalog,
                                        Findings* findings);

}  // namespace schema
