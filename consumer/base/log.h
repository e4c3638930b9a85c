// Logger: lines for the operator, on standard error. Behind it is spdlog; nobody else includes
// that. One Logger is made in main and lent to everyone who logs. Thread safe. Never pass it
// secrets or row values above debug level.
#pragma once

#include <memory>
#include <string_view>

namespace base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

class Logger {
 public:
  virtual ~Logger() = default;

  // `room` says who speaks ("source", "sink"); `text` is one line.
  virtual void Write(LogLevel level, std::string_view room, std::string_view text) = 0;

  void Debug(std::string_view room, std::string_view text) { Write(LogLevel::kDebug, room, text); }
  void Info(std::string_view room, std::string_view text) { Write(LogLevel::kInfo, room, text); }
  void Warning(std::string_view room, std::string_view text) {
    Write(LogLevel::kWarning, room, text);
  }
  void Error(std::string_view room, std::string_view text) { Write(LogLevel::kError, room, text); }
};

// Lines go to standard error: "2026-11-23 10:00:00.123 info source: …" or one JSON object per line.
std::unique_ptr<Logger> MakeLogger(LogFormat format, LogLevel minimum);

// Drops everything: for tests.
std::unique_ptr<Logger> MakeSilentLogger();

}  // namespace base
