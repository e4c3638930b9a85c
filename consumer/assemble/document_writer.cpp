#include "consumer/assemble/document_writer.h"

#include <fmt/format.h>

#include "consumer/assemble/document_lookup.h"
#include "consumer/assemble/document_meta.h"
#include "consumer/assemble/json_cell.h"
#include "consumer/base/json_text.h"

namespace assemble {

using schema::DocumentTree;
using schema::Node;

namespace {

// For messages: a computed column is known by its key alone.
const std::string& NameOf(const schema::Column& column) {
  return column.name.empty() ? column.key : column.name;
}

}  // namespace

DocumentWriter::DocumentWriter(const DocumentTree& tree, const TreeStatements& statements)
    : tree_(tree),
      statements_(statements),
      transformer_(tree),
      any_routing_(!tree.routing_key.empty() && tree.routing_column.empty()),
      has_lookups_(schema::HasLookups(tree)) {
  const auto key_text = [](const std::string& key, bool first) {
    std::string text = first ? "" : ",";
    base::AppendJsonString(key, &text);
    return text + ":";
  };
  column_keys_.resize(tree.nodes.size());
  label_keys_.resize(tree.nodes.size());
  for (const Node& node : tree.nodes) {
    bool first = true;
    for (const schema::Column& column : node.columns) {
      column_keys_[node.id].push_back(key_text(column.key, first));
      first = false;
    }
    for (const uint32_t child : node.children) {
      label_keys_[child] = key_text(tree.nodes[child].label, first);
      first = false;
    }
  }
}

base::Status DocumentWriter::Append(const ChunkRows& chunk, int row, uint64_t version,
                                    model::BulkRequest* request) const {
  const pg::Rows& roots = chunk.levels[0].rows;
  const Layout& layout = *chunk.root_layout;
  const bool present = !roots.IsNull(row, layout.id);
  Address address;
  if (present) address = AddressAt(roots, row, layout.id, layout.routing);
  if (layout.wanted_id >= 0) {
    Address wanted = AddressAt(roots, row, layout.wanted_id, layout.wanted_routing);
    // The id may be equal by the type's =, yet spelled otherwise (1.0 and 1.00): the other spelling
    // has no document. The deletion comes first: under one id, in one shard, the two may meet.
    if (!present || wanted != address) {
      StartItem(model::BulkItem::Kind::kDelete, std::move(wanted), version, request);
    }
  }
  return present ? WriteDocument(chunk, row, std::move(address), version, request) : base::Status();
}

// With a routing the engine demands one of every action: where it is NULL (or "", which engines
// take for none) it is the id, which leads to the same shard as no routing.
DocumentWriter::Address DocumentWriter::AddressAt(const pg::Rows& roots, int row, int id,
                                                  int routing) const {
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < tree_.id_columns.size(); ++i) {
    parts.push_back(roots.Cell(row, id + static_cast<int>(i)));
  }
  Address address{JoinId(parts, tree_.id_texts), ""};
  if (routing >= 0) {
    const std::string_view text = roots.Cell(row, routing);
    address.routing = text.empty() ? address.id : std::string(text);
  }
  return address;
}

base::Status DocumentWriter::WriteDocument(const ChunkRows& chunk, int row, Address address,
                                           uint64_t version, model::BulkRequest* request) const {
  const std::string id = address.id;
  const size_t items = request->items.size(), bytes = request->body.size();
  base::Status status;
  if (transformer_.Empty()) {
    StartItem(model::BulkItem::Kind::kIndex, std::move(address), version, request);
    status = WriteObject(chunk, tree_.nodes[0], row, &request->body);
  } else {
    std::string built, finished;
    std::optional<std::string> routing;
    status = WriteObject(chunk, tree_.nodes[0], row, &built);
    if (status) status = transformer_.Apply(built, &finished, &routing);
    if (status) {
      if (any_routing_) address.routing = routing && !routing->empty() ? *routing : id;
      StartItem(model::BulkItem::Kind::kIndex, std::move(address), version, request);
      request->body += finished;
    }
  }
  if (status) {
    request->body.push_back('\n');
    request->items.back().end_offset = request->body.size();
    return {};
  }
  if (status.error().kind != base::ErrorKind::kRejectDocument) {
    return std::move(status).error().While(fmt::format("document \"{}\" of {}", id, tree_.index));
  }
  request->items.resize(items);
  request->body.resize(bytes);
  request->unmade.push_back(
      {tree_.number, id, tree_.versioned ? version : 0, std::move(status).error().message});
  return {};
}

void DocumentWriter::StartItem(model::BulkItem::Kind kind, Address address, uint64_t version,
                               model::BulkRequest* request) const {
  model::BulkItem item;
  item.kind = kind;
  item.document = tree_.number;
  item.version = tree_.versioned ? version : 0;
  item.any_routing = any_routing_;
  item.action_offset = request->body.size();

  std::string& body = request->body;
  const bool index = kind == model::BulkItem::Kind::kIndex;
  body += index ? R"({"index":{"_id":)" : R"({"delete":{"_id":)";
  base::AppendJsonString(address.id, &body);
  if (!address.routing.empty()) {
    body += R"(,"routing":)";
    base::AppendJsonString(address.routing, &body);
  }
  if (tree_.versioned) {
    fmt::format_to(std::back_inserter(body), R"(,"version":{},"version_type":"external_gte")",
                   version);
  }
  if (index && !tree_.pipeline.empty()) {
    body += R"(,"pipeline":)";
    base::AppendJsonString(tree_.pipeline, &body);
  }
  body += "}}\n";

  item.id = std::move(address.id);
  item.routing = std::move(address.routing);
  item.document_offset = item.end_offset = body.size();
  request->items.push_back(std::move(item));
}

base::Status DocumentWriter::WriteObject(const ChunkRows& chunk, const Node& node, int row,
                                         std::string* out) const {
  const pg::Rows& rows = chunk.levels[node.id].rows;
  const Layout& layout = node.id == 0 ? *chunk.root_layout : statements_.levels[node.id].layout;
  out->push_back('{');
  for (size_t i = 0; i < node.columns.size(); ++i) {
    const int column = layout.columns + static_cast<int>(i);
    out->append(column_keys_[node.id][i]);
    if (rows.IsNull(row, column)) {
      out->append("null");
    } else if (auto status = AppendCell(rows.TypeOid(column), rows.Cell(row, column), out);
               !status) {
      return std::move(status).error().While(fmt::format(
          "column \"{}\" of {}", NameOf(node.columns[i]), schema::ToString(node.table)));
    }
  }
  for (const uint32_t child : node.children) {
    out->append(label_keys_[child]);
    if (auto status = WriteChild(chunk, tree_.nodes[child], row, out); !status) return status;
  }
  if (node.id == 0 && tree_.meta) {
    out->append(node.columns.empty() && node.children.empty() ? R"("_meta":)" : R"(,"_meta":)");
    AppendMeta(tree_, statements_, chunk, row, out);
  }
  if (node.id == 0 && has_lookups_) {
    out->append(R"(,"_pgsync":)");  // there are children, so it is not the first key
    AppendLookup(tree_, statements_, chunk, row, out);
  }
  out->push_back('}');
  return {};
}

base::Status DocumentWriter::WriteChild(const ChunkRows& chunk, const Node& child, int parent_row,
                                        std::string* out) const {
  const auto [begin, end] = chunk.levels[child.id].RowsOf(parent_row);
  if (begin == end) {
    out->append(child.IsArray() && tree_.empty_array ? "[]" : "null");
    return {};
  }
  // Several rows for a one_to_one: the first by order_by or else by key (B8).
  if (!child.IsArray()) return WriteElement(chunk, child, static_cast<int>(begin), out);

  out->push_back('[');
  for (uint32_t row = begin; row < end; ++row) {
    if (row != begin) out->push_back(',');
    if (auto status = WriteElement(chunk, child, static_cast<int>(row), out); !status) {
      return status;
    }
  }
  out->push_back(']');
  return {};
}

base::Status DocumentWriter::WriteElement(const ChunkRows& chunk, const Node& node, int row,
                                          std::string* out) const {
  if (node.variant == schema::Variant::kObject) return WriteObject(chunk, node, row, out);
  const pg::Rows& rows = chunk.levels[node.id].rows;
  const int column = statements_.levels[node.id].layout.columns;
  if (rows.IsNull(row, column)) {
    out->append("null");
    return {};
  }
  auto status = AppendCell(rows.TypeOid(column), rows.Cell(row, column), out);
  if (status) return status;
  return std::move(status).error().While(
      fmt::format("column \"{}\" of {}", NameOf(node.columns[0]), schema::ToString(node.table)));
}

std::string JoinId(const std::vector<std::string_view>& parts,
                   const std::vector<std::string>& texts) {
  if (!texts.empty()) {
    std::string id = texts[0];
    for (size_t i = 0; i < parts.size(); ++i) id.append(parts[i]).append(texts[i + 1]);
    return id;
  }
  if (parts.size() == 1) return std::string(parts[0]);
  std::string id;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) id.push_back('|');
    for (const char c : parts[i]) {
      if (c == '\\' || c == '|') id.push_back('\\');
      id.push_back(c);
    }
  }
  return id;
}

}  // namespace assemble
