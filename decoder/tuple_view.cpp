// Datum -> bytes, and text -> UTF-8.
#include "decoder/tuple_view.h"

#include <cstring>

namespace pgsync {
namespace {

void WriteText(Encoder* encoder, std::string_view text, TextEncoding* encoding) {
  if (encoding->is_utf8) return encoder->Text(text);
  bool valid = true;
  const std::string_view utf8 = encoding->ToUtf8(text, &valid);
  if (valid) {
    encoder->Text(utf8);
  } else {
    encoder->RawText(text);
  }
}

}  // namespace

std::string_view TextEncoding::ToUtf8(std::string_view text, bool* valid) {
  if (is_utf8 || text.empty()) return text;
  const int from = GetDatabaseEncoding();
  const int size = static_cast<int>(text.size());
  if (from == PG_SQL_ASCII) {
    *valid = pg_verify_mbstr(PG_UTF8, text.data(), size, true);
    return text;
  }
  if (!looked_up) {
    conversion = FindDefaultConversionProc(from, PG_UTF8);
    looked_up = true;
  }
  if (!OidIsValid(conversion)) {
    *valid = false;
    return text;
  }
  const Size room = static_cast<Size>(size) * MAX_CONVERSION_GROWTH + 1;
  char* const utf8 = static_cast<char*>(MemoryContextAllocExtended(
      CurrentMemoryContext, room, room > MaxAllocSize ? MCXT_ALLOC_HUGE : 0));
  unsigned char* const source = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  const int converted = pg_do_encoding_conversion_buf(
      conversion, from, PG_UTF8, source, size, reinterpret_cast<unsigned char*>(utf8),
      static_cast<int>(Min(room, static_cast<Size>(INT_MAX))), true);
  if (converted != size) {
    *valid = false;
    return text;
  }
  return {utf8, strlen(utf8)};
}

std::string_view TextEncoding::NameToUtf8(const char* name) {
  bool valid = true;
  const std::string_view text = ToUtf8({name, strlen(name)}, &valid);
  if (!valid) {
    ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
                    errmsg("name \"%s\" cannot be written as UTF-8", name),
                    errhint("Rename it, or leave it out of option \"tables\".")));
  }
  return text;
}

Reader ReaderOf(Oid type) {
  switch (getBaseType(type)) {
    case BOOLOID:
      return Reader::kBool;
    case INT2OID:
      return Reader::kInt2;
    case INT4OID:
      return Reader::kInt4;
    case INT8OID:
      return Reader::kInt8;
    case OIDOID:
      return Reader::kOid;
    case FLOAT4OID:
      return Reader::kFloat4;
    case FLOAT8OID:
      return Reader::kFloat8;
    case UUIDOID:
      return Reader::kUuid;
    case DATEOID:
      return Reader::kDate;
    case TIMESTAMPOID:
      return Reader::kTimestamp;
    case TIMESTAMPTZOID:
      return Reader::kTimestampTz;
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
    case JSONOID:
      return Reader::kVarlenaText;
    default:
      return Reader::kOutputText;
  }
}

void WriteValue(Encoder* encoder, const Column* column, Datum value, TextEncoding* encoding) {
  if (IsUnchangedToast(column->length, value)) return encoder->Unchanged();
  switch (column->reader) {
    case Reader::kBool:
      return encoder->Bool(DatumGetBool(value));
    case Reader::kInt2:
      return encoder->Int(DatumGetInt16(value));
    case Reader::kInt4:
      return encoder->Int(DatumGetInt32(value));
    case Reader::kInt8:
      return encoder->Int(DatumGetInt64(value));
    case Reader::kOid:
      return encoder->Uint(DatumGetObjectId(value));
    case Reader::kFloat4:
      return encoder->Float(DatumGetFloat4(value));
    case Reader::kFloat8:
      return encoder->Double(DatumGetFloat8(value));
    case Reader::kUuid:
      return encoder->Uuid(DatumGetUUIDP(value)->data);
    case Reader::kDate:
      return encoder->Date(DatumGetDateADT(value));
    case Reader::kTimestamp:
      return encoder->Timestamp(DatumGetTimestamp(value));
    case Reader::kTimestampTz:
      return encoder->TimestampTz(DatumGetTimestampTz(value));
    case Reader::kVarlenaText: {
      struct varlena* const bytes = PG_DETOAST_DATUM_PACKED(value);
      return WriteText(encoder, {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)}, encoding);
    }
    case Reader::kOutputText: {
      const char* const text = OutputFunctionCall(column->output, value);
      return WriteText(encoder, {text, strlen(text)}, encoding);
    }
  }
  pg_unreachable();
}

}  // namespace pgsync
