#include "consumer/schema/tree.h"

namespace schema {

std::string QuotedIdentifier(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string Quoted(const TableName& name) {
  return QuotedIdentifier(name.schema) + "." + QuotedIdentifier(name.table);
}

std::string ToString(const TableName& name) { return name.schema + "." + name.table; }

}  // namespace schema
