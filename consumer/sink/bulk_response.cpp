#include "consumer/sink/bulk_response.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr size_t kReasonBytes =
    1000;  // engines quote field values; a reason must not carry a document along

struct EngineError {
  std::string type;
  std::string reason;
};

// Error types that pass by themselves whatever status comes with them: the cluster is busy,
// starting, or moving shards.
constexpr std::array<std::string_view, 27> kPassing = {
    "es_rejected_execution_exception",
    "rejected_execution_exception",
    "open_search_rejected_execution_exception",
    "opensearch_rejected_execution_exception",
    "circuit_breaking_exception",
    "unavailable_shards_exception",
    "no_shard_available_action_exception",
    "process_cluster_event_timeout_exception",
    "master_not_discovered_exception",
    "cluster_manager_not_discovered_exception",
    "not_master_exception",
    "not_cluster_manager_exception",
    "node_closed_exception",
    "node_disconnected_exception",
    "node_not_connected_exception",
    "connect_transport_exception",
    "receive_timeout_transport_exception",
    "index_primary_shard_not_allocated_exception",
    "index_shard_not_started_exception",
    "index_shard_not_recovering_exception",
    "illegal_index_shard_state_exception",
    "shard_not_found_exception",
    "shard_not_in_primary_mode_exception",
    "no_longer_primary_shard_exception",
    "retry_on_primary_exception",
    "primary_missing_action_exception",
    "timeout_exception",
};

bool Passes(int status, const EngineError& error) {
  return status == 408 || status == 429 || status == 502 || status == 503 || status == 504 ||
         std::find(kPassing.begin(), kPassing.end(), error.type) != kPassing.end();
}

bool IsBlock(const EngineError& error) { return error.type == "cluster_block_exception"; }

std::string StringAt(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Cuts without leaving half a UTF-8 character.
std::string Bounded(std::string text) {
  if (text.size() <= kReasonBytes) return text;
  size_t end = kReasonBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

EngineError ErrorIn(const Json& json) {
  const auto error = json.find("error");
  if (error == json.end()) return {};
  if (error->is_string()) return {"", error->get<std::string>()};
  if (!error->is_object()) return {};
  EngineError result{StringAt(*error, "type"), StringAt(*error, "reason")};
  const auto cause = error->find("caused_by");
  if (cause != error->end() && cause->is_object()) {
    const std::string why = StringAt(*cause, "reason");
    if (!why.empty() && result.reason.find(why) == std::string::npos) result.reason += "; " + why;
  }
  return result;
}

EngineError ErrorInBody(std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  return json.is_object() ? ErrorIn(json) : EngineError{};
}

std::string InWords(const EngineError& error) {
  if (error.type.empty()) return Bounded(error.reason.empty() ? "no reason given" : error.reason);
  return Bounded(error.type + ": " + error.reason);
}

base::Error NotAllowed(int status, const EngineError& error) {
  if (status == 401) {
    return base::Refused(fmt::format(
        "the engine does not accept our credentials (401, {}); check ELASTICSEARCH_USER and "
        "ELASTICSEARCH_PASSWORD, or ELASTICSEARCH_API_KEY, ELASTICSEARCH_BASIC_AUTH, "
        "ELASTICSEARCH_BEARER_AUTH",
        InWords(error)));
  }
  return base::Refused(fmt::format(
      "the engine does not allow this (403, {}); the user of ELASTICSEARCH_USER or "
      "ELASTICSEARCH_API_KEY needs the cluster privilege \"monitor\" and, on the document's index "
      "and on its "
      "_1, _2, … and -rejected companions, the privileges read, write, create_index, manage",
      InWords(error)));
}

base::Error IndexGone(const EngineError& error) {
  return base::Refused(fmt::format(
      "the index was deleted or closed while we were writing to it ({}); open it, or start "
      "pgsync-consumer again, which loads a deleted index anew",
      InWords(error)));
}

base::Result<model::ItemOutcome> ClassifyItem(const model::BulkItem& item, const Json& answer,
                                              std::span<const int> ignored_of_deletions) {
  using model::ItemStatus;
  const auto status_json = answer.find("status");
  if (status_json == answer.end() || !status_json->is_number_integer()) {
    return base::Fatal("an item of the engine's bulk answer has no status");
  }
  const int status = status_json->get<int>();
  const EngineError error = ErrorIn(answer);
  const bool has_error = answer.contains("error");

  if (status >= 200 && status < 300 && !has_error)
    return model::ItemOutcome{ItemStatus::kDone, status, ""};
  if (status == 404 && !has_error && item.kind == model::BulkItem::Kind::kDelete) {
    return model::ItemOutcome{ItemStatus::kDone, status, ""};
  }
  if (status == 409 && error.type.starts_with("version_conflict")) {
    return model::ItemOutcome{ItemStatus::kFresher, status, ""};
  }
  if (Passes(status, error) || (status == 403 && IsBlock(error))) {
    return model::ItemOutcome{ItemStatus::kRetry, status, InWords(error)};
  }
  if (status == 401 || status == 403) return NotAllowed(status, error);
  if (error.type == "index_not_found_exception" || error.type == "index_closed_exception") {
    return IndexGone(error);
  }
  // After everything that passes, is forbidden or is about the index: ignoring that would lose
  // deletions.
  if (item.kind == model::BulkItem::Kind::kDelete &&
      std::find(ignored_of_deletions.begin(), ignored_of_deletions.end(), status) !=
          ignored_of_deletions.end()) {
    return model::ItemOutcome{ItemStatus::kDone, status, ""};
  }
  if ((status == 400 || status == 413 || status == 422) && has_error) {
    return model::ItemOutcome{ItemStatus::kRejected, status, InWords(error)};
  }
  return base::Fatal(
      fmt::format("the engine answered an item of a bulk request with {} ({}), and it is not "
                  "known what that means for the document",
                  status, InWords(error)));
}

// Takes `words` off the front of the text, if they are there.
bool Take(std::string_view* text, std::string_view words) {
  if (!text->starts_with(words)) return false;
  text->remove_prefix(words.size());
  return true;
}

// The outcomes, if the answer says that all items succeeded and says nothing else. It does so
// nearly always, in a text without blanks; parsing that as JSON takes as long as building small
// documents.
std::optional<model::BulkOutcome> AllDone(std::string_view body,
                                          std::span<const model::BulkItem> items) {
  model::BulkOutcome outcome;
  outcome.items.resize(items.size());  // kDone
  if (!Take(&body, R"({"errors":false,"items":[)")) return std::nullopt;
  for (size_t i = 0; i < items.size(); ++i) {
    const bool deletes = items[i].kind == model::BulkItem::Kind::kDelete;
    if (i > 0 && !Take(&body, ",")) return std::nullopt;
    if (!Take(&body, deletes ? R"({"delete":{"status":)" : R"({"index":{"status":)")) {
      return std::nullopt;
    }
    int& code = outcome.items[i].code;
    if (Take(&body, "201")) {
      code = 201;
    } else if (Take(&body, "200")) {
      code = 200;
    } else if (deletes && Take(&body, "404")) {
      code = 404;
    }
    if (code == 0 || !Take(&body, "}}")) return std::nullopt;
  }
  if (body != "]}") return std::nullopt;
  return outcome;
}

}  // namespace

base::Result<model::BulkOutcome> ClassifyBulk(int status, std::string_view body,
                                              std::span<const model::BulkItem> items,
                                              std::span<const int> ignored_of_deletions) {
  if (status != 200) return ClassifyFailure(status, body);
  if (auto outcome = AllDone(body, items)) return *std::move(outcome);
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) {
    return base::Fatal(
        "the engine's answer to a bulk request is not a JSON object; is it an engine, or a proxy "
        "in front of it?");
  }
  const auto answers = json.find("items");
  if (answers == json.end() || !answers->is_array() || answers->size() != items.size()) {
    return base::Fatal(
        fmt::format("the engine answered a bulk request of {} items with {} outcomes", items.size(),
                    answers != json.end() && answers->is_array() ? answers->size() : 0));
  }
  model::BulkOutcome outcome;
  outcome.items.reserve(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    const Json& answer = (*answers)[i];
    // {"index": {…}}: exactly one key, the action we sent.
    const char* action = items[i].kind == model::BulkItem::Kind::kIndex ? "index" : "delete";
    if (!answer.is_object() || answer.size() != 1 || !answer.contains(action) ||
        !answer[action].is_object()) {
      return base::Fatal(
          fmt::format("outcome {} of the engine's bulk answer does not belong to the action \"{}\" "
                      "that was sent",
                      i, action));
    }
    auto item = ClassifyItem(items[i], answer[action], ignored_of_deletions);
    if (!item) return std::move(item).error();
    outcome.items.push_back(std::move(*item));
  }
  return outcome;
}

base::Error ClassifyFailure(int status, std::string_view body) {
  const EngineError error = ErrorInBody(body);
  if (Passes(status, error) || (status == 403 && IsBlock(error))) {
    return base::Retry(fmt::format("the engine answered {} ({})", status, InWords(error)));
  }
  if (status == 401 || status == 403) return NotAllowed(status, error);
  if (error.type == "index_not_found_exception" || error.type == "index_closed_exception") {
    return IndexGone(error);
  }
  return base::Fatal(fmt::format("the engine answered {} ({})", status, InWords(error)));
}

PartsAdvice AdviceFor(int status, std::string_view body) {
  if (status == 413) return PartsAdvice::kSplitReject;
  if (status != 400 && status != 429) return PartsAdvice::kNone;
  const std::string type = ErrorTypeOf(body);
  if (status == 400 && type == "action_request_validation_exception")
    return PartsAdvice::kSplitReject;
  if (status == 429 && type == "circuit_breaking_exception") return PartsAdvice::kSplit;
  return PartsAdvice::kNone;
}

std::string ErrorTypeOf(std::string_view body) { return ErrorInBody(body).type; }

std::string ErrorWordsOf(std::string_view body) { return InWords(ErrorInBody(body)); }

}  // namespace sink
