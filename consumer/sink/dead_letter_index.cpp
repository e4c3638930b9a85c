#include "consumer/sink/dead_letter_index.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "consumer/base/json_text.h"
#include "consumer/sink/bulk_response.h"
#include "consumer/sink/http_writer.h"

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
    *body += fmt::format(R"({{"left_out_bytes":{}}})", letter.document.size());
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

// Stores one letter, or returns false when the engine refuses it in this form.
base::Result<bool> StoreOne(HttpClient& client, const std::string& path, const Rejected& letter,
                            Form form, const std::string& at) {
  std::string body;
  AppendLetter(letter, form, at, &body);
  auto response = client.Send(
      {.method = "POST", .path = path, .body = body, .content_type = "application/x-ndjson"});
  if (!response) return std::move(response).error();
  if (AdviceFor(response->status, response->body) == PartsAdvice::kSplitReject) return false;
  const model::BulkItem item;
  auto outcome = ClassifyBulk(response->status, response->body, std::span(&item, 1));
  if (!outcome) return std::move(outcome).error();
  switch (outcome->items[0].status) {
    case model::ItemStatus::kDone:
    case model::ItemStatus::kFresher:
      return true;
    case model::ItemStatus::kRetry:
      return base::Retry(outcome->items[0].reason);
    case model::ItemStatus::kRejected:
      return false;
  }
  return false;
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
  // One request per letter: letters are rare, and one that is too large must not hold up the
  // others.
  for (const Rejected& letter : rejected) {
    bool stored = false;
    for (const Form form : {Form::kAsIs, Form::kAsText, Form::kLeftOut}) {
      auto result = StoreOne(client, path, letter, form, at);
      if (!result) return std::move(result).error();
      stored = *result;
      if (stored) break;
    }
    if (!stored) {
      return base::Fatal(
          fmt::format("index \"{}\" takes no dead letters; was its mapping changed? Delete it, "
                      "and it is made again",
                      DeadLetterIndex(index)));
    }
  }
  return {};
}

}  // namespace sink
