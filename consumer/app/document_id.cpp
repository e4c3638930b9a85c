#include "consumer/app/document_id.h"

#include <algorithm>

#include <fmt/format.h>

namespace app {
namespace {

// The parts of an id as JoinId made it.
std::vector<std::string> SplitJoined(const std::string& id, size_t parts) {
  if (parts == 1) return {id};
  std::vector<std::string> split(1);
  for (size_t i = 0; i < id.size(); ++i) {
    if (id[i] == '\\' && i + 1 < id.size()) {
      split.back().push_back(id[++i]);
    } else if (id[i] == '|') {
      split.emplace_back();
    } else {
      split.back().push_back(id[i]);
    }
  }
  return split;
}

// The same for an id made by a template: `texts` stand around its parts.
std::vector<std::string> SplitTemplate(const std::string& id,
                                       const std::vector<std::string>& texts) {
  std::vector<std::string> split;
  if (!id.starts_with(texts.front())) return split;
  size_t at = texts.front().size();
  for (size_t i = 1; i < texts.size(); ++i) {
    const bool last = i + 1 == texts.size();
    const size_t end =
        last ? id.size() - std::min(id.size(), texts[i].size()) : id.find(texts[i], at);
    if (end == std::string::npos || end < at || id.compare(end, texts[i].size(), texts[i]) != 0) {
      return {};
    }
    split.push_back(id.substr(at, end - at));
    at = end + texts[i].size();
  }
  return split;
}

std::vector<std::string> SplitId(const std::string& id, const schema::DocumentTree& tree) {
  return tree.id_texts.empty() ? SplitJoined(id, tree.id_columns.size())
                               : SplitTemplate(id, tree.id_texts);
}

// Can the parts be values of the document's key? "abc" is no integer, and so nobody's id. Asked of
// the server, which alone knows what its types read.
base::Result<bool> CanBeKey(pg::Connection& connection, const schema::DocumentTree& tree,
                            const std::vector<std::string>& key) {
  std::string casts;
  for (size_t i = 0; i < key.size(); ++i) {
    casts += fmt::format("{}${}::{}", i == 0 ? "" : ", ", i + 1, tree.id_types[i]);
  }
  const std::vector<pg::Param> parameters(key.begin(), key.end());
  auto rows = connection.Query("SELECT " + casts, parameters);
  if (rows) return true;
  if (connection.SqlState().starts_with("22")) return false;  // data exception
  return std::move(rows).error();
}

}  // namespace

base::Result<std::vector<std::string>> KeyOf(pg::Connection& connection,
                                             const schema::DocumentTree& tree,
                                             const std::string& id) {
  std::vector<std::string> key = SplitId(id, tree);
  if (key.size() != tree.id_columns.size()) return std::vector<std::string>();
  auto possible = CanBeKey(connection, tree, key);
  if (!possible) return std::move(possible).error();
  if (!*possible) key.clear();
  return key;
}

model::Touch RootTouch(const schema::DocumentTree& tree, const std::vector<std::string>& key) {
  return {tree.number, 0, {key.begin(), key.end()}};
}

}  // namespace app
