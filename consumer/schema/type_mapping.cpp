#include "consumer/schema/type_mapping.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace schema {
namespace {

struct BuiltIn {
  uint32_t oid;  // pg_type.dat
  std::string_view field;
};

constexpr std::array<BuiltIn, 17> kBuiltIns = {{{16, "boolean"},
                                                {20, "long"},
                                                {21, "short"},
                                                {23, "integer"},
                                                {700, "float"},
                                                {701, "double"},
                                                {1700, "double"},
                                                {1082, "date"},
                                                {1114, "date"},
                                                {1184, "date"},
                                                {25, "text"},
                                                {1043, "text"},
                                                {142, "text"},   // xml
                                                {3614, "text"},  // tsvector
                                                {869, "ip"},     // inet
                                                {17, "binary"},  // bytea, as hexadecimal text
                                                {114, ""}}};     // json

constexpr uint32_t kJsonb = 3802, kRecord = 2249, kRecords = 2287;

// A keyword longer than this would be refused with its document.
constexpr int kLongestKeyword = 8191;

// "geometry" of public.geometry, or of geometry[].
std::string BareName(const std::string& type_name) {
  std::string name = type_name;
  while (name.ends_with("[]")) name.resize(name.size() - 2);
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? name : name.substr(dot + 1);
}

Json FieldNamed(std::string_view field) {
  Json json = {{"type", std::string(field)}};
  if (field == "date") {
    json["format"] = "strict_date_optional_time||yyyy-MM-dd";
    json["ignore_malformed"] = true;
  } else if (field == "double" || field == "float" || field == "ip") {
    json["ignore_malformed"] = true;
  } else if (field == "text") {
    json["fields"] = {{"keyword", {{"type", "keyword"}, {"ignore_above", 256}}}};
  } else if (field == "keyword") {
    json["ignore_above"] = kLongestKeyword;
  } else if (field == "binary") {
    json = {{"type", "keyword"}, {"index", false}, {"doc_values", false}};
  }
  return json;
}

}  // namespace

Json FieldOf(const CatalogColumn& type) {
  if (type.type_kind == 'c' || type.type_kind == 'd' || type.type_kind == 'p') return nullptr;
  if (type.type_kind != 'b') return FieldNamed("keyword");  // enums, ranges
  const uint32_t oid = type.element_oid != 0 ? type.element_oid : type.type_oid;
  if (oid == kJsonb || oid == kRecord || oid == kRecords) return nullptr;
  const auto it = std::find_if(kBuiltIns.begin(), kBuiltIns.end(),
                               [&](const BuiltIn& known) { return known.oid == oid; });
  if (it != kBuiltIns.end()) return it->field.empty() ? Json() : FieldNamed(it->field);
  const std::string name = BareName(type.type_name);
  if (name == "hstore") return nullptr;
  if (name == "citext") return FieldNamed("text");
  if (name == "geometry" || name == "geography") {
    return {{"type", "geo_shape"}, {"ignore_malformed", true}};
  }
  return FieldNamed("keyword");
}

}  // namespace schema
