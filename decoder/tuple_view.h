// Tuple view: one Datum of a changed row -> its bytes on the wire. Knows which types are typed on
// the wire and which are text of their output function, how an unchanged TOAST pointer looks, and
// how text becomes UTF-8. Everything allocated here (detoasted values, output text) goes to
// CurrentMemoryContext, the per-change context.
#pragma once

#include "decoder/frame_buffer.h"
// After it:
#include "decoder/pg.h"

namespace pgsync {

// Text from the server's encoding to UTF-8. Lives in the session; finds its conversion when first
// needed.
struct TextEncoding {
  bool is_utf8;
  Oid conversion;  // InvalidOid: none, or not looked up yet
  bool looked_up;

  void Init() {
    is_utf8 = GetDatabaseEncoding() == PG_UTF8;
    conversion = InvalidOid;
    looked_up = false;
  }

  // Returns the text as UTF-8. `*valid` is false when it cannot be: the bytes are then returned as
  // they are.
  std::string_view ToUtf8(std::string_view text, bool* valid);
  // The same for names and message prefixes, which have no raw form on the wire: ERROR when it
  // cannot be.
  std::string_view NameToUtf8(const char* name);
};

// How a column's Datum is read. The order of the kinds has no meaning on the wire.
enum class Reader : uint8_t {
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kOid,
  kFloat4,
  kFloat8,
  kUuid,
  kDate,
  kTimestamp,
  kTimestampTz,
  kVarlenaText,  // text and its kin: the value's bytes are its text
  kOutputText,   // whatever the type's output function says
};

// One emitted column of a relation. Made by relation_cache, lives as long as its entry.
struct Column {
  AttrNumber attnum;         // in the relation whose tuples arrive, which may be a partition
  AttrNumber target_attnum;  // in the relation that it is sent as
  Reader reader;
  int16 length;  // pg_type.typlen; -1 means it can be a TOAST pointer
  bool in_identity;
  FmgrInfo* output;  // kOutputText only; shared by all columns of the type
};

// How values of the type are read.
Reader ReaderOf(Oid type);

// Whether the value is a TOAST pointer that the UPDATE did not touch; it must not be followed,
// because the toast table cannot be read under a historic snapshot.
inline bool IsUnchangedToast(int16 length, Datum value) {
  return length == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

// REQUIRES: not null.
void WriteValue(Encoder* encoder, const Column* column, Datum value, TextEncoding* encoding);

static_assert(std::is_trivially_destructible_v<Column>);

}  // namespace pgsync
