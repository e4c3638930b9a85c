// Which rows of a node's table count, and in which order: where, soft_delete, order_by, limit; and
// the base tables of a view. Offline.
#pragma once

#include <optional>
#include <string>

#include "consumer/schema/file_data.h"

namespace schema {

// REQUIRES: type, junction and table of `node` are read already.
void ReadRows(const Json& object, bool is_root, const std::string& path, NodeSpec* node,
              Findings* findings);

// Text of an expression, or nothing after reporting why it is none.
std::optional<std::string> ReadExpression(const Json& value, const std::string& path,
                                          Findings* findings);

// Text of a string, number or boolean, as PostgreSQL reads it; or nothing after reporting.
std::optional<std::string> ReadScalar(const Json& value, const std::string& path,
                                      Findings* findings);

// "table" or "schema.table".
TableName TableOf(const std::string& text, const std::string& default_schema);

}  // namespace schema
