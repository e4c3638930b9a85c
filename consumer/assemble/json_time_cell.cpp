#include "consumer/assemble/json_time_cell.h"

#include <cstdint>
#include <limits>

#include <fmt/format.h>

#include "consumer/assemble/cell_bytes.h"

namespace assemble {
namespace {

constexpr CellResult kWritten = CellResult::kWritten;
constexpr CellResult kBadBytes = CellResult::kBadBytes;
constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kDay = 24 * kHour;

// A text being made on the stack. The longest, an interval with the largest of everything, has
// about 100 characters.
class Text {
 public:
  explicit Text(std::string* out) : out_(out) { Put('"'); }
  ~Text() {
    Put('"');
    out_->append(text_, static_cast<size_t>(at_ - text_));
  }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  void Put(char c) { *at_++ = c; }
  void Put(std::string_view text) {
    for (const char c : text) *at_++ = c;
  }
  void TwoDigits(int64_t value) {
    if (value > 99) return Number(value);
    Put(static_cast<char>('0' + value / 10));
    Put(static_cast<char>('0' + value % 10));
  }
  void Number(int64_t value) { at_ = fmt::format_to(at_, "{}", value); }
  void Year(int64_t year) {
    if (year > 9999) return Number(year);
    TwoDigits(year / 100);
    TwoDigits(year % 100);
  }
  // hh:mm:ss and, without its trailing zeros, the fraction. REQUIRES: not negative.
  void Clock(int64_t microseconds) {
    TwoDigits(microseconds / kHour);
    Put(':');
    TwoDigits(microseconds / (60 * kSecond) % 60);
    Put(':');
    TwoDigits(microseconds / kSecond % 60);
    int64_t fraction = microseconds % kSecond;
    if (fraction == 0) return;
    Put('.');
    for (int64_t digit = kSecond / 10; fraction > 0; digit /= 10) {
      Put(static_cast<char>('0' + fraction / digit));
      fraction %= digit;
    }
  }

 private:
  std::string* out_;
  char text_[160];
  char* at_ = text_;
};

struct Date {
  int64_t year;  // 0 is 1 BC
  int month, day;
};

// Days since 2000-01-01 in the proleptic Gregorian calendar. Counted from 0000-03-01, so that the
// leap day is the last one of a year, in eras of 400 years.
Date DateOf(int64_t days) {
  constexpr int64_t kEra = 146097, kFrom0000March = 730425;
  days += kFrom0000March;
  const int64_t era = (days >= 0 ? days : days - (kEra - 1)) / kEra;
  const int64_t of_era = days - era * kEra;
  const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (kEra - 1)) / 365;
  const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const auto march_month = static_cast<int>((5 * of_year + 2) / 153);
  const auto day = static_cast<int>(of_year - (153 * march_month + 2) / 5 + 1);
  const int month = march_month < 10 ? march_month + 3 : march_month - 9;
  return {year + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

void PutDate(const Date& date, Text* text) {
  text->Year(date.year > 0 ? date.year : 1 - date.year);
  text->Put('-');
  text->TwoDigits(date.month);
  text->Put('-');
  text->TwoDigits(date.day);
}

template <typename Integer>
bool PutInfinity(Integer value, Text* text) {
  if (value == std::numeric_limits<Integer>::max()) {
    text->Put("infinity");
  } else if (value == std::numeric_limits<Integer>::min()) {
    text->Put("-infinity");
  } else {
    return false;
  }
  return true;
}

CellResult AppendTimestamp(std::string_view cell, std::string_view zone, std::string* out) {
  if (cell.size() != 8) return kBadBytes;
  const auto microseconds = BigEndian<int64_t>(cell.data());
  Text text(out);
  if (PutInfinity(microseconds, &text)) return kWritten;
  int64_t days = microseconds / kDay, clock = microseconds % kDay;
  if (clock < 0) {
    --days;
    clock += kDay;
  }
  const Date date = DateOf(days);
  PutDate(date, &text);
  text.Put('T');
  text.Clock(clock);
  text.Put(zone);
  if (date.year <= 0) text.Put(" BC");
  return kWritten;
}

}  // namespace

CellResult AppendDateCell(std::string_view cell, std::string* out) {
  if (cell.size() != 4) return kBadBytes;
  const auto days = BigEndian<int32_t>(cell.data());
  Text text(out);
  if (PutInfinity(days, &text)) return kWritten;
  const Date date = DateOf(days);
  PutDate(date, &text);
  if (date.year <= 0) text.Put(" BC");
  return kWritten;
}

CellResult AppendTimestampCell(std::string_view cell, std::string* out) {
  return AppendTimestamp(cell, "", out);
}

CellResult AppendTimestamptzCell(std::string_view cell, std::string* out) {
  return AppendTimestamp(cell, "+00:00", out);
}

CellResult AppendTimeCell(std::string_view cell, std::string* out) {
  if (cell.size() != 8) return kBadBytes;
  const auto clock = BigEndian<int64_t>(cell.data());
  if (clock < 0 || clock > kDay) return kBadBytes;
  Text(out).Clock(clock);
  return kWritten;
}

// The zone is sent as seconds *west* of UTC; minutes and seconds are written when there are any.
CellResult AppendTimetzCell(std::string_view cell, std::string* out) {
  if (cell.size() != 12) return kBadBytes;
  const auto clock = BigEndian<int64_t>(cell.data());
  const auto west = BigEndian<int32_t>(cell.data() + 8);
  constexpr int32_t kMost = 16 * 3600;
  if (clock < 0 || clock > kDay || west <= -kMost || west >= kMost) return kBadBytes;
  Text text(out);
  text.Clock(clock);
  text.Put(west <= 0 ? '+' : '-');
  const int zone = west < 0 ? -west : west;
  text.TwoDigits(zone / 3600);
  if (zone % 3600 != 0) {
    text.Put(':');
    text.TwoDigits(zone / 60 % 60);
  }
  if (zone % 60 != 0) {
    text.Put(':');
    text.TwoDigits(zone % 60);
  }
  return kWritten;
}

// EncodeInterval, INTSTYLE_POSTGRES: a part behind a negative one has its sign written.
CellResult AppendIntervalCell(std::string_view cell, std::string* out) {
  if (cell.size() != 16) return kBadBytes;
  const auto clock = BigEndian<int64_t>(cell.data());
  const auto days = BigEndian<int32_t>(cell.data() + 8);
  const auto months = BigEndian<int32_t>(cell.data() + 12);
  using Most64 = std::numeric_limits<int64_t>;
  using Most32 = std::numeric_limits<int32_t>;
  Text text(out);
  // Since PostgreSQL 17; before it, nobody has an interval of this length.
  if (clock == Most64::max() && days == Most32::max() && months == Most32::max()) {
    text.Put("infinity");
    return kWritten;
  }
  if (clock == Most64::min() && days == Most32::min() && months == Most32::min()) {
    text.Put("-infinity");
    return kWritten;
  }
  bool first = true, after_negative = false;
  const auto part = [&](int32_t value, std::string_view unit) {
    if (value == 0) return;
    if (!first) text.Put(' ');
    if (after_negative && value > 0) text.Put('+');
    text.Number(value);
    text.Put(' ');
    text.Put(unit);
    if (value != 1) text.Put('s');
    after_negative = value < 0;
    first = false;
  };
  part(months / 12, "year");
  part(months % 12, "mon");
  part(days, "day");
  if (!first && clock == 0) return kWritten;
  if (!first) text.Put(' ');
  if (clock < 0) {
    text.Put('-');
  } else if (after_negative) {
    text.Put('+');
  }
  if (clock == Most64::min()) {  // has no positive
    text.Put("2562047788:00:54.775808");
  } else {
    text.Clock(clock < 0 ? -clock : clock);
  }
  return kWritten;
}

}  // namespace assemble
