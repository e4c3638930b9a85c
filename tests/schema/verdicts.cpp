// verdicts DIR: what the offline validator says of every file of a directory, one JSON object per
// line, in order of name: {"file": …, "findings": [{"level": …, "path": …, "message": …}]}.
// For mutations_test.py, which asks about a thousand files. Variables of the environment that start
// with CF_ have the values that the conformance cases expect; there are no others.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "consumer/schema/schema.h"

namespace {

std::optional<std::string> Variable(const std::string& name) {
  if (name == "CF_REGION") return "north";
  if (name == "CF_STAGE") return "blue";
  return std::nullopt;
}

nlohmann::ordered_json VerdictOn(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  nlohmann::ordered_json verdict;
  verdict["file"] = path.filename().string();
  verdict["findings"] = nlohmann::ordered_json::array();
  const schema::SchemaFile parsed = schema::Parse(text, "schema.json", Variable, {.offline = true});
  for (const schema::Finding& finding : parsed.findings()) {
    const bool error = finding.level == schema::Finding::Level::kError;
    verdict["findings"].push_back({{"level", error ? "error" : "warning"},
                                   {"path", finding.path},
                                   {"message", finding.message}});
  }
  return verdict;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: verdicts DIR\n");
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    // Messages quote the file, which may hold what is no UTF-8.
    const std::string line =
        VerdictOn(file).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    std::printf("%s\n", line.c_str());
  }
  return 0;
}
