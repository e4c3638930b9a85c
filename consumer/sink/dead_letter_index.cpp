#include "consumer/sink/dead_letter_index.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <span>

#include "consumer/base/json_text.h"
#include "consumer/sink/bulk_response.h"
#include "consumer/sink/http_writer.h"
#include "consumer/sink/search.h"

namespace sink {
namespace {

constexpr char kIndexBody[] = R"({"mappings": {"dynamic": false, "properties": {
  "document": {"type": "object", "enabled": false},
  "reason": {"type": "text"},
  "id": {"type": "keyword", "ignore_above": 8191},
  "version": {"type": "long"},
  "lsn": {"type": "keyword"},
  "at": {"type": "date"}}}})";

constexpr size_t kMostIdBytes = 512;  // the engines' limit for _id
constexpr size_t kRequestBytes = 1 << 20;

// How much of the document a letter carries. What even the dead letters cannot hold in one form is
// tried in the next.
enum class Form { kAsIs, kAsText, kLeftOut };

std::string Now() {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return std::to_string(ms.count());  // the type "date" takes milliseconds
}

// The same document has the same letter. An id that no engine takes (it may be why we are here) is
// hashed, FNV-1a.
std::string LetterId(const std::string& id) {
  if (!id.empty() && id.size() <= kMostIdBytes) return id;
  uint64_t hash = 14695981039346656037u;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return fmt::format("hash-{:016x}", hash);
}

void AppendLetter(const Rejected& letter, Form form, const std::string& at, std::string* body) {
  *body += R"({"index":{"_id":)";
  base::AppendJsonString(LetterId(letter.id), body);
  *body += "}}\n{\"id\":";
  base::AppendJsonString(letter.id, body);
  *body += ",\"reason\":";
  base::AppendJsonString(letter.reason, body);
  *body += fmt::format(R"(,"lsn":"{}","version":{},"at":{},"document":)",
                       base::ToString(letter.lsn), letter.version, at);
  if (form == Form::kAsIs && nlohmann::json::accept(letter.document)) {
    *body += letter.document;
  } else if (form == Form::kLeftOut) {
    *body += LeftOut(letter);
  } else {
    base::AppendJsonString(letter.document, body);
  }
  *body += "}\n";
}

base::Status CreateIndex(HttpClient& client, const std::string& path) {
  auto response = client.Send({.method = "PUT", .path = path, .body = kIndexBody});
  if (!response) return std::move(response).error();
  if (response->status == 200) return {};
  if (ErrorTypeOf(response->body) == "resource_already_exists_exception") return {};
  return ClassifyFailure(response->status, response->body);
}

using Letters = std::span<const Rejected* const>;

// Stores letters in one form, and collects those that the engine refuses in it.
base::Status StoreTogether(HttpClient& client, const std::string& path, Letters letters, Form form,
                           const std::string& at, std::vector<const Rejected*>* refused) {
  std::string body;
  for (const Rejected* letter : letters) AppendLetter(*letter, form, at, &body);
  auto response = client.Send(
      {.method = "POST", .path = path, .body = body, .content_type = "application/x-ndjson"});
  if (!response) return std::move(response).error();
  const PartsAdvice advice = AdviceFor(response->status, response->body);
  if (letters.size() > 1 && advice != PartsAdvice::kNone) {
    const size_t half = letters.size() / 2;
    auto first = StoreTogether(client, path, letters.first(half), form, at, refused);
    return first ? StoreTogether(client, path, letters.subspan(half), form, at, refused) : first;
  }
  if (advice == PartsAdvice::kSplitReject) {
    refused->push_back(letters[0]);
    return {};
  }
  const std::vector<model::BulkItem> items(letters.size());
  auto outcome = ClassifyBulk(response->status, response->body, items);
  if (!outcome) return std::move(outcome).error();
  for (size_t i = 0; i < letters.size(); ++i) {
    const model::ItemOutcome& item = outcome->items[i];
    if (item.status == model::ItemStatus::kRetry) return base::Retry(item.reason);
    if (item.status == model::ItemStatus::kRejected) refused->push_back(letters[i]);
  }
  return {};
}

// In requests of about kRequestBytes.
base::Status StoreAll(HttpClient& client, const std::string& path, Letters letters, Form form,
                      const std::string& at, std::vector<const Rejected*>* refused) {
  while (!letters.empty()) {
    size_t count = 0;
    for (size_t bytes = 0; count < letters.size() && bytes < kRequestBytes; ++count) {
      bytes += letters[count]->document.size() + letters[count]->reason.size();
    }
    auto stored = StoreTogether(client, path, letters.first(count), form, at, refused);
    if (!stored) return stored;
    letters = letters.subspan(count);
  }
  return {};
}

}  // namespace

std::string DeadLetterIndex(const std::string& index) { return index + "-rejected"; }

base::Status StoreDeadLetters(HttpClient& client, const std::string& index,
                              const std::vector<Rejected>& rejected) {
  const std::string name = "/" + EscapePathPart(DeadLetterIndex(index));
  auto created = CreateIndex(client, name);
  if (!created) return created;
  const std::string path = fmt::format("{}/_bulk?{}", name, kBulkFilter);
  const std::string at = Now();
  std::vector<const Rejected*> left;
  for (const Rejected& letter : rejected) left.push_back(&letter);
  for (const Form form : {Form::kAsIs, Form::kAsText, Form::kLeftOut}) {
    std::vector<const Rejected*> refused;
    auto stored = StoreAll(client, path, left, form, at, &refused);
    if (!stored) return stored;
    left = std::move(refused);
  }
  if (!left.empty()) {
    return base::Fatal(fmt::format(
        "index \"{}\" takes no dead letters; was its mapping changed? Delete it, and it "
        "is made again",
        DeadLetterIndex(index)));
  }
  return {};
}

base::Result<std::set<std::string>> RefusedSince(HttpClient& client, const std::string& index,
                                                 const std::vector<std::string>& ids,
                                                 uint64_t version) {
  std::set<std::string> refused;
  if (ids.empty()) return refused;
  nlohmann::json body = {{"ids", nlohmann::json::array()}};
  for (const std::string& id : ids) body["ids"].push_back(LetterId(id));
  const std::string text = body.dump();
  auto response = client.Send({.method = "POST",
                               .path = fmt::format("/{}/_mget?_source_includes=id,version",
                                                   EscapePathPart(DeadLetterIndex(index))),
                               .body = text});
  if (!response) return std::move(response).error();
  if (response->status == 404) return refused;  // nothing was ever refused
  if (response->status != 200) return ClassifyFailure(response->status, response->body);
  const auto answer = nlohmann::json::parse(response->body, nullptr, false);
  try {
    for (const auto& letter : answer.at("docs")) {
      if (!letter.value("found", false)) continue;
      const auto& source = letter.at("_source");
      if (source.at("version").get<uint64_t>() >= version) {
        refused.insert(source.at("id").get<std::string>());
      }
    }
  } catch (const nlohmann::json::exception& e) {
    return NotUnderstood(e);
  }
  return refused;
}

}  // namespace sink
