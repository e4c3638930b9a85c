#include "consumer/wire/decode.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "consumer/wire/tokens.h"
#include "consumer/wire/value_text.h"
#include "decoder/wire_format.h"

namespace wire {

using base::Lsn;
using pgsync_wire::Ext;
using pgsync_wire::Tag;

// Reads the tokens of one record in order. The first thing that is not as expected is kept as
// `complaint`, and everything read after it is empty, so that a record's reader can be written
// straight down and checked once at its end.
class RecordReader {
 public:
  using Relations = std::unordered_map<uint32_t, std::shared_ptr<const model::Relation>>;

  RecordReader(const std::vector<Token>& tokens, Relations* relations)
      : tokens_(tokens), relations_(relations) {}

  // Returns the record, or nothing for a relation record; then, and when it is wrong, look at
  // complaint().
  std::optional<model::Record> Read();
  const std::string& complaint() const { return complaint_; }

 private:
  enum class Row { kNew, kUpdated, kOldKey, kOldFull };

  model::Record ReadBegin();
  model::Record ReadCommit();
  void ReadRelation();
  model::Record ReadChange(model::RowChange::Kind kind);
  model::Record ReadTruncate();
  model::Record ReadMessage();

  void ReadOldRow(model::RowChange* change);
  std::vector<model::Value> ReadRow(const model::Relation* relation, Row row);
  void ReadValue(Row row, model::Value* value);
  void ReadExtValue(const Token& token, Row row, model::Value* value);

  // One element of the record each; `what` names it as WIRE_FORMAT.md does.
  const Token& Next(const char* what);
  uint64_t ReadUint(const char* what, uint64_t most = std::numeric_limits<uint64_t>::max());
  int64_t ReadInt(const char* what);
  std::string ReadStr(const char* what);
  uint32_t ReadArray(const char* what);
  std::shared_ptr<const model::Relation> ReadRelationId();
  void Arity(uint32_t elements, const char* record);

  void Complain(std::string text) {
    if (complaint_.empty()) complaint_ = std::move(text);
  }
  void Expected(const char* what, const char* type) {
    if (complaint_.empty()) Complain(fmt::format("{}: expected {}", what, type));
  }

  const std::vector<Token>& tokens_;
  Relations* relations_;
  size_t next_ = 0;
  uint32_t elements_ = 0;  // of the record
  std::string complaint_;
};

base::Result<std::vector<model::Record>> Decoder::Decode(std::string_view frame) {
  const auto wrong = [&](size_t offset, std::string_view what) {
    return base::Fatal(fmt::format("frame of {} bytes from the pgsync plugin, byte {}: {}",
                                   frame.size(), offset, what));
  };
  if (frame.empty()) return wrong(0, "expected the version, found nothing");
  if (const auto version = static_cast<uint8_t>(frame[0]); version != pgsync_wire::kVersion) {
    return wrong(0, fmt::format("version {} of the wire format, this consumer speaks {}: install "
                                "plugin and consumer of the same release",
                                version, pgsync_wire::kVersion));
  }
  if (frame.size() == 1) return wrong(1, "expected a record, found the end");

  std::vector<model::Record> records;
  size_t offset = 1;
  while (offset < frame.size()) {
    const size_t start = offset;
    if (const std::string_view what = Tokenize(frame, &offset, &tokens_); !what.empty()) {
      return wrong(start, fmt::format("in the record that starts here: {}", what));
    }
    RecordReader reader(tokens_, &relations_);
    auto record = reader.Read();
    if (!reader.complaint().empty()) return wrong(start, reader.complaint());
    if (record) records.push_back(*std::move(record));
  }
  return records;
}

std::optional<model::Record> RecordReader::Read() {
  elements_ = ReadArray("record");
  const uint64_t tag = ReadUint("tag");
  if (!complaint_.empty()) return std::nullopt;

  std::optional<model::Record> record;
  switch (static_cast<Tag>(tag <= 0xff ? tag : 0)) {
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
  begin.xid = static_cast<uint32_t>(ReadUint("begin.xid", UINT32_MAX));
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
  relation->id = static_cast<uint32_t>(ReadUint("relation.relid", UINT32_MAX));
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
    column.type_oid = static_cast<uint32_t>(ReadUint("relation.column.type_oid", UINT32_MAX));
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
  const Token& transactional = Next("message.transactional");
  if (transactional.type != Token::Type::kBool) Expected("message.transactional", "a boolean");
  message.transactional = transactional.type == Token::Type::kBool && transactional.u != 0;
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
  static const Token kNothing;
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
  const auto id = static_cast<uint32_t>(ReadUint("relid", UINT32_MAX));
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
