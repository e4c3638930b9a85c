#include "consumer/assemble/json_cell.h"

#include <bit>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "consumer/assemble/type_oids.h"
#include "consumer/base/json_text.h"

namespace assemble {
namespace {

template <typename Unsigned>
Unsigned BigEndian(std::string_view bytes) {
  Unsigned value = 0;
  for (const char byte : bytes)
    value = static_cast<Unsigned>(value << 8 | static_cast<uint8_t>(byte));
  return value;
}

template <typename Number>
void AppendNumber(Number value, std::string* out) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  out->append(digits, end);
}

template <typename Float>
void AppendFloat(Float value, std::string* out) {
  if (std::isnan(value)) {
    out->append("\"NaN\"");
  } else if (std::isinf(value)) {
    out->append(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else {
    AppendNumber(value, out);
  }
}

void AppendUuid(std::string_view bytes, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out->push_back('-');
    const auto byte = static_cast<uint8_t>(bytes[i]);
    out->push_back(kHex[byte >> 4]);
    out->push_back(kHex[byte & 15]);
  }
  out->push_back('"');
}

// A json value keeps its white space, but a bulk body is cut at newlines. A raw one can only be
// white space: inside strings JSON demands escapes.
void AppendJsonOnOneLine(std::string_view json, std::string* out) {
  const size_t start = out->size();
  out->append(json);
  for (size_t i = out->find_first_of("\n\r", start); i != std::string::npos;
       i = out->find_first_of("\n\r", i)) {
    (*out)[i] = ' ';
  }
}

base::Status WrongLength(uint32_t type_oid, std::string_view cell) {
  return base::Fatal(fmt::format("a value of type {} arrived with {} bytes in binary form",
                                 type_oid, cell.size()));
}

}  // namespace

int64_t ReadInt8(std::string_view cell) { return static_cast<int64_t>(BigEndian<uint64_t>(cell)); }

base::Status AppendCell(uint32_t type_oid, std::string_view cell, std::string* out) {
  const auto has = [&](size_t length) { return cell.size() == length; };
  switch (type_oid) {
    case type_oid::kBool:
      if (!has(1)) return WrongLength(type_oid, cell);
      out->append(cell[0] ? "true" : "false");
      return {};
    case type_oid::kInt2:
      if (!has(2)) return WrongLength(type_oid, cell);
      AppendNumber(static_cast<int16_t>(BigEndian<uint16_t>(cell)), out);
      return {};
    case type_oid::kInt4:
      if (!has(4)) return WrongLength(type_oid, cell);
      AppendNumber(static_cast<int32_t>(BigEndian<uint32_t>(cell)), out);
      return {};
    case type_oid::kInt8:
      if (!has(8)) return WrongLength(type_oid, cell);
      AppendNumber(ReadInt8(cell), out);
      return {};
    case type_oid::kFloat4:
      if (!has(4)) return WrongLength(type_oid, cell);
      AppendFloat(std::bit_cast<float>(BigEndian<uint32_t>(cell)), out);
      return {};
    case type_oid::kFloat8:
      if (!has(8)) return WrongLength(type_oid, cell);
      AppendFloat(std::bit_cast<double>(BigEndian<uint64_t>(cell)), out);
      return {};
    case type_oid::kUuid:
      if (!has(16)) return WrongLength(type_oid, cell);
      AppendUuid(cell, out);
      return {};
    case type_oid::kText:
    case type_oid::kVarchar:
    case type_oid::kBpchar:
    case type_oid::kName:
      base::AppendJsonString(cell, out);
      return {};
    case type_oid::kJson:
      AppendJsonOnOneLine(cell, out);
      return {};
    case type_oid::kJsonb:
      // jsonb_send puts a format version, 1, before the text.
      if (cell.empty() || cell[0] != 1) return WrongLength(type_oid, cell);
      AppendJsonOnOneLine(cell.substr(1), out);
      return {};
    default:
      return base::Fatal(fmt::format("no JSON writer for type {}; to_json was expected", type_oid));
  }
}

}  // namespace assemble
