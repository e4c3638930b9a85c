// Whole files: the conformance cases, and what is left of them after random damage.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

std::map<std::string, std::string> CaseFiles() {
  std::map<std::string, std::string> files;
  const std::filesystem::path cases = PGSYNC_SOURCE_DIR "/tests/conformance/cases";
  for (const auto& entry : std::filesystem::directory_iterator(cases)) {
    std::ifstream file(entry.path() / "schema.json");
    std::ostringstream text;
    text << file.rdbuf();
    files[entry.path().filename()] = text.str();
  }
  return files;
}

std::optional<std::string> CaseEnvironment(const std::string& name) {
  if (name == "CF_REGION") return "north";
  if (name == "CF_STAGE") return "blue";
  return std::nullopt;
}

TEST(ConformanceFiles, Parse) {
  const auto files = CaseFiles();
  ASSERT_GE(files.size(), 60u);
  // Refused on purpose: PGSync ignores a rename of a name that is not there, and puts the
  // replacement of "" between all characters.
  const std::map<std::string, Strings> refused = {
      {"transform-rename",
       {"error: schema.json[0].nodes.transform.rename.absent: this node has no key \"absent\""}},
      {"transform-replace",
       {"error: schema.json[0].nodes.transform.replace.tags.: the text to search for cannot be "
        "empty"}}};
  size_t clean = 0;
  for (const auto& [name, text] : files) {
    const SchemaFile file = Parse(text, "schema.json", CaseEnvironment);
    Strings errors;
    for (const Finding& finding : file.findings()) {
      if (finding.level == Finding::Level::kError) errors.push_back(ToString(finding));
    }
    if (refused.contains(name)) {
      EXPECT_EQ(errors, refused.at(name)) << name;
    } else {
      EXPECT_EQ(errors, Strings{}) << name;
      ++clean;
    }
  }
  EXPECT_EQ(clean, files.size() - refused.size());
}

// Damage that keeps some meaning: bytes changed, pieces cut, doubled or taken from another file.
std::string Damaged(std::string text, const std::string& other, std::mt19937* random) {
  const auto below = [random](size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound == 0 ? 0 : bound - 1)(*random);
  };
  static const Strings words = {"null",
                                "[]",
                                "{}",
                                "7",
                                "\"\"",
                                "true",
                                "\"doc->>x->y\"",
                                "\"scalar\"",
                                "\"->\"",
                                "\"#>{\"",
                                "{\"table\": \"book\"}",
                                "\"${\"",
                                "-1e400"};
  const size_t rounds = 1 + below(2);
  for (size_t i = 0; i < rounds && !text.empty(); ++i) {
    const size_t at = below(text.size());
    const size_t length = std::min(text.size() - at, 1 + below(40));
    switch (below(12)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(below(text.size()), length));
        break;
      case 3:
        text.insert(at, other.substr(below(other.size()), length));
        break;
      default: {
        // A whole value replaced: the text stays JSON and the checks behind the parser are reached.
        const size_t colon = text.find(": ", at);
        if (colon == std::string::npos) break;
        const size_t end = text.find_first_of(",\n}]", colon);
        if (end == std::string::npos) break;
        text.replace(colon + 2, end - colon - 2, words[below(words.size())]);
      }
    }
  }
  return text;
}

// Documents over the catalog of the tests, pretty-printed like files of people.
Strings ResolvableFiles() {
  return {R"([{
  "database": "shop",
  "index": "book",
  "setting": {"number_of_shards": 1},
  "mapping": {"title": {"type": "text"}},
  "nodes": {
    "table": "book",
    "columns": ["isbn", "title", "doc->x->0", "raw->>name", "tags->colour"],
    "transform": {
      "rename": {"title": "name", "review": "reviews"},
      "mapping": {"name": {"type": "keyword"}}
    },
    "children": [
      {
        "table": "review",
        "columns": ["stars"],
        "relationship": {"type": "one_to_many", "variant": "scalar"}
      },
      {
        "table": "author",
        "label": "authors",
        "relationship": {
          "type": "one_to_many",
          "variant": "object",
          "through_tables": ["book_author"]
        }
      },
      {
        "table": "person",
        "label": "editor",
        "relationship": {
          "type": "one_to_one",
          "variant": "object",
          "foreign_key": {"parent": ["editor_id"], "child": ["id"]}
        }
      }
    ]
  }
}])",
          R"([{
  "database": "shop",
  "nodes": {
    "table": "person",
    "children": [
      {
        "table": "person",
        "label": "friends",
        "relationship": {
          "type": "one_to_many",
          "variant": "object",
          "through_tables": [
            {
              "table": "friendship",
              "parent": {"parent": ["id"], "through": ["person_id"]},
              "child": {"through": ["friend_id"], "child": ["id"]}
            }
          ]
        }
      },
      {
        "table": "best_seller",
        "primary_key": ["rank"],
        "relationship": {
          "type": "one_to_many",
          "variant": "object",
          "foreign_key": {"parent": ["name"], "child": ["isbn"]}
        }
      }
    ]
  }
}])"};
}

TEST(DamagedFiles, NeverCrashAndAlwaysSayWhy) {
  const uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  std::vector<std::string> files;
  for (const auto& [name, text] : CaseFiles()) files.push_back(text);
  const Strings resolvable = ResolvableFiles();
  const Catalog catalog = Library();
  size_t refused = 0, refused_by_catalog = 0, resolved = 0;
  for (int i = 0; i < 2000; ++i) {
    // Half of them name tables of the catalog, so that the checks against it are reached too.
    const std::string& text =
        i % 2 == 0 ? files[random() % files.size()] : resolvable[random() % resolvable.size()];
    const SchemaFile file = Parse(Damaged(text, files[random() % files.size()], &random),
                                  "schema.json", CaseEnvironment);
    for (const Finding& finding : file.findings()) {
      EXPECT_FALSE(finding.path.empty());
      EXPECT_FALSE(finding.message.empty());
    }
    if (!file.ok()) {
      ++refused;
      continue;
    }
    for (const std::string& database : file.Databases()) {
      const Resolved outcome = Resolve(file, database, catalog);
      for (const Finding& finding : outcome.findings) EXPECT_FALSE(finding.path.empty());
      if (HasErrors(outcome.findings)) {
        ++refused_by_catalog;
      } else {
        TablesUsed(outcome.trees);
        ++resolved;
      }
    }
  }
  // Every door was reached, or the damage is of no use. Over 100 seeds the least were 1,802, 99
  // and 32.
  std::cout << refused << " refused, " << refused_by_catalog << " by the catalog, " << resolved
            << " resolved\n";
  EXPECT_GT(refused, 200u);
  EXPECT_GT(refused_by_catalog, 10u);
  EXPECT_GT(resolved, 10u);
}

}  // namespace
}  // namespace schema
