#include "consumer/sink/http_writer.h"

#include <algorithm>

#include <fmt/format.h>

#include "consumer/sink/bulk_response.h"

namespace sink {
namespace {

// Of the whole request, or of single items: then their queue was full for the others.
bool IsOverload(const HttpResponse& response) {
  if (response.status != 200) return response.status == 429 || response.status == 503;
  // Within a text of the answer the quotes would be escaped.
  constexpr std::string_view kKey = R"("status":)";
  const std::string_view body = response.body;
  for (size_t at = 0; (at = body.find(kKey, at)) != std::string_view::npos;) {
    at += kKey.size();
    if (at < body.size() && body[at] == ' ') ++at;
    if (body.substr(at).starts_with("429")) return true;
  }
  return false;
}

// An engine guesses the mapping of a new field from the first document that has it. When two come
// at once, 0.5 in one and 2 in the other, the guess that loses is refused with this type; a moment
// later the field is there, and the document fits.
bool MayBeLostGuess(const model::BulkItem& item, const model::ItemOutcome& outcome) {
  return item.kind == model::BulkItem::Kind::kIndex &&
         outcome.status == model::ItemStatus::kRejected &&
         outcome.reason.starts_with("illegal_argument_exception");
}

}  // namespace

base::Result<model::BulkOutcome> HttpWriter::Write(const model::BulkRequest& request) {
  model::BulkOutcome outcome;
  if (request.items.empty()) return outcome;
  const uint32_t document = request.items.front().document;
  for (const model::BulkItem& item : request.items) {
    if (item.document != document || document >= trees_.size()) {
      return base::Fatal("a bulk request mixes documents of several indices");
    }
  }
  const schema::DocumentTree& tree = trees_[document];
  std::string path = fmt::format("/{}/_bulk?{}", EscapePathPart(tree.Place()), kBulkFilter);
  if (!tree.pipeline.empty()) path += "&pipeline=" + EscapePathPart(tree.pipeline);
  if (tree.alias && tree.generation.empty() && require_alias_) path += "&require_alias=true";

  outcome.items.reserve(request.items.size());
  auto written = WriteSendable(path, request, &outcome);
  if (written) written = WriteLostGuesses(path, request, &outcome);
  if (!written) {
    return std::move(written).error().While(
        fmt::format("writing to index \"{}\" at {}", tree.Place(), client_.url()));
  }
  return outcome;
}

// Leaves out deletions that name no routing: the engine takes none without it, and copies are
// removed by RemoveOtherCopies.
base::Status HttpWriter::WriteSendable(const std::string& path, const model::BulkRequest& request,
                                       model::BulkOutcome* outcome) {
  const auto is_search = [](const model::BulkItem& item) {
    return item.any_routing && item.kind == model::BulkItem::Kind::kDelete;
  };
  for (size_t begin = 0; begin < request.items.size();) {
    size_t end = begin;
    while (end < request.items.size() && !is_search(request.items[end])) ++end;
    if (end > begin) {
      if (auto written = WritePart(path, request, begin, end, outcome); !written) return written;
    }
    for (; end < request.items.size() && is_search(request.items[end]); ++end) {
      outcome->items.emplace_back();
    }
    begin = end;
  }
  return {};
}

// Once more: what is refused again is refused for another reason.
base::Status HttpWriter::WriteLostGuesses(const std::string& path,
                                          const model::BulkRequest& request,
                                          model::BulkOutcome* outcome) {
  model::BulkRequest again;
  std::vector<size_t> places;
  for (size_t i = 0; i < request.items.size(); ++i) {
    if (!MayBeLostGuess(request.items[i], outcome->items[i])) continue;
    again.Append(request, request.items[i]);
    places.push_back(i);
  }
  if (again.items.empty()) return {};
  model::BulkOutcome second;
  auto written = WritePart(path, again, 0, again.items.size(), &second);
  if (!written) return written;
  for (size_t i = 0; i < places.size(); ++i) {
    outcome->items[places[i]] = std::move(second.items[i]);
  }
  return {};
}

base::Result<HttpResponse> HttpWriter::SendBulk(const std::string& path, std::string_view body) {
  const auto generation = gate_.Enter(deadline_);
  if (!generation) {
    return base::Retry("others have to be answered before one more request may be sent");
  }
  BulkGate::Permit permit(gate_, *generation);
  auto response = client_.Send({.method = "POST",
                                .path = path,
                                .body = body,
                                .content_type = "application/x-ndjson",
                                .deadline = deadline_});
  if (!response) {
    if (client_.timed_out()) permit.Refused();
  } else if (IsOverload(*response)) {
    permit.Refused();
    not_before = std::max(not_before, BulkGate::Clock::now() + response->retry_after);
  } else if (response->status == 200) {
    permit.Answered(body.size());
  }
  return response;
}

base::Status HttpWriter::WritePart(const std::string& path, const model::BulkRequest& request,
                                   size_t begin, size_t end, model::BulkOutcome* outcome) {
  const auto in_halves = [&]() -> base::Status {
    const size_t middle = begin + (end - begin) / 2;
    auto first = WritePart(path, request, begin, middle, outcome);
    return first ? WritePart(path, request, middle, end, outcome) : first;
  };
  const size_t start = request.items[begin].action_offset;
  const std::string_view body =
      std::string_view(request.body).substr(start, request.items[end - 1].end_offset - start);
  const bool alone = end - begin == 1;
  if (!alone && (body.size() > gate_.bytes() || end - begin > most_items_)) return in_halves();

  auto response = SendBulk(path, body);
  if (!response) return std::move(response).error();
  const PartsAdvice advice = AdviceFor(response->status, response->body);
  if (!alone && response->status == 413) gate_.TooLarge(body.size());
  if (!alone && advice != PartsAdvice::kNone) return in_halves();
  if (alone && advice == PartsAdvice::kSplitReject) {
    std::string reason = response->status == 413
                             ? fmt::format(
                                   "too_large: the engine takes no request of {} bytes "
                                   "(http.max_content_length, or a proxy's limit)",
                                   body.size())
                             : ErrorWordsOf(response->body);
    outcome->items.push_back({model::ItemStatus::kRejected, response->status, std::move(reason)});
    return {};
  }
  auto part =
      ClassifyBulk(response->status, response->body,
                   std::span(request.items).subspan(begin, end - begin), ignored_of_deletions_);
  if (!part) return std::move(part).error();
  for (model::ItemOutcome& item : part->items) outcome->items.push_back(std::move(item));
  return {};
}

}  // namespace sink
