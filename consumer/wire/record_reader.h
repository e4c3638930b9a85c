// RecordReader: the tokens of one record -> model::Record, strictly by the grammar of
// decoder/WIRE_FORMAT.md. Which record may come where is decode.cpp's business.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "consumer/model/row_change.h"
#include "consumer/wire/tokens.h"
#include "decoder/wire_format.h"

namespace wire {

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
  // What it is. REQUIRES: Read found nothing to complain about.
  pgsync_wire::Tag tag() const { return tag_; }

 private:
  enum class Row { kNew, kUpdated, kOldKey, kOldFull };

  model::Record ReadBegin();
  model::Record ReadCommit();
  void ReadRelation();
  model::Record ReadChange(model::RowChange::Kind kind);
  model::Record ReadTruncate();
  model::Record ReadMessage();
  model::Record ReadStreamStart();
  model::Record ReadStreamCommit();
  model::Record ReadStreamAbort();
  model::Record ReadSubtransaction();
  model::Record ReadStatistics();

  void ReadOldRow(model::RowChange* change);
  std::vector<model::Value> ReadRow(const model::Relation* relation, Row row);
  void ReadValue(Row row, model::Value* value);
  void ReadExtValue(const Token& token, Row row, model::Value* value);

  // One element of the record each; `what` names it as WIRE_FORMAT.md does.
  const Token& Next(const char* what);
  uint64_t ReadUint(const char* what, uint64_t most = std::numeric_limits<uint64_t>::max());
  uint32_t ReadUint32(const char* what) {
    return static_cast<uint32_t>(ReadUint(what, std::numeric_limits<uint32_t>::max()));
  }
  bool ReadBool(const char* what);
  int64_t ReadInt(const char* what);
  std::string ReadStr(const char* what);
  uint32_t ReadArray(const char* what);
  std::shared_ptr<const model::Relation> ReadRelationId();
  void Arity(uint32_t elements, const char* record);

  void Complain(std::string text) {
    if (complaint_.empty()) complaint_ = std::move(text);
  }
  void Expected(const char* what, const char* type) {
    if (complaint_.empty()) Complain(std::string(what) + ": expected " + type);
  }

  const std::vector<Token>& tokens_;
  Relations* relations_;
  size_t next_ = 0;
  uint32_t elements_ = 0;  // of the record
  pgsync_wire::Tag tag_{};
  std::string complaint_;
};

}  // namespace wire
