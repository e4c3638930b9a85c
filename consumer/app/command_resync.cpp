// `resync`: builds single documents anew, by id, and writes them.
#include <cstdio>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/document_id.h"
#include "consumer/app/rewriter.h"

namespace app {

base::Status CommandResync(const Config& config, base::Logger& log) {
  auto schema = LoadResolvedSchema(config);
  if (!schema) return schema.error();
  auto trees = ChosenTrees(config, *schema);
  if (!trees) return std::move(trees).error();
  auto rewriter = Rewriter::Open(config, *schema, log);
  if (!rewriter) return std::move(rewriter).error();

  size_t unknown = 0, rejected = 0;
  for (const std::string& id : config.ids) {
    bool possible = false;
    for (const schema::DocumentTree* tree : *trees) {
      auto key = KeyOf((*rewriter)->connection(), *tree, id);
      if (!key) return std::move(key).error();
      if (key->empty()) continue;
      possible = true;
      auto outcome = (*rewriter)->Write(*tree, *key);
      if (!outcome) return std::move(outcome).error().While(fmt::format("document \"{}\"", id));
      const char* what = *outcome == Rewriter::Outcome::kWritten   ? "written"
                         : *outcome == Rewriter::Outcome::kDeleted ? "not in the tables"
                                                                   : "rejected";
      rejected += *outcome == Rewriter::Outcome::kRejected;
      fmt::print("{} {}: {}\n", tree->index, id, what);
    }
    if (possible) continue;
    ++unknown;
    fmt::print(stderr, "no row can have the _id \"{}\"\n", id);
  }
  if (unknown + rejected == 0) return {};
  return base::Fatal(fmt::format("{} of {} documents could not be written{}", unknown + rejected,
                                 config.ids.size(),
                                 rejected > 0 ? "; pgsync-consumer dlq list SCHEMA says why" : ""));
}

}  // namespace app
