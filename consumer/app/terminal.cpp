#include "consumer/app/terminal.h"

#include <cstdio>
#include <iostream>
#include <memory>

#include <termios.h>
#include <unistd.h>

namespace app {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string ReadLine(std::FILE* file) {
  std::string line;
  for (int c = std::fgetc(file); c != EOF && c != '\n'; c = std::fgetc(file)) {
    line += static_cast<char>(c);
  }
  return line;
}

}  // namespace

base::Result<std::string> AskPassword(const std::string& prompt) {
  const std::unique_ptr<std::FILE, CloseFile> terminal(std::fopen("/dev/tty", "r+"));
  termios shown{};
  if (!terminal || tcgetattr(fileno(terminal.get()), &shown) != 0) {
    return base::Usage("--password: there is no terminal to ask on; set PG_PASSWORD instead");
  }
  std::fputs(prompt.c_str(), terminal.get());
  std::fflush(terminal.get());
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  tcsetattr(fileno(terminal.get()), TCSAFLUSH, &hidden);
  std::string password = ReadLine(terminal.get());
  tcsetattr(fileno(terminal.get()), TCSAFLUSH, &shown);
  std::fputc('\n', terminal.get());
  return password;
}

base::Result<bool> AskYes(const std::string& question) {
  if (isatty(STDIN_FILENO) == 0) {
    return base::Refused("there is no terminal to ask on; add --yes if you are sure");
  }
  std::cerr << question << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "yes";
}

}  // namespace app
