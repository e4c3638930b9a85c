// pgsync_decode(bytea) -> setof jsonb: a frame made readable, one jsonb object per record, for
// psql, regress tests and support. It is the third reading of WIRE_FORMAT.md beside encoder.h and
// the consumer's wire/, and strict: bytes that the format does not allow are an ERROR naming the
// position. It needs no relation records: rows are arrays in column order.
//
// Values: null, booleans, numbers and strings as themselves; {"uuid": …}, {"date": …},
// {"timestamp": …}, {"timestamptz": …},
// {"float": "NaN"}, {"raw": "\\x…"}, {"unchanged": true}, {"missing": true}.
#include "decoder/frame_reader.h"
#include "decoder/wire_format.h"

// After the pure headers:
#include "decoder/pg.h"

#include <cmath>

namespace pgsync {
namespace {

using pgsync_wire::Ext;
using pgsync_wire::FrameReader;
using pgsync_wire::OldRow;
using pgsync_wire::Tag;
using pgsync_wire::Token;

using Kind = Token::Kind;

// Reads one frame and writes its records as JSON text.
class FrameToJson {
 public:
  FrameToJson(std::string_view frame, StringInfo out) : reader_(frame), out_(out) {}

  void Version() {
    const uint64_t version = Natural("the version");
    if (version != pgsync_wire::kVersion) Fail("unknown version");
    if (reader_.AtEnd()) Fail("a frame without records");
  }

  // Writes the next record's object to `out`. Returns false at the end of the frame.
  bool Record() {
    if (reader_.AtEnd()) return false;
    const uint32_t elements = Array("a record");
    if (elements == 0) Fail("an empty record");
    const uint64_t tag = Natural("a record's tag");
    resetStringInfo(out_);
    switch (static_cast<Tag>(tag > 255 ? 0 : tag)) {
      case Tag::kBegin:
        Head("begin", elements, 4);
        Member("commit_lsn", &FrameToJson::Lsn);
        Member("commit_time", &FrameToJson::CommitTime);
        Member("xid", &FrameToJson::Number);
        break;
      case Tag::kCommit:
        Head("commit", elements, 4);
        Member("commit_lsn", &FrameToJson::Lsn);
        Member("end_lsn", &FrameToJson::Lsn);
        Member("commit_time", &FrameToJson::CommitTime);
        break;
      case Tag::kRelation:
        Head("relation", elements, 6);
        Member("relid", &FrameToJson::Number);
        Member("schema", &FrameToJson::String);
        Member("table", &FrameToJson::String);
        Member("identity", &FrameToJson::String);
        Member("columns", &FrameToJson::Columns);
        break;
      case Tag::kInsert:
        Head("insert", elements, 3);
        Member("relid", &FrameToJson::Number);
        Member("row", &FrameToJson::Row);
        break;
      case Tag::kUpdate:
        Head("update", elements, 5);
        Member("relid", &FrameToJson::Number);
        OldRowMembers();
        Member("row", &FrameToJson::Row);
        break;
      case Tag::kDelete:
        Head("delete", elements, 4);
        Member("relid", &FrameToJson::Number);
        OldRowMembers();
        break;
      case Tag::kTruncate:
        Head("truncate", elements, 3);
        Member("flags", &FrameToJson::Number);
        Member("relids", &FrameToJson::Relids);
        break;
      case Tag::kMessage:
        Head("message", elements, 5);
        Member("transactional", &FrameToJson::Bool);
        Member("lsn", &FrameToJson::Lsn);
        Member("prefix", &FrameToJson::String);
        Member("content", &FrameToJson::Content);
        break;
      case Tag::kStreamStart:
        Head("stream_start", elements, 3);
        Member("xid", &FrameToJson::Number);
        Member("first", &FrameToJson::Bool);
        break;
      case Tag::kStreamStop:
        Head("stream_stop", elements, 1);
        break;
      case Tag::kStreamCommit:
        Head("stream_commit", elements, 5);
        Member("xid", &FrameToJson::Number);
        Member("commit_lsn", &FrameToJson::Lsn);
        Member("end_lsn", &FrameToJson::Lsn);
        Member("commit_time", &FrameToJson::CommitTime);
        break;
      case Tag::kStreamAbort:
        Head("stream_abort", elements, 3);
        Member("xid", &FrameToJson::Number);
        Member("subxid", &FrameToJson::Number);
        break;
      case Tag::kSubtransaction:
        Head("subtransaction", elements, 2);
        Member("subxid", &FrameToJson::Number);
        break;
      case Tag::kStatistics:
        Head("statistics", elements, 2);
        Member("relations", &FrameToJson::AllCounters);
        break;
      default:
        Fail("unknown record tag");
    }
    appendStringInfoChar(out_, '}');
    return true;
  }

 private:
  using Writer = void (FrameToJson::*)();

  [[noreturn]] void Fail(const char* what) {
    ereport(ERROR,
            (errcode(ERRCODE_DATA_CORRUPTED),
             errmsg("not a frame of pgsync: %s at byte %zu", what, reader_.Position()),
             errhint("pgsync_decode takes one whole message of the output plugin, wire version %d.",
                     pgsync_wire::kVersion)));
  }

  Token Next() {
    Token token;
    if (!reader_.Next(&token)) Fail(reader_.problem());
    return token;
  }

  Token Expect(Kind kind, const char* what) {
    const Token token = Next();
    if (token.kind != kind) Fail(psprintf("wrong type of %s", what));
    return token;
  }

  uint64_t Natural(const char* what) { return Expect(Kind::kUint, what).natural; }
  uint32_t Array(const char* what) { return Expect(Kind::kArray, what).elements; }

  void Head(const char* name, uint32_t elements, uint32_t expected) {
    if (elements != expected) Fail("a record of the wrong length");
    appendStringInfo(out_, "{\"record\":\"%s\"", name);
  }

  void Member(const char* name, Writer write) {
    appendStringInfo(out_, ",\"%s\":", name);
    (this->*write)();
  }

  void Number() { appendStringInfo(out_, UINT64_FORMAT, Natural("a number")); }

  void Bool() {
    appendStringInfoString(out_, Expect(Kind::kBool, "a flag").boolean ? "true" : "false");
  }

  void Lsn() {
    const XLogRecPtr lsn = Natural("an LSN");
    appendStringInfo(out_, "\"%X/%X\"", static_cast<uint32>(lsn >> 32), static_cast<uint32>(lsn));
  }

  void CommitTime() {
    const Token token = Next();
    if (token.kind != Kind::kUint && token.kind != Kind::kInt) Fail("wrong type of a time");
    const int64_t time =
        token.kind == Kind::kInt ? token.integer : static_cast<int64_t>(token.natural);
    Time(timestamptz_out, Int64GetDatum(time));
  }

  // JSON string of UTF-8 text, checked.
  void Utf8(std::string_view text) {
    const int size = static_cast<int>(text.size());
    (void)pg_verify_mbstr(PG_UTF8, text.data(), size, false);
    const char* const copy = pnstrdup(text.data(), text.size());
    escape_json(out_, pg_any_to_server(copy, size, PG_UTF8));
  }

  void String() { Utf8(Expect(Kind::kStr, "a name").bytes); }

  void Hex(std::string_view bytes) {
    appendStringInfoString(out_, "\"\\\\x");
    for (const char c : bytes) appendStringInfo(out_, "%02x", static_cast<unsigned char>(c));
    appendStringInfoChar(out_, '"');
  }

  void Content() { Hex(Expect(Kind::kBin, "a message's content").bytes); }

  // Writes [element, …]. Every element is written by `write`.
  void List(const char* what, Writer write) {
    const uint32_t elements = Array(what);
    appendStringInfoChar(out_, '[');
    for (uint32_t i = 0; i < elements; ++i) {
      CHECK_FOR_INTERRUPTS();
      if (i > 0) appendStringInfoChar(out_, ',');
      (this->*write)();
    }
    appendStringInfoChar(out_, ']');
  }

  void Counters() {
    if (Array("counters") != 6) Fail("counters of the wrong length");
    appendStringInfoString(out_, "{\"relid\":");
    Number();
    Member("decoded", &FrameToJson::Number);
    Member("filtered", &FrameToJson::Number);
    Member("suppressed", &FrameToJson::Number);
    Member("sent", &FrameToJson::Number);
    Member("bytes", &FrameToJson::Number);
    appendStringInfoChar(out_, '}');
  }

  void AllCounters() { List("a list of counters", &FrameToJson::Counters); }
  void Relids() { List("a list of relations", &FrameToJson::Number); }
  void Columns() { List("a list of columns", &FrameToJson::Column); }
  void Row() { List("a row", &FrameToJson::Value); }

  void Column() {
    if (Array("a column") != 3) Fail("a column of the wrong length");
    appendStringInfoString(out_, "{\"name\":");
    String();
    appendStringInfo(out_, ",\"type_oid\":" UINT64_FORMAT, Natural("a column's type"));
    const uint64_t flags = Natural("a column's flags");
    if ((flags & ~uint64_t{pgsync_wire::kColumnInIdentity}) != 0) Fail("unknown column flags");
    appendStringInfo(out_, ",\"in_identity\":%s}", flags != 0 ? "true" : "false");
  }

  void OldRowMembers() {
    const uint64_t kind = Natural("a kind of old row");
    switch (static_cast<OldRow>(kind > 255 ? 255 : kind)) {
      case OldRow::kAbsent:
        Expect(Kind::kNil, "an absent old row");
        appendStringInfoString(out_, ",\"old_kind\":\"absent\"");
        return;
      case OldRow::kKey:
        appendStringInfoString(out_, ",\"old_kind\":\"key\"");
        break;
      case OldRow::kFull:
        appendStringInfoString(out_, ",\"old_kind\":\"full\"");
        break;
      default:
        Fail("unknown kind of old row");
    }
    Member("old", &FrameToJson::Row);
  }

  void Float(double value, const char* text) {
    if (std::isfinite(value)) {
      appendStringInfoString(out_, text);
    } else {
      appendStringInfo(out_, "{\"float\":\"%s\"}", text);
    }
  }

  void Value() {
    const Token token = Next();
    switch (token.kind) {
      case Kind::kNil:
        return appendStringInfoString(out_, "null");
      case Kind::kBool:
        return appendStringInfoString(out_, token.boolean ? "true" : "false");
      case Kind::kUint:
        return appendStringInfo(out_, UINT64_FORMAT, token.natural);
      case Kind::kInt:
        return appendStringInfo(out_, INT64_FORMAT, token.integer);
      case Kind::kFloat:
        return Float(token.single_float, DatumGetCString(DirectFunctionCall1(
                                             float4out, Float4GetDatum(token.single_float))));
      case Kind::kDouble:
        return Float(token.double_float, DatumGetCString(DirectFunctionCall1(
                                             float8out, Float8GetDatum(token.double_float))));
      case Kind::kStr:
        return Utf8(token.bytes);
      case Kind::kExt:
        return Extension(token);
      case Kind::kBin:
      case Kind::kArray:
        break;
    }
    Fail("wrong type of a value");
  }

  void Time(PGFunction output, Datum value) {
    escape_json(out_, DatumGetCString(DirectFunctionCall1(output, value)));
  }

  void Marker(const Token& token, const char* name) {
    if (token.bytes.size() != 1 || token.bytes[0] != 0) Fail("a malformed marker");
    appendStringInfo(out_, "{\"%s\":true}", name);
  }

  // The big endian integer of an extension value.
  int64_t Integer(const Token& token, size_t size) {
    if (token.bytes.size() != size) Fail("an extension value of the wrong length");
    uint64_t value = size == 4 && (token.bytes[0] & 0x80) != 0 ? ~uint64_t{0} : 0;
    for (const char c : token.bytes) value = value << 8 | static_cast<unsigned char>(c);
    return static_cast<int64_t>(value);
  }

  void Extension(const Token& token) {
    switch (static_cast<Ext>(token.ext)) {
      case Ext::kUnchanged:
        return Marker(token, "unchanged");
      case Ext::kMissing:
        return Marker(token, "missing");
      case Ext::kUuid:
        if (token.bytes.size() != UUID_LEN) Fail("an extension value of the wrong length");
        return Tagged("uuid", uuid_out, PointerGetDatum(token.bytes.data()));
      case Ext::kDate:
        return Tagged("date", date_out, DateADTGetDatum(static_cast<DateADT>(Integer(token, 4))));
      case Ext::kTimestamp:
        return Tagged("timestamp", timestamp_out, Int64GetDatum(Integer(token, 8)));
      case Ext::kTimestampTz:
        return Tagged("timestamptz", timestamptz_out, Int64GetDatum(Integer(token, 8)));
      case Ext::kRawText:
        appendStringInfoString(out_, "{\"raw\":");
        Hex(token.bytes);
        return appendStringInfoChar(out_, '}');
    }
    Fail("unknown extension type");
  }

  void Tagged(const char* name, PGFunction output, Datum value) {
    appendStringInfo(out_, "{\"%s\":", name);
    Time(output, value);
    appendStringInfoChar(out_, '}');
  }

  FrameReader reader_;
  StringInfo out_;
};
static_assert(std::is_trivially_destructible_v<FrameToJson>);

// Returns the tuplestore of a set-returning call with one jsonb column, in the query's context.
Tuplestorestate* StartResult(FunctionCallInfo fcinfo, TupleDesc* desc) {
  auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  if (result == nullptr || !IsA(result, ReturnSetInfo) ||
      (result->allowedModes & SFRM_Materialize) == 0) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("pgsync_decode returns a set, which is not accepted here"),
                    errhint("Call it in FROM.")));
  }
  const MemoryContext caller = pg::Enter(result->econtext->ecxt_per_query_memory);
  *desc = CreateTemplateTupleDesc(1);
  TupleDescInitEntry(*desc, 1, "record", JSONBOID, -1, 0);
  Tuplestorestate* const store =
      tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
  result->returnMode = SFRM_Materialize;
  result->setResult = store;
  result->setDesc = *desc;
  pg::Enter(caller);
  return store;
}

Datum Decode(FunctionCallInfo fcinfo) {
  TupleDesc desc;
  Tuplestorestate* const store = StartResult(fcinfo, &desc);
  const bytea* const frame = PG_GETARG_BYTEA_PP(0);
  const MemoryContext record_context =
      AllocSetContextCreate(CurrentMemoryContext, "pgsync_decode", ALLOCSET_DEFAULT_SIZES);
  StringInfoData json;
  initStringInfo(&json);
  const MemoryContext caller = pg::Enter(record_context);
  FrameToJson records({VARDATA_ANY(frame), VARSIZE_ANY_EXHDR(frame)}, &json);
  records.Version();
  while (records.Record()) {
    CHECK_FOR_INTERRUPTS();
    Datum value = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
    bool is_null = false;
    tuplestore_putvalues(store, desc, &value, &is_null);
    MemoryContextReset(record_context);
  }
  pg::Enter(caller);
  MemoryContextDelete(record_context);
  return (Datum)0;
}

}  // namespace
}  // namespace pgsync

#pragma GCC visibility push(default)
extern "C" {
PG_FUNCTION_INFO_V1(pgsync_decode);
}
#pragma GCC visibility pop

Datum pgsync_decode(PG_FUNCTION_ARGS) { return pgsync::Decode(fcinfo); }
