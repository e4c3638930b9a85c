#include "consumer/assemble/document_meta.h"

#include <cstdlib>
#include <map>
#include <set>
#include <string_view>

#include "consumer/base/json_text.h"

namespace assemble {
namespace {

using schema::Node;

bool IsNumber(const std::string& json) {
  return !json.empty() && (json[0] == '-' || (json[0] >= '0' && json[0] <= '9'));
}

// Numbers by value, all else by text.
struct JsonLess {
  bool operator()(const std::string& a, const std::string& b) const {
    if (IsNumber(a) && IsNumber(b)) {
      const long double left = std::strtold(a.c_str(), nullptr);
      const long double right = std::strtold(b.c_str(), nullptr);
      if (left != right) return left < right;
    }
    return a < b;
  }
};

// Table, then key column, then values as JSON.
using Meta = std::map<std::string, std::map<std::string, std::set<std::string, JsonLess>>>;

class Collector {
 public:
  Collector(const schema::DocumentTree& tree, const TreeStatements& statements,
            const ChunkRows& chunk)
      : tree_(tree), statements_(statements), chunk_(chunk) {}

  void AddRow(const Node& node, int row) {
    const Layout& layout = node.id == 0 ? *chunk_.root_layout : statements_.levels[node.id].layout;
    AddKey(node, node.table.table, node.key, layout.key, row);
    if (node.junction) {
      AddKey(node, node.junction->table.table, node.junction->key, layout.junction_key, row);
    }
    for (const uint32_t child : node.children) AddRows(tree_.nodes[child], row);
  }

  const Meta& meta() const { return meta_; }

 private:
  void AddKey(const Node& node, const std::string& table, const std::vector<std::string>& key,
              int first, int row) {
    const pg::Rows& rows = chunk_.levels[node.id].rows;
    for (size_t i = 0; i < key.size(); ++i) {
      const int column = first + static_cast<int>(i);
      if (rows.IsNull(row, column)) continue;
      std::string value;
      if (node.id == 0) {
        base::AppendJsonString(rows.Cell(row, column), &value);
      } else {
        value = rows.Cell(row, column);
      }
      meta_[table][key[i]].insert(std::move(value));
    }
  }

  void AddRows(const Node& child, int parent_row) {
    const auto [begin, end] = chunk_.levels[child.id].RowsOf(parent_row);
    for (uint32_t row = begin; row < end; ++row) {
      AddRow(child, static_cast<int>(row));
      if (!child.IsArray()) break;  // the others are not in the document
    }
  }

  const schema::DocumentTree& tree_;
  const TreeStatements& statements_;
  const ChunkRows& chunk_;
  Meta meta_;
};

}  // namespace

void AppendMeta(const schema::DocumentTree& tree, const TreeStatements& statements,
                const ChunkRows& chunk, int root_row, std::string* out) {
  Collector collector(tree, statements, chunk);
  collector.AddRow(tree.nodes[0], root_row);
  out->push_back('{');
  bool first_table = true;
  for (const auto& [table, columns] : collector.meta()) {
    if (!first_table) out->push_back(',');
    first_table = false;
    base::AppendJsonString(table, out);
    *out += ":{";
    bool first_column = true;
    for (const auto& [column, values] : columns) {
      if (!first_column) out->push_back(',');
      first_column = false;
      base::AppendJsonString(column, out);
      *out += ":[";
      bool first_value = true;
      for (const std::string& value : values) {
        if (!first_value) out->push_back(',');
        first_value = false;
        *out += value;
      }
      out->push_back(']');
    }
    out->push_back('}');
  }
  out->push_back('}');
}

}  // namespace assemble
