// `type_mapping`: what an engine should know of a value, from its PostgreSQL type and the JSON that
// it becomes.
#pragma once

#include "consumer/schema/catalog.h"
#include "consumer/schema/json_fields.h"

namespace schema {

// The mapping of a field that holds this type, or elements of it; null when the engine had better
// look at the values (JSON, composites). Values that a field of that type cannot take (NaN,
// infinity, dates before Christ) are kept in the document and left out of the index.
Json FieldOf(const CatalogColumn& type);

}  // namespace schema
