#include "consumer/app/live_line.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

namespace app {
namespace {

constexpr size_t kUsualColumns = 80;

size_t ColumnsOfTerminal() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

}  // namespace

std::unique_ptr<LiveLine> LiveLine::OnTerminal(base::LogFormat format, base::Logger& log) {
  const char* terminal = std::getenv("TERM");
  const bool can = terminal != nullptr && std::string_view(terminal) != "dumb";
  if (format != base::LogFormat::kText || !can || isatty(STDERR_FILENO) == 0) return nullptr;
  return std::make_unique<LiveLine>(log);
}

LiveLine::~LiveLine() {
  std::lock_guard lock(mutex_);
  Erase();
}

void LiveLine::Write(base::LogLevel level, std::string_view room, std::string_view text) {
  std::lock_guard lock(mutex_);
  Erase();
  log_.Write(level, room, text);
  Draw();
}

void LiveLine::Show(const std::string& part, std::string text) {
  std::lock_guard lock(mutex_);
  if (text.empty()) {
    if (parts_.erase(part) == 0) return;
  } else {
    parts_[part] = std::move(text);
  }
  Erase();
  Draw();
}

void LiveLine::Erase() {
  if (!std::exchange(drawn_, false)) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

void LiveLine::Draw() {
  if (parts_.empty()) return;
  std::string line;
  for (const auto& [part, text] : parts_) line += (line.empty() ? "" : " | ") + text;
  // The last place stays free: some terminals begin a new line once it is written.
  std::fputs(Fitted(line, ColumnsOfTerminal() - 1).c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

std::string BarText(double share, int width) {
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * width);
  return "[" + std::string(static_cast<size_t>(full), '#') +
         std::string(static_cast<size_t>(width - full), '-') + "]";
}

std::string Fitted(const std::string& text, size_t columns) {
  size_t places = 0, at = 0;
  while (at < text.size() && places < columns) {
    ++at;
    // The rest of a character in UTF-8.
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    ++places;
  }
  return text.substr(0, at);
}

}  // namespace app
