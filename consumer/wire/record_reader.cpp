#include "consumer/wire/record_reader.h"

#include <charconv>
#include <type_traits>

#include <fmt/format.h>

#include "consumer/wire/value_text.h"

namespace wire {

using base::Lsn;
using pgsync_wire::Ext;
using pgsync_wire::Tag;

std::optional<model::Record> RecordReader::Read() {
  elements_ = ReadArray("record");
  const uint64_t tag = ReadUint("tag");
  if (!complaint_.empty()) return std::nullopt;

  std::optional<model::Record> record;
  tag_ = static_cast<Tag>(tag <= 0xff ? tag : 0);
  switch (tag_) {
    case Tag::kBegin:
      record = ReadBegin();
      break;
    case Tag::kCommit:
      record = ReadCommit();
      break;
    case Tag::kRelation:
      ReadRelation();
      break;
    case Tag::kInsert:
      record = ReadChange(model::RowChange::Kind::kInsert);
      break;
    case Tag::kUpdate:
      record = ReadChange(model::RowChange::Kind::kUpdate);
      break;
    case Tag::kDelete:
      record = ReadChange(model::RowChange::Kind::kDelete);
      break;
    case Tag::kTruncate:
      record = ReadTruncate();
      break;
    case Tag::kMessage:
      record = ReadMessage();
      break;
    case Tag::kStreamStart:
      record = ReadStreamStart();
      break;
    case Tag::kStreamStop:
      Arity(1, "stream_stop");
      record = model::StreamStop();
      break;
    case Tag::kStreamCommit:
      record = ReadStreamCommit();
      break;
    case Tag::kStreamAbort:
      record = ReadStreamAbort();
      break;
    case Tag::kSubtransaction:
      record = ReadSubtransaction();
      break;
    case Tag::kStatistics:
      record = ReadStatistics();
      break;
    default:
      Complain(fmt::format("tag {} is not a record of version {}", tag, pgsync_wire::kVersion));
  }
  if (!complaint_.empty()) return std::nullopt;
  return record;
}

model::Record RecordReader::ReadBegin() {
  Arity(4, "begin");
  model::Begin begin;
  begin.commit_lsn = Lsn{ReadUint("begin.commit_lsn")};
  begin.commit_time_us = ReadInt("begin.commit_time");
  begin.xid = ReadUint32("begin.xid");
  return begin;
}

model::Record RecordReader::ReadCommit() {
  Arity(4, "commit");
  model::Commit commit;
  commit.commit_lsn = Lsn{ReadUint("commit.commit_lsn")};
  commit.end_lsn = Lsn{ReadUint("commit.end_lsn")};
  commit.commit_time_us = ReadInt("commit.commit_time");
  return commit;
}

void RecordReader::ReadRelation() {
  Arity(6, "relation");
  auto relation = std::make_shared<model::Relation>();
  relation->id = ReadUint32("relation.relid");
  relation->schema = ReadStr("relation.schema");
  relation->table = ReadStr("relation.table");
  const std::string identity = ReadStr("relation.identity");
  if (identity != "d" && identity != "n" && identity != "f" && identity != "i") {
    Expected("relation.identity", "one of d, n, f, i");
    return;
  }
  relation->identity = identity[0];
  const uint32_t columns = ReadArray("relation.columns");
  for (uint32_t i = 0; i < columns && complaint_.empty(); ++i) {
    if (ReadArray("relation.column") != 3) Expected("relation.column", "3 elements");
    model::RelationColumn& column = relation->columns.emplace_back();
    column.name = ReadStr("relation.column.name");
    column.type_oid = ReadUint32("relation.column.type_oid");
    column.in_identity = ReadUint("relation.column.flags", 1) != 0;
  }
  if (!complaint_.empty()) return;
  const uint32_t id = relation->id;
  (*relations_)[id] = std::move(relation);
}

model::Record RecordReader::ReadChange(model::RowChange::Kind kind) {
  using Kind = model::RowChange::Kind;
  model::RowChange change;
  change.kind = kind;
  switch (kind) {
    case Kind::kInsert:
      Arity(3, "insert");
      break;
    case Kind::kUpdate:
      Arity(5, "update");
      break;
    case Kind::kDelete:
      Arity(4, "delete");
      break;
  }
  change.relation = ReadRelationId();
  if (kind != Kind::kInsert) ReadOldRow(&change);
  if (kind != Kind::kDelete) {
    change.new_row =
        ReadRow(change.relation.get(), kind == Kind::kInsert ? Row::kNew : Row::kUpdated);
  }
  return change;
}

void RecordReader::ReadOldRow(model::RowChange* change) {
  const auto kind = static_cast<pgsync_wire::OldRow>(ReadUint("old_kind", 2));
  switch (kind) {
    case pgsync_wire::OldRow::kAbsent:
      change->old_kind = model::OldRow::kAbsent;
      if (Next("old").type != Token::Type::kNil) Expected("old", "nil, because old_kind is 0");
      break;
    case pgsync_wire::OldRow::kKey:
      change->old_kind = model::OldRow::kKey;
      change->old_row = ReadRow(change->relation.get(), Row::kOldKey);
      break;
    case pgsync_wire::OldRow::kFull:
      change->old_kind = model::OldRow::kFull;
      change->old_row = ReadRow(change->relation.get(), Row::kOldFull);
      break;
  }
}

model::Record RecordReader::ReadTruncate() {
  Arity(3, "truncate");
  model::Truncate truncate;
  const uint64_t flags = ReadUint(
      "truncate.flags", pgsync_wire::kTruncateCascade | pgsync_wire::kTruncateRestartSequences);
  truncate.cascade = (flags & pgsync_wire::kTruncateCascade) != 0;
  truncate.restart_sequences = (flags & pgsync_wire::kTruncateRestartSequences) != 0;
  const uint32_t relations = ReadArray("truncate.relids");
  if (relations == 0) Expected("truncate.relids", "at least one");
  for (uint32_t i = 0; i < relations && complaint_.empty(); ++i) {
    truncate.relations.push_back(ReadRelationId());
  }
  return truncate;
}

model::Record RecordReader::ReadMessage() {
  Arity(5, "message");
  model::LogicalMessage message;
  message.transactional = ReadBool("message.transactional");
  message.lsn = Lsn{ReadUint("message.lsn")};
  message.prefix = ReadStr("message.prefix");
  const Token& content = Next("message.content");
  if (content.type == Token::Type::kBin) {
    message.content = content.View();
  } else {
    Expected("message.content", "a bin");
  }
  return message;
}

model::Record RecordReader::ReadStreamStart() {
  Arity(3, "stream_start");
  model::StreamStart start;
  start.xid = ReadUint32("stream_start.xid");
  start.first = ReadBool("stream_start.first");
  return start;
}

model::Record RecordReader::ReadStreamCommit() {
  Arity(5, "stream_commit");
  model::StreamCommit commit;
  commit.xid = ReadUint32("stream_commit.xid");
  commit.commit_lsn = Lsn{ReadUint("stream_commit.commit_lsn")};
  commit.end_lsn = Lsn{ReadUint("stream_commit.end_lsn")};
  commit.commit_time_us = ReadInt("stream_commit.commit_time");
  return commit;
}

model::Record RecordReader::ReadStreamAbort() {
  Arity(3, "stream_abort");
  model::StreamAbort abort;
  abort.xid = ReadUint32("stream_abort.xid");
  abort.subxid = ReadUint32("stream_abort.subxid");
  return abort;
}

model::Record RecordReader::ReadSubtransaction() {
  Arity(2, "subtransaction");
  return model::Subtransaction{ReadUint32("subtransaction.subxid")};
}

model::Record RecordReader::ReadStatistics() {
  Arity(2, "statistics");
  model::Statistics statistics;
  const uint32_t relations = ReadArray("statistics.counters");
  for (uint32_t i = 0; i < relations && complaint_.empty(); ++i) {
    if (ReadArray("counters") != 6) Expected("counters", "6 elements");
    model::Counters& counters = statistics.relations.emplace_back();
    counters.relid = ReadUint32("counters.relid");
    counters.decoded = ReadUint("counters.decoded");
    counters.filtered = ReadUint("counters.filtered");
    counters.suppressed = ReadUint("counters.suppressed");
    counters.sent = ReadUint("counters.sent");
    counters.bytes = ReadUint("counters.bytes");
    if (!complaint_.empty()) break;
    // The plugin names them in order, each once.
    if (i > 0 && statistics.relations[i - 1].relid >= counters.relid) {
      Expected("counters.relid", "a larger one than before");
    }
    // Rows that were only dropped come from tables that nobody described.
    const auto known = relations_->find(counters.relid);
    if (known != relations_->end()) counters.relation = known->second;
  }
  return statistics;
}

std::vector<model::Value> RecordReader::ReadRow(const model::Relation* relation, Row row) {
  std::vector<model::Value> values;
  const uint32_t count = ReadArray("row");
  if (!complaint_.empty()) return values;
  // The relation is ours and bounds the allocation; the frame's claim is only compared with it.
  if (count != relation->columns.size()) {
    Complain(fmt::format("row of {}.{}: {} values, but the relation has {} columns",
                         relation->schema, relation->table, count, relation->columns.size()));
    return values;
  }
  values.resize(count);
  for (model::Value& value : values) ReadValue(row, &value);
  return values;
}

void RecordReader::ReadValue(Row row, model::Value* value) {
  const Token& token = Next("value");
  value->kind = model::Value::Kind::kText;
  char digits[24];
  switch (token.type) {
    case Token::Type::kNil:
      value->kind = model::Value::Kind::kNull;
      break;
    case Token::Type::kBool:
      value->text = token.u != 0 ? "true" : "false";
      break;
    case Token::Type::kUint:
      value->text.assign(digits, std::to_chars(digits, digits + sizeof digits, token.u).ptr);
      break;
    case Token::Type::kInt:
      value->text.assign(digits, std::to_chars(digits, digits + sizeof digits, token.i).ptr);
      break;
    case Token::Type::kFloat:
      value->text = FloatText(token.f);
      break;
    case Token::Type::kDouble:
      value->text = FloatText(token.d);
      break;
    case Token::Type::kStr:
      value->text = token.View();
      break;
    case Token::Type::kExt:
      ReadExtValue(token, row, value);
      break;
    case Token::Type::kBin:
    case Token::Type::kArray:
      Expected("value", "nil, a boolean, a number, a str or an extension");
  }
}

// Reads `Integer` big endian. REQUIRES: as many bytes.
template <typename Integer>
Integer BigEndian(std::string_view bytes) {
  std::make_unsigned_t<Integer> number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return static_cast<Integer>(number);
}

void RecordReader::ReadExtValue(const Token& token, Row row, model::Value* value) {
  const std::string_view bytes = token.View();
  const auto sized = [&](size_t size) {
    if (bytes.size() == size) return true;
    Complain(
        fmt::format("value: extension {} of {} bytes, expected {}", token.ext, bytes.size(), size));
    return false;
  };
  const auto mark = [&](model::Value::Kind kind, bool allowed) {
    if (!sized(1)) return;
    if (bytes[0] != 0 || !allowed) {
      Complain(fmt::format("value: extension {} does not belong into this row", token.ext));
    }
    value->kind = kind;
  };
  switch (static_cast<Ext>(token.ext)) {
    case Ext::kUnchanged:
      return mark(model::Value::Kind::kUnchanged, row == Row::kUpdated);
    case Ext::kMissing:
      return mark(model::Value::Kind::kMissing, row == Row::kOldKey);
    case Ext::kUuid:
      if (sized(16)) value->text = UuidText(bytes);
      return;
    case Ext::kDate:
      if (sized(4)) value->text = DateText(BigEndian<int32_t>(bytes));
      return;
    case Ext::kTimestamp:
      if (sized(8)) value->text = TimestampText(BigEndian<int64_t>(bytes), "");
      return;
    case Ext::kTimestampTz:
      if (sized(8)) value->text = TimestampText(BigEndian<int64_t>(bytes), "+00");
      return;
    case Ext::kRawText:
      value->text = bytes;
      return;
  }
  Complain(fmt::format("value: extension type {} is not one of version {}", token.ext,
                       pgsync_wire::kVersion));
}

const Token& RecordReader::Next(const char* what) {
  static const Token kNothing{};
  if (!complaint_.empty()) return kNothing;
  if (next_ == tokens_.size()) {
    Expected(what, "one more element");
    return kNothing;
  }
  return tokens_[next_++];
}

uint64_t RecordReader::ReadUint(const char* what, uint64_t most) {
  const Token& token = Next(what);
  if (token.type != Token::Type::kUint || token.u > most) {
    Expected(what, most == UINT64_MAX ? "an unsigned integer" : "a smaller unsigned integer");
    return 0;
  }
  return token.u;
}

bool RecordReader::ReadBool(const char* what) {
  const Token& token = Next(what);
  if (token.type == Token::Type::kBool) return token.u != 0;
  Expected(what, "a boolean");
  return false;
}

int64_t RecordReader::ReadInt(const char* what) {
  const Token& token = Next(what);
  if (token.type == Token::Type::kInt) return token.i;
  if (token.type == Token::Type::kUint && token.u <= INT64_MAX) {
    return static_cast<int64_t>(token.u);
  }
  Expected(what, "a 64 bit integer");
  return 0;
}

std::string RecordReader::ReadStr(const char* what) {
  const Token& token = Next(what);
  if (token.type == Token::Type::kStr) return std::string(token.View());
  Expected(what, "a str");
  return "";
}

uint32_t RecordReader::ReadArray(const char* what) {
  const Token& token = Next(what);
  if (token.type == Token::Type::kArray) return token.size;
  Expected(what, "an array");
  return 0;
}

std::shared_ptr<const model::Relation> RecordReader::ReadRelationId() {
  const auto id = ReadUint32("relid");
  if (!complaint_.empty()) return nullptr;
  const auto found = relations_->find(id);
  if (found == relations_->end()) {
    Complain(fmt::format("relid {} without a relation record before it", id));
    return nullptr;
  }
  return found->second;
}

void RecordReader::Arity(uint32_t elements, const char* record) {
  if (elements_ == elements) return;
  Complain(fmt::format("{}: {} elements, expected {}", record, elements_, elements));
}

}  // namespace wire
