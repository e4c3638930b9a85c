#include "consumer/app/load_choice.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "consumer/base/nearest.h"
#include "consumer/schema/indices.h"

namespace app {
namespace {

// "name" is a table of that name in any schema.
bool Means(const std::string& written, const schema::TableName& table) {
  return written == table.table || written == schema::ToString(table);
}

bool Uses(const schema::DocumentTree& tree, const std::string& written) {
  return std::any_of(tree.nodes.begin(), tree.nodes.end(), [&](const schema::Node& node) {
    return Means(written, node.table) || (node.junction && Means(written, node.junction->table)) ||
           std::any_of(node.base_tables.begin(), node.base_tables.end(),
                       [&](const schema::BaseTable& base) { return Means(written, base.table); });
  });
}

bool Has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

base::Status CheckLoadChoice(const Config& config, const schema::SchemaFile& file) {
  const std::vector<std::string> indices = schema::Indices(file);
  std::vector<std::string> tables;
  for (const std::string& database : file.Databases()) {
    for (const schema::TableName& table : file.TablesNamed(database)) {
      tables.push_back(schema::ToString(table));
      tables.push_back(table.table);
    }
  }
  for (const std::string& index : config.only) {
    if (Has(indices, index)) continue;
    return base::Usage(fmt::format("--only: {} has no index \"{}\"; it has: {}{}",
                                   config.schema_path, index, fmt::join(indices, ", "),
                                   base::DidYouMean(index, indices)));
  }
  for (const std::string& table : config.tables) {
    if (Has(tables, table)) continue;
    return base::Usage(fmt::format("--tables: no document of {} uses a table \"{}\"{}",
                                   config.schema_path, table, base::DidYouMean(table, tables)));
  }
  return {};
}

std::vector<bool> ChosenDocuments(const Config& config,
                                  const std::vector<schema::DocumentTree>& trees) {
  std::vector<bool> chosen;
  for (const schema::DocumentTree& tree : trees) {
    const bool by_index = config.only.empty() || Has(config.only, tree.index);
    const bool by_table = config.tables.empty() ||
                          std::any_of(config.tables.begin(), config.tables.end(),
                                      [&](const std::string& table) { return Uses(tree, table); });
    chosen.push_back(by_index && by_table);
  }
  return chosen;
}

}  // namespace app
