#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace wire {

// Writes msgpack by hand, so that wrong frames can be written as well.
class Frame {
 public:
  Frame() { bytes_ = "\x01"; }

  Frame& Array(uint32_t n) { return Byte(0xdd).Big(n, 4); }
  Frame& Map(uint8_t n) { return Byte(0x80 | n); }
  Frame& Nil() { return Byte(0xc0); }
  Frame& Bool(bool value) { return Byte(value ? 0xc3 : 0xc2); }
  Frame& Uint(uint64_t value) {
    if (value < 128) return Byte(static_cast<uint8_t>(value));
    return Byte(0xcf).Big(value, 8);
  }
  Frame& Int(int64_t value) { return Byte(0xd3).Big(static_cast<uint64_t>(value), 8); }
  Frame& Float(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return Byte(0xca).Big(bits, 4);
  }
  Frame& Double(double value) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return Byte(0xcb).Big(bits, 8);
  }
  Frame& Str(std::string_view text) { return Byte(0xdb).Big(text.size(), 4).Raw(text); }
  Frame& Bin(std::string_view text) { return Byte(0xc6).Big(text.size(), 4).Raw(text); }
  Frame& Ext(int8_t type, std::string_view bytes) {
    return Byte(0xc7)
        .Byte(static_cast<uint8_t>(bytes.size()))
        .Byte(static_cast<uint8_t>(type))
        .Raw(bytes);
  }
  Frame& Unchanged() { return Ext(1, std::string_view("\0", 1)); }
  Frame& Missing() { return Ext(2, std::string_view("\0", 1)); }
  // public.book (id int4, in the identity; title text)
  Frame& Book(uint32_t relid = 42) {
    Array(6).Uint(3).Uint(relid).Str("public").Str("book").Str("d").Array(2);
    Array(3).Str("id").Uint(23).Uint(1);
    return Array(3).Str("title").Uint(25).Uint(0);
  }
  Frame& Byte(uint8_t byte) {
    bytes_.push_back(static_cast<char>(byte));
    return *this;
  }
  Frame& Raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  Frame& Big(uint64_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
      Byte(static_cast<uint8_t>(value >> shift));
    }
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace wire
