// StringInfoSink: the encoder's bytes into a StringInfo. The buffer belongs to a session context;
// the server bounds a StringInfo to 1 GB, and a record that would pass this is refused here with a
// remedy instead of "out of memory".
#pragma once

#include <cstring>

#include "decoder/pg.h"

namespace pgsync {

struct StringInfoSink {
  StringInfo buffer;

  // Most writes are a few bytes into room that is there, and there are several per value: they
  // must not be function calls. A StringInfo keeps one byte for its terminator, which is not
  // written here: nobody reads these bytes as a string.
  void write(const char* bytes, size_t size) {
    if (unlikely(size >= static_cast<size_t>(buffer->maxlen - buffer->len))) Enlarge(size);
    memcpy(buffer->data + buffer->len, bytes, size);
    buffer->len += static_cast<int>(size);
  }

 private:
  pg_noinline void Enlarge(size_t size) {
    if (size >= MaxAllocSize - static_cast<size_t>(buffer->len) - 1) {
      ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                      errmsg("a change record is larger than 1 GB"),
                      errhint("Leave the large column out of the table's emitted columns in option "
                              "\"tables\", or use a replica identity other than FULL.")));
    }
    enlargeStringInfo(buffer, static_cast<int>(size));
  }
};

static_assert(std::is_trivially_destructible_v<StringInfoSink>);

}  // namespace pgsync
