#include "consumer/assemble/json_cell.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>

#include <fmt/format.h>

#include "consumer/assemble/cell_bytes.h"
#include "consumer/assemble/json_document_cell.h"
#include "consumer/assemble/json_network_cell.h"
#include "consumer/assemble/json_time_cell.h"
#include "consumer/assemble/type_oids.h"
#include "consumer/base/json_text.h"

namespace assemble {
namespace {

constexpr CellResult kWritten = CellResult::kWritten;
constexpr CellResult kBadBytes = CellResult::kBadBytes;

template <typename Number>
CellResult AppendNumber(Number value, std::string* out) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  out->append(digits, static_cast<size_t>(end - digits));
  return kWritten;
}

CellResult AppendBool(std::string_view cell, std::string* out) {
  if (cell.size() != 1) return kBadBytes;
  out->append(cell[0] ? "true" : "false");
  return kWritten;
}

template <typename Integer>
CellResult AppendInteger(std::string_view cell, std::string* out) {
  if (cell.size() != sizeof(Integer)) return kBadBytes;
  return AppendNumber(BigEndian<Integer>(cell.data()), out);
}

// Fixed notation where PostgreSQL has it (to_chars in src/common/d2s.c and f2s.c), the shortest
// digits that mean this value in both.
template <typename Float, typename Bits, int kFirstBigExponent>
CellResult AppendFloat(std::string_view cell, std::string* out) {
  if (cell.size() != sizeof(Float)) return kBadBytes;
  const auto value = std::bit_cast<Float>(BigEndian<Bits>(cell.data()));
  if (!std::isfinite(value)) {
    out->append(std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    return kWritten;
  }
  char digits[40];
  auto end =
      std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific).ptr;
  int exponent = 0;
  const char* at = end;
  while (at[-1] != 'e') --at;
  std::from_chars(*at == '+' ? at + 1 : at, end, exponent);
  if (exponent >= -4 && exponent < kFirstBigExponent) {
    end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed).ptr;
  }
  out->append(digits, static_cast<size_t>(end - digits));
  return kWritten;
}

// numeric_send: number of digits, weight of the first one, sign, digits behind the point, then the
// digits, to the base 10000. Zeros at both ends are not sent.
CellResult AppendNumeric(std::string_view cell, std::string* out) {
  constexpr uint16_t kNegative = 0x4000, kNaN = 0xC000, kInfinity = 0xD000, kMinusInfinity = 0xF000;
  if (cell.size() < 8) return kBadBytes;
  const auto count = BigEndian<int16_t>(cell.data());
  const int weight = BigEndian<int16_t>(cell.data() + 2);
  const auto sign = BigEndian<uint16_t>(cell.data() + 4);
  const int scale = BigEndian<int16_t>(cell.data() + 6);
  if (count < 0 || scale < 0 || cell.size() != 8 + 2 * static_cast<size_t>(count)) return kBadBytes;
  if (sign == kNaN || sign == kInfinity || sign == kMinusInfinity) {
    out->append(sign == kNaN ? "\"NaN\"" : sign == kInfinity ? "\"Infinity\"" : "\"-Infinity\"");
    return kWritten;
  }
  const auto digits = [&](int at) {
    return at < 0 || at >= count ? 0u : BigEndian<uint16_t>(cell.data() + 8 + 2 * at);
  };
  const auto four = [](unsigned value, char* text) {
    text[0] = static_cast<char>('0' + value / 1000);
    text[1] = static_cast<char>('0' + value / 100 % 10);
    text[2] = static_cast<char>('0' + value / 10 % 10);
    text[3] = static_cast<char>('0' + value % 10);
  };
  if (sign == kNegative) out->push_back('-');
  if (weight < 0) {
    out->push_back('0');
  } else {
    AppendNumber(digits(0), out);
    char text[4];
    for (int at = 1; at <= weight; ++at) {
      four(digits(at), text);
      out->append(text, 4);
    }
  }
  if (scale > 0) {
    out->push_back('.');
    char text[4];
    int left = scale;
    for (int at = weight + 1; left > 0; ++at, left -= 4) {
      four(digits(at), text);
      out->append(text, static_cast<size_t>(std::min(left, 4)));
    }
  }
  return kWritten;
}

CellResult AppendText(std::string_view cell, std::string* out) {
  base::AppendJsonString(cell, out);
  return kWritten;
}

// "char": nothing for a zero byte, and octal beyond ASCII, as PostgreSQL 16 and later write it;
// before that it is not text in any encoding.
CellResult AppendChar(std::string_view cell, std::string* out) {
  if (cell.size() != 1) return kBadBytes;
  const auto byte = static_cast<uint8_t>(cell[0]);
  if (byte < 0x80) {
    base::AppendJsonString(byte == 0 ? std::string_view() : cell, out);
  } else {
    fmt::format_to(std::back_inserter(*out), "\"\\\\{:03o}\"", byte);
  }
  return kWritten;
}

CellResult AppendOid(std::string_view cell, std::string* out) {
  if (cell.size() != 4) return kBadBytes;
  out->push_back('"');
  AppendNumber(BigEndian<uint32_t>(cell.data()), out);
  out->push_back('"');
  return kWritten;
}

CellResult AppendUuid(std::string_view cell, std::string* out) {
  if (cell.size() != 16) return kBadBytes;
  char text[38];
  char* at = text;
  *at++ = '"';
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    at = WriteHex(cell[i], at);
  }
  *at++ = '"';
  out->append(text, sizeof text);
  return kWritten;
}

CellResult AppendBytea(std::string_view cell, std::string* out) {
  out->append("\"\\\\x");
  const size_t start = out->size();
  out->resize(start + 2 * cell.size());
  char* at = out->data() + start;
  for (const char byte : cell) at = WriteHex(byte, at);
  out->push_back('"');
  return kWritten;
}

// bit_send: the number of bits, then the bytes, from the highest bit on.
CellResult AppendBits(std::string_view cell, std::string* out) {
  if (cell.size() < 4) return kBadBytes;
  const auto bits = BigEndian<int32_t>(cell.data());
  if (bits < 0 || cell.size() - 4 != (static_cast<size_t>(bits) + 7) / 8) return kBadBytes;
  out->push_back('"');
  for (int32_t i = 0; i < bits; ++i) {
    const auto byte = static_cast<uint8_t>(cell[4 + static_cast<size_t>(i) / 8]);
    out->push_back(byte & (0x80 >> (i % 8)) ? '1' : '0');
  }
  out->push_back('"');
  return kWritten;
}

CellResult AppendArray(std::string_view cell, std::string* out);

struct TypeWriter {
  uint32_t type_oid;
  CellWriter writer;
};

// In the order of the oids.
constexpr TypeWriter kWriters[] = {
    {type_oid::kBool, AppendBool},
    {type_oid::kBytea, AppendBytea},
    {type_oid::kChar, AppendChar},
    {type_oid::kName, AppendText},
    {type_oid::kInt8, AppendInteger<int64_t>},
    {type_oid::kInt2, AppendInteger<int16_t>},
    {type_oid::kInt4, AppendInteger<int32_t>},
    {type_oid::kText, AppendText},
    {type_oid::kOid, AppendOid},
    {type_oid::kJson, AppendJsonCell},
    {type_oid::kXml, AppendText},
    {type_oid::kCidr, AppendCidrCell},
    {type_oid::kFloat4, AppendFloat<float, uint32_t, 6>},
    {type_oid::kFloat8, AppendFloat<double, uint64_t, 15>},
    {type_oid::kMacaddr8, AppendMacCell<8>},
    {type_oid::kMacaddr, AppendMacCell<6>},
    {type_oid::kInet, AppendInetCell},
    {type_oid::kBpchar, AppendText},
    {type_oid::kVarchar, AppendText},
    {type_oid::kDate, AppendDateCell},
    {type_oid::kTime, AppendTimeCell},
    {type_oid::kTimestamp, AppendTimestampCell},
    {type_oid::kTimestamptz, AppendTimestamptzCell},
    {type_oid::kInterval, AppendIntervalCell},
    {type_oid::kTimetz, AppendTimetzCell},
    {type_oid::kBit, AppendBits},
    {type_oid::kVarbit, AppendBits},
    {type_oid::kNumeric, AppendNumeric},
    {type_oid::kUuid, AppendUuid},
    {type_oid::kJsonb, AppendJsonbCell},
};

constexpr bool InOrder() {
  return std::is_sorted(std::begin(kWriters), std::end(kWriters),
                        [](const auto& a, const auto& b) { return a.type_oid < b.type_oid; });
}
static_assert(InOrder() && std::size(type_oid::kArrays) == std::size(kWriters));

CellWriter FindScalarWriter(uint32_t type_oid) {
  const auto* const at =
      std::lower_bound(std::begin(kWriters), std::end(kWriters), type_oid,
                       [](const TypeWriter& known, uint32_t oid) { return known.type_oid < oid; });
  return at != std::end(kWriters) && at->type_oid == type_oid ? at->writer : nullptr;
}

// What array_send makes, being read.
struct ArrayReader {
  static constexpr int kMostDimensions = 6;  // MAXDIM

  std::string_view rest;
  int dimensions = 0;
  std::array<int32_t, kMostDimensions> sizes{};
  CellWriter writer = nullptr;

  CellResult AppendLevel(int dimension, std::string* out) {
    out->push_back('[');
    for (int32_t i = 0; i < sizes[static_cast<size_t>(dimension)]; ++i) {
      if (i > 0) out->push_back(',');
      const CellResult result =
          dimension + 1 < dimensions ? AppendLevel(dimension + 1, out) : AppendElement(out);
      if (result != kWritten) return result;
    }
    out->push_back(']');
    return kWritten;
  }

  CellResult AppendElement(std::string* out) {
    if (rest.size() < 4) return kBadBytes;
    const auto length = BigEndian<int32_t>(rest.data());
    rest.remove_prefix(4);
    if (length == -1) {
      out->append("null");
      return kWritten;
    }
    if (length < 0 || rest.size() < static_cast<size_t>(length)) return kBadBytes;
    const std::string_view element = rest.substr(0, static_cast<size_t>(length));
    rest.remove_prefix(element.size());
    return writer(element, out);
  }
};

// array_send: number of dimensions, a flag, the elements' type; size and lower bound of each
// dimension; then the elements, each with its length. JSON has no lower bounds, and neither has
// to_json.
CellResult AppendArray(std::string_view cell, std::string* out) {
  if (cell.size() < 12) return kBadBytes;
  ArrayReader reader;
  reader.dimensions = BigEndian<int32_t>(cell.data());
  reader.writer = FindScalarWriter(BigEndian<uint32_t>(cell.data() + 8));
  if (reader.dimensions < 0 || reader.dimensions > ArrayReader::kMostDimensions || !reader.writer) {
    return kBadBytes;
  }
  const auto head = 12 + 8 * static_cast<size_t>(reader.dimensions);
  if (cell.size() < head) return kBadBytes;
  if (reader.dimensions == 0) {
    out->append("[]");
    return kWritten;
  }
  for (int i = 0; i < reader.dimensions; ++i) {
    reader.sizes[static_cast<size_t>(i)] = BigEndian<int32_t>(cell.data() + 12 + 8 * i);
  }
  reader.rest = cell.substr(head);
  const CellResult result = reader.AppendLevel(0, out);
  return result == kWritten && !reader.rest.empty() ? kBadBytes : result;
}

}  // namespace

int64_t ReadInt8(std::string_view cell) { return BigEndian<int64_t>(cell.data()); }

CellWriter FindCellWriter(uint32_t type_oid) {
  if (const CellWriter writer = FindScalarWriter(type_oid)) return writer;
  const auto* const end = std::end(type_oid::kArrays);
  return std::find(std::begin(type_oid::kArrays), end, type_oid) == end ? nullptr : AppendArray;
}

base::Error CellError(CellResult result, uint32_t type_oid, size_t bytes) {
  if (result == CellResult::kNoJson) {
    return base::RejectDocument(
        "the value is stored as json, but cannot be read as JSON: it has \\u0000, or half of a "
        "surrogate pair");
  }
  if (result == CellResult::kTooDeep) {
    return base::RejectDocument(fmt::format(
        "the value has more than {} levels of arrays and objects, which readers of JSON refuse",
        kDeepestJson));
  }
  return base::Fatal(fmt::format(
      "a value of type {} arrived as {} bytes that are not its binary form", type_oid, bytes));
}

base::Status AppendCell(uint32_t type_oid, std::string_view cell, std::string* out) {
  const CellWriter writer = FindCellWriter(type_oid);
  if (!writer) {
    return base::Fatal(fmt::format("no JSON writer for type {}; to_json was expected", type_oid));
  }
  const CellResult result = writer(cell, out);
  if (result != kWritten) return CellError(result, type_oid, cell.size());
  return {};
}

}  // namespace assemble
