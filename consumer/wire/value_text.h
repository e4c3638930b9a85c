// Typed column values of the wire -> text in PostgreSQL's own input form, as under DateStyle=ISO,
// TimeZone=UTC. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wire {

// "1e+100", "0.1", "NaN", "-Infinity": the shortest text that reads back as the same number.
std::string FloatText(float value);
std::string FloatText(double value);

// Days since 2000-01-01: "2020-01-02", "0044-03-15 BC"; the ends of int32 are "-infinity" and
// "infinity".
std::string DateText(int32_t days);

// Microseconds since 2000-01-01: "2020-01-02 03:04:05.6", `zone` behind it ("" or "+00"); the ends
// of int64 are infinite.
std::string TimestampText(int64_t microseconds, std::string_view zone);

// REQUIRES: 16 bytes.
std::string UuidText(std::string_view bytes);

}  // namespace wire
