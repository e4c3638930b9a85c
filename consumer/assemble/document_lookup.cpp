#include "consumer/assemble/document_lookup.h"

#include <set>

#include "consumer/base/json_text.h"

namespace assemble {
namespace {

using schema::Node;

class Collector {
 public:
  Collector(const schema::DocumentTree& tree, const TreeStatements& statements,
            const ChunkRows& chunk)
      : tree_(tree), statements_(statements), chunk_(chunk) {}

  void AddChildren(const Node& node, int row) {
    for (const uint32_t id : node.children) {
      const Node& child = tree_.nodes[id];
      const auto [begin, end] = chunk_.levels[id].RowsOf(row);
      for (uint32_t at = begin; at < end; ++at) {
        AddRow(child, static_cast<int>(at));
        if (!child.IsArray()) break;  // the others are not in the document
      }
    }
  }

  const std::set<std::string>& names() const { return names_; }

 private:
  void AddRow(const Node& node, int row) {
    const Layout& layout = statements_.levels[node.id].layout;
    AddName(node, node.lookup, layout.lookup, row);
    if (node.junction) AddName(node, node.junction->lookup, layout.junction_lookup, row);
    AddChildren(node, row);
  }

  void AddName(const Node& node, int32_t entry_id, int first, int row) {
    if (entry_id < 0) return;
    const schema::EntryPoint& entry = tree_.entries[static_cast<size_t>(entry_id)];
    const pg::Rows& rows = chunk_.levels[node.id].rows;
    std::vector<std::string_view> key;
    for (size_t i = 0; i < entry.columns.size(); ++i) {
      key.push_back(rows.Cell(row, first + static_cast<int>(i)));
    }
    names_.insert(HeldName(entry, key));
  }

  const schema::DocumentTree& tree_;
  const TreeStatements& statements_;
  const ChunkRows& chunk_;
  std::set<std::string> names_;
};

}  // namespace

std::string HeldName(const schema::EntryPoint& entry, const std::vector<std::string_view>& key) {
  return entry.lookup + ":" + JoinId(key, {});
}

void AppendLookup(const schema::DocumentTree& tree, const TreeStatements& statements,
                  const ChunkRows& chunk, int root_row, std::string* out) {
  Collector collector(tree, statements, chunk);
  collector.AddChildren(tree.nodes[0], root_row);
  *out += R"({"root":[)";
  const pg::Rows& roots = chunk.levels[0].rows;
  const Layout& layout = *chunk.root_layout;
  const auto append = [&](int column) {
    if (roots.IsNull(root_row, column)) {
      *out += "null";
    } else {
      base::AppendJsonString(roots.Cell(root_row, column), out);
    }
  };
  for (size_t i = 0; i < tree.id_columns.size(); ++i) {
    if (i > 0) out->push_back(',');
    append(layout.id + static_cast<int>(i));
  }
  if (layout.routing >= 0) {
    out->push_back(',');
    append(layout.routing);
  }
  *out += R"(],"lookup":[)";
  bool first = true;
  for (const std::string& name : collector.names()) {
    if (!first) out->push_back(',');
    first = false;
    base::AppendJsonString(name, out);
  }
  *out += "]}";
}

}  // namespace assemble
