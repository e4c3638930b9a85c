// Encoder: values and record heads -> the bytes of WIRE_FORMAT.md, over any byte sink. It decides
// nothing: what is sent, and which columns, is decided before (plugin, relation_cache); where a
// Datum's bytes come from is tuple_view's business. Pure: no PostgreSQL header, no allocation, so
// it is tested and fuzzed outside the server. A sink is any trivially destructible type with `void
// write(const char*, size_t)`; it may longjmp, since nothing here has a destructor.
#pragma once

#ifdef POSTGRES_H
#error "include decoder/encoder.h before decoder/pg.h: server macros break standard headers"
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <msgpack/pack.hpp>
#include <string_view>
#include <type_traits>

#include "decoder/wire_format.h"

namespace pgsync_wire {

template <typename Sink>
class Encoder {
 public:
  // The sink outlives the encoder.
  explicit Encoder(Sink& sink) : sink_(sink), out_(sink) {}

  // Starts a frame. Any number of whole records follow.
  void Version() { out_.pack_uint8(kVersion); }

  void Begin(uint64_t commit_lsn, int64_t commit_time_us, uint32_t xid) {
    Record(Tag::kBegin, 4);
    out_.pack_uint64(commit_lsn);
    out_.pack_int64(commit_time_us);
    out_.pack_uint32(xid);
  }

  void Commit(uint64_t commit_lsn, uint64_t end_lsn, int64_t commit_time_us) {
    Record(Tag::kCommit, 4);
    out_.pack_uint64(commit_lsn);
    out_.pack_uint64(end_lsn);
    out_.pack_int64(commit_time_us);
  }

  // Exactly `columns` calls of Column follow.
  void Relation(uint32_t relid, std::string_view schema, std::string_view table, char identity,
                uint32_t columns) {
    Record(Tag::kRelation, 6);
    out_.pack_uint32(relid);
    Text(schema);
    Text(table);
    Text({&identity, 1});
    out_.pack_array(columns);
  }

  void Column(std::string_view name, uint32_t type_oid, bool in_identity) {
    out_.pack_array(3);
    Text(name);
    out_.pack_uint32(type_oid);
    out_.pack_uint8(in_identity ? kColumnInIdentity : 0);
  }

  // Exactly `columns` values follow: the new row.
  void Insert(uint32_t relid, uint32_t columns) {
    Record(Tag::kInsert, 3);
    out_.pack_uint32(relid);
    out_.pack_array(columns);
  }

  // Followed by OldRowHead or NoOldRow, that row's values, RowHead, and the new row's values.
  void Update(uint32_t relid, OldRow kind) {
    Record(Tag::kUpdate, 5);
    out_.pack_uint32(relid);
    out_.pack_uint8(static_cast<uint8_t>(kind));
  }

  // Followed by RowHead and its values, or by NoRow when the kind is kAbsent.
  void Delete(uint32_t relid, OldRow kind) {
    Record(Tag::kDelete, 4);
    out_.pack_uint32(relid);
    out_.pack_uint8(static_cast<uint8_t>(kind));
  }

  void RowHead(uint32_t columns) { out_.pack_array(columns); }
  void NoRow() { Null(); }

  // Exactly `relations` calls of TruncatedRelation follow.
  void Truncate(uint8_t flags, uint32_t relations) {
    Record(Tag::kTruncate, 3);
    out_.pack_uint8(flags);
    out_.pack_array(relations);
  }

  void TruncatedRelation(uint32_t relid) { out_.pack_uint32(relid); }

  void Message(bool transactional, uint64_t lsn, std::string_view prefix,
               std::string_view content) {
    Record(Tag::kMessage, 5);
    Bool(transactional);
    out_.pack_uint64(lsn);
    Text(prefix);
    out_.pack_bin(static_cast<uint32_t>(content.size()));
    out_.pack_bin_body(content.data(), static_cast<uint32_t>(content.size()));
  }

  // ---- transactions in progress

  // `first`: nothing of this transaction was sent before.
  void StreamStart(uint32_t xid, bool first) {
    Record(Tag::kStreamStart, 3);
    out_.pack_uint32(xid);
    Bool(first);
  }

  void StreamStop() { Record(Tag::kStreamStop, 1); }

  void StreamCommit(uint32_t xid, uint64_t commit_lsn, uint64_t end_lsn, int64_t commit_time_us) {
    Record(Tag::kStreamCommit, 5);
    out_.pack_uint32(xid);
    out_.pack_uint64(commit_lsn);
    out_.pack_uint64(end_lsn);
    out_.pack_int64(commit_time_us);
  }

  void StreamAbort(uint32_t xid, uint32_t subxid) {
    Record(Tag::kStreamAbort, 3);
    out_.pack_uint32(xid);
    out_.pack_uint32(subxid);
  }

  void Subtransaction(uint32_t subxid) {
    Record(Tag::kSubtransaction, 2);
    out_.pack_uint32(subxid);
  }

  // ---- statistics

  // Exactly `relations` calls of RelationCounters follow.
  void Statistics(uint32_t relations) {
    Record(Tag::kStatistics, 2);
    out_.pack_array(relations);
  }

  void RelationCounters(uint32_t relid, uint64_t decoded, uint64_t filtered, uint64_t suppressed,
                        uint64_t sent, uint64_t bytes) {
    out_.pack_array(6);
    out_.pack_uint32(relid);
    out_.pack_uint64(decoded);
    out_.pack_uint64(filtered);
    out_.pack_uint64(suppressed);
    out_.pack_uint64(sent);
    out_.pack_uint64(bytes);
  }

  // ---- values

  void Null() { out_.pack_nil(); }

  void Bool(bool value) {
    if (value) {
      out_.pack_true();
    } else {
      out_.pack_false();
    }
  }

  void Int(int64_t value) { out_.pack_int64(value); }
  void Uint(uint64_t value) { out_.pack_uint64(value); }
  void Float(float value) { FloatBits<4>(kFloat32, std::bit_cast<uint32_t>(value)); }
  void Double(double value) { FloatBits<8>(kFloat64, std::bit_cast<uint64_t>(value)); }
  // REQUIRES: UTF-8.
  void Text(std::string_view text) {
    out_.pack_str(static_cast<uint32_t>(text.size()));
    out_.pack_str_body(text.data(), static_cast<uint32_t>(text.size()));
  }
  void RawText(std::string_view bytes) { Extension(Ext::kRawText, bytes); }
  // `bytes` are 16.
  void Uuid(const unsigned char* bytes) {
    Extension(Ext::kUuid, {reinterpret_cast<const char*>(bytes), 16});
  }
  // Units of these three: wire_format.h.
  void Date(int32_t days) { BigEndian<4>(Ext::kDate, static_cast<uint64_t>(days)); }
  void Timestamp(int64_t us) { BigEndian<8>(Ext::kTimestamp, static_cast<uint64_t>(us)); }
  void TimestampTz(int64_t us) { BigEndian<8>(Ext::kTimestampTz, static_cast<uint64_t>(us)); }
  void Unchanged() { BigEndian<1>(Ext::kUnchanged, 0); }
  void Missing() { BigEndian<1>(Ext::kMissing, 0); }

 private:
  void Record(Tag tag, uint32_t elements) {
    out_.pack_array(elements);
    out_.pack_uint8(static_cast<uint8_t>(tag));
  }

  void Extension(Ext type, std::string_view bytes) {
    out_.pack_ext(bytes.size(), static_cast<int8_t>(type));
    out_.pack_ext_body(bytes.data(), static_cast<uint32_t>(bytes.size()));
  }

  template <size_t kBytes>
  void BigEndian(Ext type, uint64_t value) {
    char bytes[kBytes];
    PutBigEndian<kBytes>(bytes, value);
    Extension(type, {bytes, kBytes});
  }

  // Not pack_float: that one writes 2.0 as the integer 2 and loses the sign of -0.0.
  template <size_t kBytes>
  void FloatBits(char head, uint64_t bits) {
    char bytes[1 + kBytes];
    bytes[0] = head;
    PutBigEndian<kBytes>(bytes + 1, bits);
    sink_.write(bytes, sizeof(bytes));
  }

  template <size_t kBytes>
  static void PutBigEndian(char* bytes, uint64_t value) {
    for (size_t i = 0; i < kBytes; ++i) {
      bytes[i] = static_cast<char>(value >> (8 * (kBytes - 1 - i)));
    }
  }

  static constexpr char kFloat32 = '\xca';  // msgpack's head bytes
  static constexpr char kFloat64 = '\xcb';

  Sink& sink_;

  msgpack::packer<Sink> out_;
};

}  // namespace pgsync_wire
