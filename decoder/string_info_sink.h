// StringInfoSink: the encoder's bytes into a StringInfo. The buffer belongs to a session context;
// the server bounds a StringInfo to 1 GB, and a record that would pass this is refused here with a
// remedy instead of "out of memory".
#pragma once

#include "decoder/pg.h"

namespace pgsync {

struct StringInfoSink {
  StringInfo buffer;

  void write(const char* bytes, size_t size) {
    if (unlikely(size >= MaxAllocSize - static_cast<size_t>(buffer->len) - 1)) {
      ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                      errmsg("a change record is larger than 1 GB"),
                      errhint("Leave the large column out of the table's emitted columns in option "
                              "\"tables\", or use a replica identity other than FULL.")));
    }
    appendBinaryStringInfo(buffer, bytes, static_cast<int>(size));
  }
};

static_assert(std::is_trivially_destructible_v<StringInfoSink>);

}  // namespace pgsync
