#include "consumer/app/developer.h"

#include <sstream>

#include <fmt/format.h>

#include "consumer/app/environment.h"

namespace app {

base::Result<DeveloperSettings> ParseDeveloper(const std::string& text) {
  DeveloperSettings settings;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string what = "PGSYNC_DEVELOPER: " + name;
    auto number = ParseInteger(what, equals == std::string::npos ? "" : word.substr(equals + 1), 0,
                               INT32_MAX);
    if (!number) return std::move(number).error();
    if (name == "batch_bytes") {
      settings.batch_bytes = static_cast<size_t>(*number);
    } else if (name == "take_bytes") {
      settings.take_bytes = static_cast<size_t>(*number);
    } else if (name == "slice_ms") {
      settings.slice = std::chrono::milliseconds(*number);
    } else if (name == "climb_keys") {
      settings.climb_keys = static_cast<size_t>(*number);
    } else if (name == "record_ms") {
      settings.record_interval = std::chrono::milliseconds(*number);
    } else if (name == "grace_ms") {
      settings.grace = std::chrono::milliseconds(*number);
    } else if (name == "shuffle") {
      settings.shuffle = static_cast<uint32_t>(*number);
    } else {
      return base::Usage(
          fmt::format("{} is not known; use batch_bytes, take_bytes, slice_ms, climb_keys, "
                      "record_ms, grace_ms or shuffle, "
                      "or unset it",
                      what));
    }
  }
  return settings;
}

}  // namespace app
