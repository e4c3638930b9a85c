// Constants of the wire format, version 1. The grammar and its meaning are in WIRE_FORMAT.md; a
// change here changes that file, the golden frames and both sides in one commit. The only decoder
// header that the consumer includes.
#pragma once

#include <cstdint>

namespace pgsync_wire {

inline constexpr uint8_t kVersion = 1;  // first byte of every frame, a msgpack positive fixint

// First element of every record (msgpack array): what the record is.
enum class Tag : uint8_t {
  kBegin = 1,
  kCommit = 2,
  kRelation = 3,
  kInsert = 4,
  kUpdate = 5,
  kDelete = 6,
  kTruncate = 7,
  kMessage = 8,
  // Only when the client asked for option "streaming": transactions in progress.
  kStreamStart = 9,
  kStreamStop = 10,
  kStreamCommit = 11,
  kStreamAbort = 12,
  kSubtransaction = 13,
  // Only when the client asked for option "statistics_interval".
  kStatistics = 14,
};

// msgpack extension types of column values. All others are plain msgpack: nil = NULL, bool, int,
// float, str.
enum class Ext : int8_t {
  kUnchanged = 1,  // 1 byte 0: TOASTed value that the UPDATE did not change
  kMissing = 2,    // 1 byte 0: column outside of the replica identity, in an old row
  kUuid = 3,       // 16 bytes
  kDate = 4,       // int32 big endian: days since 2000-01-01; INT32_MIN/MAX = -infinity/infinity
  kTimestamp =
      5,  // int64 big endian: microseconds since 2000-01-01; INT64_MIN/MAX = -infinity/infinity
  kTimestampTz = 6,  // the same, UTC
  kRawText = 7,      // text of an SQL_ASCII database that is not valid UTF-8
};

// Second element of an update's or delete's old row.
enum class OldRow : uint8_t { kAbsent = 0, kKey = 1, kFull = 2 };

inline constexpr uint8_t kColumnInIdentity = 1;  // flags of a relation record's column

inline constexpr uint8_t kTruncateCascade = 1;
inline constexpr uint8_t kTruncateRestartSequences = 2;

inline constexpr uint32_t kFlushBytes =
    64 * 1024;  // a frame is sent when it has grown to this, and at commit

}  // namespace pgsync_wire
