// Against the catalog: what makes a document's address: its id and its routing.
#pragma once

#include <string>

#include "consumer/schema/catalog.h"
#include "consumer/schema/file_data.h"
#include "consumer/schema/findings.h"

namespace schema {

// Fills id_columns, id_types and id_texts of the tree, whose root has its key already.
void ResolveId(const DocumentSpec& document, const CatalogTable& root_table, DocumentTree* tree,
               Findings* findings);

// Fills routing_key, routing_column and routing_type. REQUIRES: document.routing; the tree's nodes
// are complete.
void ResolveRouting(const DocumentSpec& document, const CatalogTable& root_table,
                    const Catalog& catalog, DocumentTree* tree, Findings* findings);

}  // namespace schema
