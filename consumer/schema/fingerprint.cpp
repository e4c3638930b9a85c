#include "consumer/schema/fingerprint.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

namespace schema {
namespace {

using Sorted = nlohmann::json;  // keys in byte order: one text per meaning

// Raise it when documents change for the same tree, so that indices are built anew.
constexpr int kDocumentFormat = 1;

// What counts: all, or only what the file says.
enum class Scope : uint8_t { kAll, kFile };

Sorted Dump(const Link& link, Scope scope) {
  Sorted dump = {{"upper", link.upper}, {"lower", link.lower}};
  if (scope == Scope::kAll) {
    dump["types"] = link.types;
    dump["lower_types"] = link.lower_types;
  }
  return dump;
}

Sorted Dump(const std::vector<OrderBy>& order) {
  Sorted dump = Sorted::array();
  for (const OrderBy& by : order) dump.push_back({by.column, by.descending, by.nulls_first});
  return dump;
}

Sorted Dump(const Transform& transform) {
  Sorted dump = Sorted::object();
  for (const Replace& replace : transform.replace) {
    dump["replace"].push_back({replace.path, replace.pairs});
  }
  for (const InnerRename& rename : transform.rename) {
    dump["rename"].push_back({rename.path, rename.names});
  }
  for (const Concat& concat : transform.concat) {
    Sorted parts = Sorted::array();
    for (const Concat::Part& part : concat.parts) parts.push_back({part.literal, part.text});
    dump["concat"].push_back({std::move(parts), concat.destination, concat.delimiter});
  }
  for (const Move& move : transform.move) dump["move"].push_back({move.key, move.destination});
  return dump;
}

Sorted Dump(const Node& node, Scope scope) {
  Sorted columns = Sorted::array();
  for (const Column& column : node.columns) {
    const bool of_table = node.all_columns && column.expression.empty();
    if (scope == Scope::kFile && of_table) continue;
    columns.push_back({column.key, column.name, column.path});
    if (scope == Scope::kAll) columns.back().push_back(column.type_oid);
    if (!column.expression.empty()) columns.back().push_back(column.expression);
  }
  Sorted dump = {{"parent", node.parent},
                 {"table", {node.table.schema, node.table.table}},
                 {"label", node.parent < 0 ? "" : node.label},
                 {"type", static_cast<int>(node.type)},
                 {"variant", static_cast<int>(node.variant)},
                 {"columns", std::move(columns)},
                 {"key", node.key},
                 {"link", Dump(node.link, scope)}};
  // What a node does not use is not in the text: its fingerprint is that of versions before it.
  if (!node.filter.empty()) dump["filter"] = node.filter;
  if (!node.order_by.empty()) dump["order_by"] = Dump(node.order_by);
  if (node.limit > 0) dump["limit"] = node.limit;
  if (!node.transform.Empty()) dump["transform"] = Dump(node.transform);
  for (const BaseTable& base : node.base_tables) {
    dump["base_tables"].push_back({base.table.schema, base.table.table, base.key, base.link});
  }
  if (node.lookup >= 0 || (node.junction && node.junction->lookup >= 0)) dump["lookup"] = true;
  if (node.polymorphic) {
    dump["polymorphic"] = {static_cast<int>(node.polymorphic->on), node.polymorphic->column,
                           node.polymorphic->value};
  }
  if (node.junction) {
    dump["junction"] = {{"table", {node.junction->table.schema, node.junction->table.table}},
                        {"to_parent", Dump(node.junction->to_parent, scope)},
                        {"to_child", Dump(node.junction->to_child, scope)},
                        {"key", node.junction->key}};
  }
  return dump;
}

// FNV-1a, 64 bits: stable over versions and machines. Nobody is trying to collide with it.
uint64_t Hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

Sorted Dump(const DocumentTree& tree, const std::string& index_body, Scope scope) {
  Sorted nodes = Sorted::array();
  for (const Node& node : tree.nodes) nodes.push_back(Dump(node, scope));
  Sorted dump = {{"format", kDocumentFormat},
                 {"database", tree.database},
                 {"empty_array", tree.empty_array},
                 {"pipeline", tree.pipeline},
                 {"id", tree.id_columns},
                 {"nodes", std::move(nodes)},
                 {"body", Sorted::parse(index_body, nullptr, false)}};
  if (scope == Scope::kAll) dump["id_types"] = tree.id_types;
  if (!tree.id_texts.empty()) dump["id_texts"] = tree.id_texts;
  if (!tree.routing_key.empty()) dump["routing"] = tree.routing_key;
  if (tree.meta) dump["meta"] = true;
  return dump;
}

std::string Digest(const Sorted& dump) {
  const uint64_t hash = Hash(dump.dump(-1, ' ', false, Sorted::error_handler_t::replace));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(hash >> shift) & 0xF];
  return text;
}

}  // namespace

std::string Fingerprint(const DocumentTree& tree) {
  return Digest(Dump(tree, tree.index_body, Scope::kAll));
}

std::string FileFingerprint(const DocumentTree& tree, const std::string& index_body,
                            bool type_mapping) {
  Sorted dump = Dump(tree, index_body, Scope::kFile);
  if (type_mapping) dump["type_mapping"] = true;
  return Digest(dump);
}

}  // namespace schema
