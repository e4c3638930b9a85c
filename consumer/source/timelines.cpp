#include "consumer/source/timelines.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace source {

bool Timelines::Have(int timeline, base::Lsn position) const {
  const bool known = current == 1 || !before.empty();
  if (!known || timeline == 0 || timeline == current) return true;
  return std::any_of(before.begin(), before.end(), [&](const Ended& one) {
    return one.timeline == timeline && position <= one.end;
  });
}

std::vector<Timelines::Ended> ParseTimelineHistory(std::string_view text) {
  std::vector<Timelines::Ended> before;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    Timelines::Ended one;
    const auto number = std::from_chars(line.data(), line.data() + line.size(), one.timeline);
    std::string_view rest = line.substr(static_cast<size_t>(number.ptr - line.data()));
    if (number.ec != std::errc() || rest.empty()) continue;
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(" \t")));
    const auto end = base::ParseLsn(rest.substr(0, rest.find_first_of(" \t\r")));
    if (!end) continue;
    one.end = *end;
    before.push_back(one);
  }
  return before;
}

base::Result<Timelines> ReadTimelines(pg::Connection& connection, int current) {
  Timelines timelines;
  timelines.current = current;
  if (current <= 1) return timelines;
  auto history = connection.Query(fmt::format("TIMELINE_HISTORY {}", current));
  if (!history) {
    if (connection.SqlState() == "58P01") return timelines;  // undefined_file
    return std::move(history).error().While("reading the timeline's history");
  }
  if (history->size() == 1 && history->columns() >= 2) {
    timelines.before = ParseTimelineHistory(history->Cell(0, 1));
  }
  return timelines;
}

}  // namespace source
