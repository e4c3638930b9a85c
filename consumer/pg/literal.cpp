#include "consumer/pg/connection.h"

namespace pg {
namespace {

void AppendElement(std::string_view value, std::string* out) {
  out->push_back('"');
  for (const char c : value) {
    if (c == '"' || c == '\\') out->push_back('\\');
    out->push_back(c);
  }
  out->push_back('"');
}

}  // namespace

std::string QuoteLiteral(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted.push_back('\'');
    quoted.push_back(c);
  }
  quoted.push_back('\'');
  return quoted;
}

std::string ArrayLiteral(std::span<const std::optional<std::string>> values) {
  std::string literal = "{";
  for (const auto& value : values) {
    if (literal.size() > 1) literal.push_back(',');
    if (value) {
      AppendElement(*value, &literal);
    } else {
      literal += "NULL";
    }
  }
  literal.push_back('}');
  return literal;
}

std::string ArrayLiteral(std::span<const std::string> values) {
  std::string literal = "{";
  size_t bytes = 2;
  for (const std::string& value : values) bytes += value.size() + 3;
  literal.reserve(bytes);
  for (const std::string& value : values) {
    if (literal.size() > 1) literal.push_back(',');
    AppendElement(value, &literal);
  }
  literal.push_back('}');
  return literal;
}

}  // namespace pg
