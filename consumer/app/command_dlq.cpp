// `dlq list | show | replay | drop`: the documents that the target refused for good (design D11). A
// replay builds them anew from the tables; the old body is never sent again.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "consumer/app/commands.h"
#include "consumer/app/document_id.h"
#include "consumer/app/rewriter.h"

namespace app {
namespace {

using base::Status;

// How many of which kind, for the last line.
struct Tally {
  size_t letters = 0, mended = 0, left = 0;
  std::set<std::string> seen;  // of the ids that were asked for
};

bool IsAsked(const Config& config, const std::string& id) {
  return config.ids.empty() ||
         std::find(config.ids.begin(), config.ids.end(), id) != config.ids.end();
}

Status Replay(Rewriter& rewriter, sink::Reader& reader, const schema::DocumentTree& tree,
              const sink::DeadLetter& letter, Tally* tally) {
  auto key = KeyOf(rewriter.connection(), tree, letter.id);
  if (!key) return std::move(key).error();
  std::string why = "no row can have this _id";
  if (!key->empty()) {
    auto outcome = rewriter.Write(tree, *key);
    if (!outcome) return std::move(outcome).error();
    if (*outcome != Rewriter::Outcome::kRejected) {
      if (auto removed = reader.RemoveDeadLetter(letter); !removed) return removed;
      fmt::print(
          "{} {}: {}\n", tree.index, letter.id,
          *outcome == Rewriter::Outcome::kWritten ? "written" : "not in the tables any more");
      ++tally->mended;
      return {};
    }
    why = "rejected again";
  }
  fmt::print("{} {}: {}\n", tree.index, letter.id, why);
  ++tally->left;
  return {};
}

Status WorkOn(const Config& config, Rewriter& rewriter, const schema::DocumentTree& tree,
              Tally* tally) {
  auto reader = rewriter.target().NewReader(tree);
  if (!reader) return std::move(reader).error();
  if (!*reader) {
    return base::Refused(
        fmt::format("the dead letters of {} cannot be read by this command; look at what it wrote",
                    rewriter.target().Describe()));
  }
  std::vector<sink::DeadLetter> letters;
  auto read = (*reader)->DeadLetters([&](sink::DeadLetter letter) {
    if (!IsAsked(config, letter.id)) return Status();
    // Bodies are large, and only `show` needs them.
    if (config.dlq != DlqAction::kShow) letter.document.clear();
    if (!config.ids.empty()) tally->seen.insert(letter.id);
    letters.push_back(std::move(letter));
    return Status();
  });
  if (!read) return read;
  tally->letters += letters.size();
  for (sink::DeadLetter& letter : letters) {
    switch (config.dlq) {
      case DlqAction::kList:
        // One line each; the engines' reasons may have several.
        std::replace_if(
            letter.reason.begin(), letter.reason.end(), [](unsigned char c) { return c < ' '; },
            ' ');
        fmt::print("{}\t{}\t{}\t{}\n", tree.index, letter.id, letter.lsn, letter.reason);
        break;
      case DlqAction::kShow:
        fmt::print(
            "index    {}\n_id      {}\nlsn      {}\nversion  {}\nreason   {}\ndocument {}\n\n",
            tree.index, letter.id, letter.lsn, letter.version, letter.reason, letter.document);
        break;
      case DlqAction::kReplay:
        if (auto done = Replay(rewriter, **reader, tree, letter, tally); !done) {
          return std::move(done).error().While(fmt::format("document \"{}\"", letter.id));
        }
        break;
      case DlqAction::kDrop:
        if (auto removed = (*reader)->RemoveDeadLetter(letter); !removed) return removed;
        ++tally->mended;
        break;
    }
  }
  return {};
}

}  // namespace

Status CommandDlq(const Config& config, base::Logger& log) {
  auto schema = LoadResolvedSchema(config);
  if (!schema) return schema.error();
  auto trees = ChosenTrees(config, *schema);
  if (!trees) return std::move(trees).error();
  auto rewriter = Rewriter::Open(config, *schema, log);
  if (!rewriter) return std::move(rewriter).error();
  Tally tally;
  for (const schema::DocumentTree* tree : *trees) {
    if (auto done = WorkOn(config, **rewriter, *tree, &tally); !done) return done;
  }
  if (config.dlq == DlqAction::kReplay) {
    fmt::print("{} of {} dead letters are settled\n", tally.mended, tally.letters);
  } else if (config.dlq == DlqAction::kDrop) {
    fmt::print("{} dead letters dropped\n", tally.mended);
  } else if (tally.letters == 0) {
    fmt::print(stderr, "no dead letters\n");
  }
  if (tally.left > 0) {
    return base::Fatal(fmt::format("{} documents are still rejected", tally.left));
  }
  for (const std::string& id : config.ids) {
    if (!tally.seen.contains(id)) {
      return base::Fatal(fmt::format("\"{}\" is not a dead letter", id));
    }
  }
  return {};
}

}  // namespace app
