// Against the catalog: the tables behind a view, and which of its rows a change of them touches.
#pragma once

#include "consumer/schema/catalog.h"
#include "consumer/schema/file_data.h"
#include "consumer/schema/findings.h"

namespace schema {

// Fills base_tables and refresh_concurrently of `node`, and warns of what is not seen.
void ResolveView(const NodeSpec& spec, const CatalogTable& view, const Catalog& catalog, Node* node,
                 Findings* findings);

// Fills the link columns of the base tables. REQUIRES: the join of `node` is resolved; on the root,
// `above` are its id columns.
void LinkBaseTables(const std::vector<std::string>& above, const NodeSpec& spec,
                    const Catalog& catalog, Node* node, Findings* findings);

}  // namespace schema
