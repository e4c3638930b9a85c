// Environment: variables of the process, with the `.env` file of the working directory behind them
// (the process wins), and the table that says what each variable of PGSync means here
// (docs/schema-reference.md section 12). Values: immutable.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"

namespace app {

class Environment {
 public:
  Environment() = default;
  explicit Environment(std::map<std::string, std::string> variables)
      : variables_(std::move(variables)) {}

  // Returns the variable's value; a variable that is set to "" counts as absent, as in PGSync.
  std::optional<std::string> Get(const std::string& name) const;

 private:
  std::map<std::string, std::string> variables_;
};

// Returns the variables of a `.env` text: NAME=value lines, optionally after `export`; # comments;
// values bare, in 'single quotes' (verbatim) or "double quotes" (\n \t \" \\ \$). kUsage names the
// line that is none of these, never its content.
base::Result<std::map<std::string, std::string>> ParseDotEnv(std::string_view text);

// The process's environment over `.env` in the working directory (absent file: nothing). Variables
// of `.env` that the process does not have are added to it. REQUIRES: no other thread runs yet.
base::Result<Environment> ReadEnvironment();

enum class Treatment : uint8_t {
  kUse,     // same meaning as in PGSync
  kWarn,    // accepted and ignored; one line at start names all of them that are set
  kRefuse,  // start fails with the reason
};

struct VariableRule {
  std::string_view name;
  Treatment treatment = Treatment::kUse;
  std::string_view reason;  // for kRefuse: why, and what to do instead
  // The reference says "use", but not in this version: the treatment above holds until then.
  bool later = false;
};

// Every variable of section 12, in its order.
std::span<const VariableRule> VariableRules();

struct EnvironmentCheck {
  std::vector<std::string> ignored;  // names of kWarn variables that are set
  std::vector<std::string> refused;  // "NAME: reason"
};
EnvironmentCheck CheckEnvironment(const Environment& environment);

// Typed reading. The error names the variable or flag (`what`), what was found and what is allowed.
base::Result<bool> ParseBool(const std::string& what, const std::string& text);
base::Result<int64_t> ParseInteger(const std::string& what, const std::string& text, int64_t least,
                                   int64_t most);
// Seconds, fractions allowed, more than 0.
base::Result<std::chrono::milliseconds> ParseSeconds(const std::string& what,
                                                     const std::string& text);

// The position of the word among `allowed`; the error names the nearest.
base::Result<size_t> ParseWord(const std::string& what, const std::string& text,
                               const std::vector<std::string>& allowed);

}  // namespace app
