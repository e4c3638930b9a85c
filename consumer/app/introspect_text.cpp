#include "consumer/app/introspect_text.h"

#include <nlohmann/json.hpp>

namespace app {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLine = 100;

std::string OnOneLine(const Json& value) {
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& [key, member] : value.items()) {
    if (value.is_object() && member.is_null()) continue;
    if (!text.empty()) text += ", ";
    if (value.is_object()) text += Json(key).dump() + ": ";
    text += OnOneLine(member);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

// `lead`: what stands before the value on its line.
void Write(const Json& value, size_t indent, size_t lead, std::string* out) {
  const bool is_node = value.is_object() && (value.contains("table") || value.contains("nodes")) &&
                       value.contains("relationship");
  const bool holds_objects = value.is_array() && !value.empty() && value[0].is_object();
  std::string line = OnOneLine(value);
  // One more for the comma.
  if (!value.is_structured() || (!is_node && !holds_objects && lead + line.size() < kLine)) {
    *out += line;
    return;
  }
  *out += value.is_object() ? "{\n" : "[\n";
  bool first = true;
  for (const auto& [key, member] : value.items()) {
    if (value.is_object() && member.is_null()) continue;
    if (!first) *out += ",\n";
    first = false;
    std::string name(indent + 2, ' ');
    if (value.is_object()) name += Json(key).dump() + ": ";
    *out += name;
    Write(member, indent + 2, name.size(), out);
  }
  *out += "\n" + std::string(indent, ' ') + (value.is_object() ? "}" : "]");
}

}  // namespace

std::string SchemaText(const Json& value) {
  std::string text;
  Write(value, 0, 0, &text);
  return text + "\n";
}

}  // namespace app
