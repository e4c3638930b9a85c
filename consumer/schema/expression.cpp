#include "consumer/schema/expression.h"

#include <cctype>

namespace schema {
namespace {

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

// Bytes above 127 are letters to PostgreSQL's lexer.
bool StartsWord(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' ||
         static_cast<unsigned char>(c) > 127;
}
bool ContinuesWord(char c) {
  return StartsWord(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '$';
}

// Walks over the text once, token by token, as the server's lexer (scan.l) would.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::string Fault();

 private:
  bool At(std::string_view what) const { return text_.substr(at_, what.size()) == what; }
  std::string Quoted(char quote, bool backslashes);
  std::string BlockComment();
  std::string DollarQuoted();
  std::string Word();
  std::string Number();
  std::string Symbol();

  const std::string_view text_;
  size_t at_ = 0;
  std::string open_;  // brackets that are not closed yet
  bool empty_ = true;
  bool after_escape_string_ = false;
};

std::string Scanner::Fault() {
  if (text_.find('\0') != std::string_view::npos) return "holds the character \\u0000";
  while (at_ < text_.size()) {
    std::string fault;
    const char c = text_[at_];
    if (IsSpace(c)) {
      ++at_;
      continue;
    }
    if (At("--")) {
      while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
      continue;
    }
    if (At("/*")) {
      fault = BlockComment();
      if (!fault.empty()) return fault;
      continue;
    }
    empty_ = false;
    // A string that goes on after a line break goes on with its rules for backslashes.
    if (c == '\'' && after_escape_string_) return "has a string in two pieces; write it in one";
    after_escape_string_ = false;
    if (c == '\'' || c == '"') {
      fault = Quoted(c, false);
    } else if (c == '$') {
      fault = DollarQuoted();
    } else if (StartsWord(c)) {
      fault = Word();
    } else if (std::isdigit(static_cast<unsigned char>(c))) {
      fault = Number();
    } else {
      fault = Symbol();
    }
    if (!fault.empty()) return fault;
  }
  if (!open_.empty()) return std::string("a \"") + open_.back() + "\" is not closed";
  if (empty_) return "an expression cannot be empty";
  return "";
}

std::string Scanner::Quoted(char quote, bool backslashes) {
  for (++at_; at_ < text_.size(); ++at_) {
    if (backslashes && text_[at_] == '\\') {
      ++at_;
    } else if (text_[at_] == quote) {
      ++at_;
      if (at_ == text_.size() || text_[at_] != quote) {
        after_escape_string_ = backslashes;
        return "";
      }
    }
  }
  return std::string("a ") + quote + " is not closed";
}

std::string Scanner::BlockComment() {
  size_t depth = 0;
  while (at_ < text_.size()) {
    if (At("/*")) {
      ++depth;
      at_ += 2;
    } else if (At("*/")) {
      at_ += 2;
      if (--depth == 0) return "";
    } else {
      ++at_;
    }
  }
  return "a /* is not closed";
}

std::string Scanner::DollarQuoted() {
  size_t end = at_ + 1;
  if (end < text_.size() && StartsWord(text_[end])) {
    while (end < text_.size() && ContinuesWord(text_[end]) && text_[end] != '$') ++end;
  }
  if (end < text_.size() && std::isdigit(static_cast<unsigned char>(text_[end]))) {
    return "has a parameter; there is nothing to fill it with";
  }
  if (end >= text_.size() || text_[end] != '$') return "has a \"$\" that begins no quote";
  const std::string_view tag = text_.substr(at_, end + 1 - at_);
  const size_t close = text_.find(tag, end + 1);
  if (close == std::string_view::npos) return "a " + std::string(tag) + " is not closed";
  at_ = close + tag.size();
  return "";
}

std::string Scanner::Word() {
  const size_t begin = at_;
  while (at_ < text_.size() && ContinuesWord(text_[at_])) ++at_;
  const bool escapes = at_ == begin + 1 && (text_[begin] == 'e' || text_[begin] == 'E');
  if (escapes && At("'")) return Quoted('\'', true);
  return "";
}

// With what may be glued to it. Versions of PostgreSQL differ in where a number ends before a
// quote.
std::string Scanner::Number() {
  bool dollar = false;
  for (; at_ < text_.size() && (ContinuesWord(text_[at_]) || text_[at_] == '.'); ++at_) {
    dollar = dollar || text_[at_] == '$';
  }
  if (dollar || At("'")) return "has a quote right after a number";
  return "";
}

std::string Scanner::Symbol() {
  const char c = text_[at_++];
  switch (c) {
    case '(':
    case '[':
      open_ += c;
      return "";
    case ')':
    case ']':
      if (open_.empty() || open_.back() != (c == ')' ? '(' : '[')) {
        return std::string("a \"") + c + "\" has no beginning";
      }
      open_.pop_back();
      return "";
    case ',':
      return open_.empty() ? "has a \",\" outside of parentheses; it must be one expression" : "";
    case ';':
      return "has a \";\"; it must be one expression";
    default:
      return "";
  }
}

}  // namespace

std::string FaultOfExpression(std::string_view text) { return Scanner(text).Fault(); }

std::string SqlLiteral(std::string_view text) {
  std::string out = text.find('\\') == std::string_view::npos ? "'" : "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

}  // namespace schema
