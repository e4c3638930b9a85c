#include "consumer/base/log.h"

#include <string>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "consumer/base/json_text.h"

namespace base {
namespace {

spdlog::level::level_enum SpdLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

class SpdLogger : public Logger {
 public:
  SpdLogger(LogFormat format, LogLevel minimum)
      : format_(format),
        logger_("pgsync-consumer", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_level(SpdLevel(minimum));
    logger_.flush_on(spdlog::level::debug);
    logger_.set_pattern(format == LogFormat::kJson
                            ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                            : "%Y-%m-%d %H:%M:%S.%e %l %v");
  }

  void Write(LogLevel level, std::string_view room, std::string_view text) override {
    if (!logger_.should_log(SpdLevel(level))) return;
    std::string line;
    if (format_ == LogFormat::kJson) {
      line += "\"room\":";
      AppendJsonString(room, &line);
      line += ",\"message\":";
      AppendJsonString(text, &line);
    } else {
      line.append(room).append(": ").append(text);
    }
    logger_.log(SpdLevel(level), "{}", line);
  }

 private:
  LogFormat format_;
  spdlog::logger logger_;
};

class SilentLogger : public Logger {
 public:
  void Write(LogLevel, std::string_view, std::string_view) override {}
};

}  // namespace

std::unique_ptr<Logger> MakeLogger(LogFormat format, LogLevel minimum) {
  return std::make_unique<SpdLogger>(format, minimum);
}

std::unique_ptr<Logger> MakeSilentLogger() { return std::make_unique<SilentLogger>(); }

}  // namespace base
