// LiveLine: the last line of the operator's terminal, which changes while something is under way.
// It is a Logger too: log lines appear above it. Several pipelines of one process share it, each
// with its own part. Thread safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "consumer/base/log.h"

namespace app {

class LiveLine : public base::Logger {
 public:
  // Nothing when standard error is not a terminal that can do it, or when `format` is for programs.
  static std::unique_ptr<LiveLine> OnTerminal(base::LogFormat format, base::Logger& log);

  explicit LiveLine(base::Logger& log) : log_(log) {}
  ~LiveLine() override;

  void Write(base::LogLevel level, std::string_view room, std::string_view text) override;

  // "": the part is gone.
  void Show(const std::string& part, std::string text);

 private:
  void Erase();
  void Draw();

  base::Logger& log_;
  std::mutex mutex_;
  std::map<std::string, std::string> parts_;
  bool drawn_ = false;
};

// "[#####-----]", of `width` places. Pure.
std::string BarText(double share, int width);

// At most `columns` places, so that the line does not wrap; never within a character. Pure.
std::string Fitted(const std::string& text, size_t columns);

}  // namespace app
