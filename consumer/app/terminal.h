// The operator at the terminal: questions that need a person.
#pragma once

#include <string>

#include "consumer/base/result.h"

namespace app {

// Asks on /dev/tty without echo. kUsage when there is no terminal.
base::Result<std::string> AskPassword(const std::string& prompt);

// Prints `question` on standard error and reads a line from standard input; true for exactly "yes".
// kRefused when standard input is not a terminal.
base::Result<bool> AskYes(const std::string& question);

}  // namespace app
