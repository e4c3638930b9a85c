#include "consumer/sink/http_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "consumer/sink/bulk_response.h"
#include "consumer/sink/dead_letter_index.h"
#include "consumer/sink/search.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr size_t kIdsPerSearch = 200;

StoredDocument DocumentOf(const Json& hit, bool with_body) {
  StoredDocument document;
  document.id = hit.at("_id").get<std::string>();
  document.routing = hit.value("_routing", "");
  document.version = hit.at("_version").get<uint64_t>();
  if (with_body) document.body = hit.at("_source").dump();
  return document;
}

// The engine's name of a letter, and which writing of it: behind the last colons two numbers.
std::string TagOf(const Json& hit) {
  return fmt::format("{}:{}:{}", hit.at("_id").get<std::string>(),
                     hit.at("_seq_no").get<uint64_t>(), hit.at("_primary_term").get<uint64_t>());
}

DeadLetter LetterOf(const Json& hit) {
  const Json& source = hit.at("_source");
  DeadLetter letter;
  letter.id = source.value("id", "");
  letter.reason = source.value("reason", "");
  letter.lsn = source.value("lsn", "");
  letter.version = source.value("version", uint64_t{0});
  letter.at = source.contains("at") ? source["at"].dump() : "";
  letter.document = source.contains("document") ? source["document"].dump() : "";
  letter.tag = TagOf(hit);
  return letter;
}

}  // namespace

base::Status HttpReader::Documents(const std::vector<std::string>& ids,
                                   const std::function<base::Status(StoredDocument)>& see) {
  if (auto refreshed = Refresh(client_, index_); !refreshed) return refreshed;
  std::span<const std::string> left(ids);
  while (!left.empty()) {
    const auto some = left.first(std::min(left.size(), kIdsPerSearch));
    left = left.subspan(some.size());
    const Json body = {{"version", true}, {"query", {{"ids", {{"values", some}}}}}};
    auto seen = ScrollAll(client_, index_, body,
                          [&](const Json& hit) { return see(DocumentOf(hit, true)); });
    if (!seen) return seen;
  }
  return {};
}

base::Status HttpReader::Ids(const std::function<base::Status(StoredDocument)>& see) {
  if (auto refreshed = Refresh(client_, index_); !refreshed) return refreshed;
  const Json body = {
      {"version", true}, {"_source", false}, {"query", {{"match_all", Json::object()}}}};
  return ScrollAll(client_, index_, body,
                   [&](const Json& hit) { return see(DocumentOf(hit, false)); });
}

base::Status HttpReader::Delete(const std::string& path) {
  auto response = client_.Send({.method = "DELETE", .path = path});
  if (!response) return std::move(response).error();
  // 404: it is gone. 409: something newer came, and stays.
  const bool fine = response->status == 200 || response->status == 404 || response->status == 409;
  return fine ? base::Status() : ClassifyFailure(response->status, response->body);
}

base::Status HttpReader::Remove(const StoredDocument& document, uint64_t version) {
  std::string path =
      fmt::format("/{}/_doc/{}?", EscapePathPart(index_), EscapePathPart(document.id));
  if (!document.routing.empty()) path += "routing=" + EscapePathPart(document.routing) + "&";
  if (version > 0) path += fmt::format("version={}&version_type=external_gte", version);
  return Delete(path);
}

base::Status HttpReader::DeadLetters(const std::function<base::Status(DeadLetter)>& see) {
  const std::string index = DeadLetterIndex(index_);
  auto refreshed =
      client_.Send({.method = "POST", .path = "/" + EscapePathPart(index) + "/_refresh"});
  if (!refreshed) return std::move(refreshed).error();
  if (refreshed->status == 404) return {};  // made with the first letter
  if (refreshed->status != 200) return ClassifyFailure(refreshed->status, refreshed->body);
  const Json body = {{"seq_no_primary_term", true}, {"query", {{"match_all", Json::object()}}}};
  return ScrollAll(client_, index, body, [&](const Json& hit) { return see(LetterOf(hit)); });
}

base::Status HttpReader::RemoveDeadLetter(const DeadLetter& letter) {
  const size_t term = letter.tag.rfind(':'), number = letter.tag.rfind(':', term - 1);
  return Delete(fmt::format(
      "/{}/_doc/{}?if_seq_no={}&if_primary_term={}", EscapePathPart(DeadLetterIndex(index_)),
      EscapePathPart(letter.tag.substr(0, number)),
      letter.tag.substr(number + 1, term - number - 1), letter.tag.substr(term + 1)));
}

}  // namespace sink
