#include "consumer/wire/record_order.h"

#include <variant>

#include <fmt/format.h>

namespace wire {

using pgsync_wire::Tag;

std::string RecordOrder::Take(Tag tag, const model::Record* record) {
  const bool of_streaming = tag >= Tag::kStreamStart && tag <= Tag::kSubtransaction;
  if ((of_streaming && !asked_.streaming) || (tag == Tag::kStatistics && !asked_.statistics)) {
    return fmt::format("tag {} belongs to an option that was not asked for", static_cast<int>(tag));
  }
  switch (tag) {
    case Tag::kRelation:
    case Tag::kInsert:
    case Tag::kUpdate:
    case Tag::kDelete:
    case Tag::kTruncate:
      return place_ == Place::kBetween ? Wrong("a change") : "";
    case Tag::kMessage: {
      const bool transactional = std::get<model::LogicalMessage>(*record).transactional;
      if (transactional == (place_ != Place::kBetween)) return "";
      return Wrong(transactional ? "a transactional message" : "a non-transactional message");
    }
    case Tag::kCommit:
      if (place_ != Place::kInTransaction) return Wrong("commit");
      place_ = Place::kBetween;
      return "";
    case Tag::kStreamStop:
      if (place_ != Place::kInBlock) return Wrong("stream_stop");
      place_ = Place::kBetween;
      return "";
    case Tag::kSubtransaction:
      return place_ == Place::kInBlock ? "" : Wrong("subtransaction");
    case Tag::kBegin:
    case Tag::kStreamStart:
    case Tag::kStreamCommit:
    case Tag::kStreamAbort:
    case Tag::kStatistics:
      break;
  }
  return TakeBetween(tag, *record);
}

// Those that stand between transactions, or begin one.
std::string RecordOrder::TakeBetween(Tag tag, const model::Record& record) {
  if (place_ != Place::kBetween) {
    switch (tag) {
      case Tag::kBegin:
        return Wrong("begin");
      case Tag::kStreamStart:
        return Wrong("stream_start");
      case Tag::kStreamCommit:
        return Wrong("stream_commit");
      case Tag::kStreamAbort:
        return Wrong("stream_abort");
      default:
        return Wrong("statistics");
    }
  }
  if (tag == Tag::kBegin) {
    place_ = Place::kInTransaction;
  } else if (const auto* start = std::get_if<model::StreamStart>(&record)) {
    return TakeStreamStart(*start);
  } else if (const auto* commit = std::get_if<model::StreamCommit>(&record)) {
    return End(commit->xid, true);
  } else if (const auto* abort = std::get_if<model::StreamAbort>(&record)) {
    return End(abort->xid, abort->subxid == abort->xid);
  }
  return "";
}

std::string RecordOrder::TakeStreamStart(const model::StreamStart& start) {
  if (start.first != open_.insert(start.xid).second) {
    return fmt::format("stream_start: transaction {} {}", start.xid,
                       start.first ? "was begun before" : "was not begun, or has ended");
  }
  place_ = Place::kInBlock;
  return "";
}

std::string RecordOrder::End(uint32_t xid, bool wholly) {
  if (open_.find(xid) == open_.end()) {
    return fmt::format("end of transaction {}, of which no block came", xid);
  }
  if (wholly) open_.erase(xid);
  return "";
}

std::string RecordOrder::Wrong(const char* what) const {
  static constexpr const char* kPlaces[] = {"between transactions", "in a transaction",
                                            "in a block of a transaction in progress"};
  return fmt::format("{} {}", what, kPlaces[static_cast<size_t>(place_)]);
}

}  // namespace wire
