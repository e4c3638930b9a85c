#include "consumer/app/typed_command.h"

#include <array>
#include <cctype>

namespace app {
namespace {

constexpr std::string_view kPlaceholder = " SCHEMA";

std::string ForShell(std::string_view word) {
  constexpr std::string_view kPlain = "_-./:@%+=,";
  bool plain = !word.empty();
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    plain = plain &&
            ((byte < 128 && std::isalnum(byte) != 0) || kPlain.find(c) != std::string_view::npos);
  }
  if (plain) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

// Does `text` end with a command's word, options like --apply behind it set aside?
bool EndsWithCommand(std::string_view text) {
  constexpr std::array kCommands = {Command::kRun,     Command::kLoad,      Command::kValidate,
                                    Command::kPlan,    Command::kBootstrap, Command::kTeardown,
                                    Command::kPreview, Command::kStatus,    Command::kVerify,
                                    Command::kResync};
  size_t space = text.rfind(' ');
  while (space != std::string_view::npos && text.substr(space + 1).starts_with("--")) {
    text = text.substr(0, space);
    space = text.rfind(' ');
  }
  for (const std::string_view action : {"dlq list", "dlq replay"}) {
    if (text.ends_with(action)) return true;
  }
  for (const Command command : kCommands) {
    const std::string_view word = ToString(command);
    if (!text.ends_with(word)) continue;
    const std::string_view before = text.substr(0, text.size() - word.size());
    if (before.empty() || std::isalnum(static_cast<unsigned char>(before.back())) == 0) return true;
  }
  return false;
}

}  // namespace

std::string SchemaArguments(const Config& config) {
  std::string arguments = ForShell(config.schema_path);
  const auto add = [&](std::string_view flag, std::string_view value) {
    arguments.append(" ").append(flag).append(" ").append(ForShell(value));
  };
  if (config.several_databases) add("--database", config.database);
  if (!config.name.empty()) add("--name", config.name);
  if (!config.slot.empty()) add("--slot", config.slot);
  if (config.target_given) add("--target", ToDisplay(config.target));
  if (config.queue_given) add("--queue", ToDisplay(config.queue));
  return arguments;
}

std::string WithSchemaArguments(std::string_view text, const Config& config) {
  std::string filled;
  for (size_t at; (at = text.find(kPlaceholder)) != std::string_view::npos;) {
    const std::string_view before = text.substr(0, at);
    text.remove_prefix(at + kPlaceholder.size());
    const bool whole = text.empty() || std::isalnum(static_cast<unsigned char>(text.front())) == 0;
    filled += before;
    filled += whole && EndsWithCommand(before) ? " " + SchemaArguments(config)
                                               : std::string(kPlaceholder);
  }
  return filled.append(text);
}

}  // namespace app
