#include "consumer/assemble/document_writer.h"

#include <unordered_map>

#include <fmt/format.h>

#include "consumer/assemble/json_cell.h"
#include "consumer/base/json_text.h"

namespace assemble {

using schema::DocumentTree;
using schema::Node;

uint32_t CollectLinks(const pg::Rows& parent_rows, int first_column, size_t columns,
                      std::vector<std::vector<std::string>>* values, LevelRows* level) {
  values->assign(columns, {});
  level->group_of_parent.assign(static_cast<size_t>(parent_rows.size()), -1);
  std::unordered_map<std::string, int32_t> groups;
  std::string combined;
  for (int row = 0; row < parent_rows.size(); ++row) {
    combined.clear();
    bool null = false;
    for (size_t i = 0; i < columns && !null; ++i) {
      const int column = first_column + static_cast<int>(i);
      null = parent_rows.IsNull(row, column);
      combined.append(parent_rows.Cell(row, column))
          .push_back('\0');  // text cannot hold a zero byte
    }
    if (null) continue;
    const auto [at, is_new] = groups.try_emplace(combined, static_cast<int32_t>(groups.size()));
    level->group_of_parent[static_cast<size_t>(row)] = at->second;
    if (!is_new) continue;
    for (size_t i = 0; i < columns; ++i) {
      (*values)[i].emplace_back(parent_rows.Cell(row, first_column + static_cast<int>(i)));
    }
  }
  return static_cast<uint32_t>(groups.size());
}

void FindGroups(uint32_t groups, LevelRows* level) {
  level->group_begin.assign(groups + 1, 0);
  int row = 0;
  for (uint32_t group = 0; group < groups; ++group) {
    level->group_begin[group] = static_cast<uint32_t>(row);
    while (row < level->rows.size() &&
           ReadInt8(level->rows.Cell(row, 0)) == static_cast<int64_t>(group) + 1) {
      ++row;
    }
  }
  level->group_begin[groups] = static_cast<uint32_t>(row);
}

DocumentWriter::DocumentWriter(const DocumentTree& tree, const TreeStatements& statements)
    : tree_(tree), statements_(statements) {
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
  const auto id_at = [&](int first) {
    std::vector<std::string_view> parts;
    for (size_t i = 0; i < tree_.id_columns.size(); ++i) {
      parts.push_back(roots.Cell(row, first + static_cast<int>(i)));
    }
    return JoinId(parts);
  };

  const bool present = !roots.IsNull(row, layout.id);
  std::string id = present ? id_at(layout.id) : std::string();
  if (layout.wanted_id >= 0) {
    std::string wanted = id_at(layout.wanted_id);
    // Equal by the type's =, yet spelled otherwise (1.0 and 1.00): the other spelling has no
    // document.
    if (!present || wanted != id) {
      StartItem(model::BulkItem::Kind::kDelete, std::move(wanted), version, request);
    }
  }
  if (!present) return {};

  StartItem(model::BulkItem::Kind::kIndex, std::move(id), version, request);
  if (auto status = WriteObject(chunk, tree_.nodes[0], row, &request->body); !status) {
    return std::move(status).error().While(
        fmt::format("document \"{}\" of {}", request->items.back().id, tree_.index));
  }
  request->body.push_back('\n');
  request->items.back().end_offset = request->body.size();
  return {};
}

void DocumentWriter::StartItem(model::BulkItem::Kind kind, std::string id, uint64_t version,
                               model::BulkRequest* request) const {
  model::BulkItem item;
  item.kind = kind;
  item.document = tree_.number;
  item.version = tree_.versioned ? version : 0;
  item.action_offset = request->body.size();

  std::string& body = request->body;
  const bool index = kind == model::BulkItem::Kind::kIndex;
  body += index ? R"({"index":{"_id":)" : R"({"delete":{"_id":)";
  base::AppendJsonString(id, &body);
  if (tree_.versioned) {
    fmt::format_to(std::back_inserter(body), R"(,"version":{},"version_type":"external_gte")",
                   version);
  }
  if (index && !tree_.pipeline.empty()) {
    body += R"(,"pipeline":)";
    base::AppendJsonString(tree_.pipeline, &body);
  }
  body += "}}\n";

  item.id = std::move(id);
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
      return std::move(status).error().While(
          fmt::format("column \"{}\" of {}", node.columns[i].name, schema::ToString(node.table)));
    }
  }
  for (const uint32_t child : node.children) {
    out->append(label_keys_[child]);
    if (auto status = WriteChild(chunk, tree_.nodes[child], row, out); !status) return status;
  }
  out->push_back('}');
  return {};
}

base::Status DocumentWriter::WriteChild(const ChunkRows& chunk, const Node& child, int parent_row,
                                        std::string* out) const {
  const LevelRows& level = chunk.levels[child.id];
  const int32_t group = level.group_of_parent[static_cast<size_t>(parent_row)];
  const uint32_t begin = group < 0 ? 0 : level.group_begin[static_cast<size_t>(group)];
  const uint32_t end = group < 0 ? 0 : level.group_begin[static_cast<size_t>(group) + 1];
  if (begin == end) {
    out->append(child.IsArray() && tree_.empty_array ? "[]" : "null");
    return {};
  }
  // Several rows for a one_to_one: the one with the lowest primary key, which is the first (B8).
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
  return AppendCell(rows.TypeOid(column), rows.Cell(row, column), out);
}

std::string JoinId(const std::vector<std::string_view>& parts) {
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
