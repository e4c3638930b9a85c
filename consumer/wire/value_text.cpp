#include "consumer/wire/value_text.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace wire {
namespace {

constexpr int64_t kMicrosecondsPerDay = 86'400'000'000;
constexpr int64_t kDaysFromCivilEra = 730'425;  // 0000-03-01 to 2000-01-01

template <typename Float>
std::string ShortestText(Float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

void AppendPadded(int64_t number, int digits, std::string* out) {
  char text[24];
  const char* end = std::to_chars(text, text + sizeof text, number).ptr;
  for (auto length = end - text; length < digits; ++length) out->push_back('0');
  out->append(text, static_cast<size_t>(end - text));
}

// Appends "yyyy-mm-dd" and returns whether the year is BC, which is written at the very end. The
// proleptic Gregorian calendar in cycles of 400 years that begin on 1 March, so that the leap day
// is a cycle's last.
bool AppendDate(int64_t days_since_2000, std::string* out) {
  constexpr int64_t kDaysPerCycle = 146'097;
  const int64_t days = days_since_2000 + kDaysFromCivilEra;
  const int64_t cycle = (days >= 0 ? days : days - (kDaysPerCycle - 1)) / kDaysPerCycle;
  const int64_t day_of_cycle = days - cycle * kDaysPerCycle;
  const int64_t year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 -
                                 day_of_cycle / (kDaysPerCycle - 1)) /
                                365;
  const int64_t day_of_year =
      day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = cycle * 400 + year_of_cycle + (month <= 2 ? 1 : 0);
  const bool before_christ = year <= 0;  // there is no year 0: astronomical 0 is 1 BC
  AppendPadded(before_christ ? 1 - year : year, 4, out);
  out->push_back('-');
  AppendPadded(month, 2, out);
  out->push_back('-');
  AppendPadded(day, 2, out);
  return before_christ;
}

void AppendTime(int64_t microseconds_of_day, std::string* out) {
  const int64_t seconds = microseconds_of_day / 1'000'000;
  int64_t fraction = microseconds_of_day % 1'000'000;
  AppendPadded(seconds / 3600, 2, out);
  out->push_back(':');
  AppendPadded(seconds / 60 % 60, 2, out);
  out->push_back(':');
  AppendPadded(seconds % 60, 2, out);
  if (fraction == 0) return;
  int digits = 6;
  for (; fraction % 10 == 0; fraction /= 10) --digits;
  out->push_back('.');
  AppendPadded(fraction, digits, out);
}

}  // namespace

std::string FloatText(float value) { return ShortestText(value); }
std::string FloatText(double value) { return ShortestText(value); }

std::string DateText(int32_t days) {
  if (days == std::numeric_limits<int32_t>::min()) return "-infinity";
  if (days == std::numeric_limits<int32_t>::max()) return "infinity";
  std::string text;
  if (AppendDate(days, &text)) text += " BC";
  return text;
}

std::string TimestampText(int64_t microseconds, std::string_view zone) {
  if (microseconds == std::numeric_limits<int64_t>::min()) return "-infinity";
  if (microseconds == std::numeric_limits<int64_t>::max()) return "infinity";
  int64_t days = microseconds / kMicrosecondsPerDay;
  int64_t time = microseconds % kMicrosecondsPerDay;
  if (time < 0) {
    time += kMicrosecondsPerDay;
    --days;
  }
  std::string text;
  text.reserve(32);
  const bool before_christ = AppendDate(days, &text);
  text.push_back(' ');
  AppendTime(time, &text);
  text += zone;
  if (before_christ) text += " BC";
  return text;
}

std::string UuidText(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text.push_back(kHex[byte >> 4]);
    text.push_back(kHex[byte & 15]);
  }
  return text;
}

}  // namespace wire
