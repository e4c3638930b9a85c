#include "consumer/schema/column_path.h"

#include <algorithm>
#include <array>
#include <optional>

#include "consumer/schema/expression.h"

namespace schema {
namespace {

constexpr uint32_t kJson = 114, kText = 25;                                         // pg_type.dat
constexpr std::array<std::string_view, 4> kOperators = {"#>>", "->>", "#>", "->"};  // longest first
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kGreatestIndex = "2147483647";  // the operators take an int4

std::string_view OperatorAt(std::string_view text, size_t at) {
  for (const std::string_view op : kOperators) {
    if (text.substr(at, op.size()) == op) return op;
  }
  return {};
}

size_t SkipSpace(std::string_view text, size_t at) {
  return std::min(text.find_first_not_of(kSpace, at), text.size());
}

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view WithoutLeadingZeros(std::string_view digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 1));
}

// Returns where the quoted text or the braces that open at `at` end (one past), or nothing if they
// do not.
std::optional<size_t> EndOfQuotes(std::string_view text, size_t at) {
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] != '\'') continue;
    if (i + 1 < text.size() && text[i + 1] == '\'') {
      ++i;
      continue;
    }
    return i + 1;
  }
  return std::nullopt;
}

std::optional<size_t> EndOfBraces(std::string_view text, size_t at) {
  bool quoted = false;
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == '}' && !quoted) {
      return i + 1;
    }
  }
  return std::nullopt;
}

struct Piece {
  std::string_view text;  // trimmed, with its quotes or braces
  size_t end = 0;         // where the next operator starts, or the end of the entry
  bool quoted = false;
};

// Operators inside quotes and braces belong to the piece, if what follows them is an operator or
// the end.
Piece PieceAt(std::string_view entry, size_t start, std::string_view after) {
  const size_t first = SkipSpace(entry, start);
  std::optional<size_t> closed;
  if (after.starts_with('-') && entry.substr(first, 1) == "'") closed = EndOfQuotes(entry, first);
  if (after.starts_with('#') && entry.substr(first, 1) == "{") closed = EndOfBraces(entry, first);
  if (closed) {
    const size_t next = SkipSpace(entry, *closed);
    if (next == entry.size() || !OperatorAt(entry, next).empty()) {
      return {entry.substr(first, *closed - first), next, after.starts_with('-')};
    }
  }
  size_t end = first;
  while (end < entry.size() && OperatorAt(entry, end).empty()) ++end;
  return {Trimmed(entry.substr(first, end - first)), end, false};
}

// Returns the elements of `{a, "b", 0}`, or nothing if it is not such a list. Follows array_in of
// the server, but nested braces and empty elements are errors, and NULL is the key "NULL".
std::optional<std::vector<std::string>> ElementsOf(std::string_view braces) {
  if (braces.size() < 2 || braces.front() != '{' || braces.back() != '}') return std::nullopt;
  const std::string_view inner = braces.substr(1, braces.size() - 2);
  std::vector<std::string> elements;
  if (Trimmed(inner).empty()) return elements;
  for (size_t at = 0;;) {
    at = SkipSpace(inner, at);
    std::string element;
    if (at < inner.size() && inner[at] == '"') {
      ++at;
      while (at < inner.size() && inner[at] != '"') {
        if (inner[at] == '\\') ++at;
        if (at < inner.size()) element += inner[at++];
      }
      if (at == inner.size()) return std::nullopt;
      at = SkipSpace(inner, at + 1);
    } else {
      const size_t comma = std::min(inner.find(',', at), inner.size());
      element = Trimmed(inner.substr(at, comma - at));
      if (element.empty() || element.find_first_of("{}\"\\") != std::string::npos) {
        return std::nullopt;
      }
      at = comma;
    }
    elements.push_back(std::move(element));
    if (at == inner.size()) return elements;
    if (inner[at] != ',') return std::nullopt;
    ++at;
  }
}

std::string WithoutBraces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '{' && c != '}') out += c;
  }
  return out;
}

std::string Unquoted(std::string_view quoted) {
  std::string out;
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] == '\'') ++i;  // the second of two
    out += quoted[i];
  }
  return out;
}

std::string ArrayLiteral(const std::vector<std::string>& elements) {
  std::string array = "{";
  for (const std::string& element : elements) {
    if (array.size() > 1) array += ',';
    array += '"';
    for (const char c : element) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return SqlLiteral(array + "}");
}

base::Error Wrong(std::string_view entry, const std::string& what) {
  return base::Usage("\"" + std::string(entry) + "\": " + what);
}

// "hstore" or "extensions.hstore": an extension's type has no fixed oid.
bool IsHstore(const CatalogColumn& column) {
  return column.type_name == "hstore" || column.type_name.ends_with(".hstore");
}

}  // namespace

base::Result<ColumnPath> ParseColumnPath(std::string_view entry) {
  ColumnPath path;
  const Piece name = PieceAt(entry, 0, "");
  if (name.end == entry.size()) {  // no operator: the entry is the name, white space and all
    if (entry.empty()) return Wrong(entry, "a column name cannot be empty");
    path.column = path.key = entry;
    return path;
  }
  if (name.text.empty()) return Wrong(entry, "the column before the first operator is missing");
  path.column = path.key = name.text;
  for (size_t at = name.end; at < entry.size();) {
    const std::string_view op = OperatorAt(entry, at);
    if (!path.steps.empty() && path.steps.back().op.ends_with(">>")) {
      return Wrong(entry, "nothing may follow " + path.steps.back().op);
    }
    const Piece piece = PieceAt(entry, at + op.size(), op);
    if (piece.text.empty()) return Wrong(entry, "nothing stands after " + std::string(op));
    PathStep step;
    step.op = op;
    if (op.starts_with('#')) {
      auto elements = ElementsOf(piece.text);
      if (!elements) {
        return Wrong(entry, "after " + std::string(op) + " comes a path in braces, as {a,b,0}");
      }
      step.elements = *std::move(elements);
      path.key += "_" + WithoutBraces(piece.text);
    } else if (piece.quoted) {
      step.key = Unquoted(piece.text);
      path.key += "_" + step.key;
    } else {
      step.key = piece.text;
      step.index = IsDigits(piece.text);
      if (step.index) {
        const std::string_view digits = WithoutLeadingZeros(piece.text);
        if (digits.size() > kGreatestIndex.size() ||
            (digits.size() == kGreatestIndex.size() && digits > kGreatestIndex)) {
          return Wrong(entry, "an array index is at most " + std::string(kGreatestIndex));
        }
      }
      path.key += "_" + WithoutBraces(piece.text);
    }
    path.steps.push_back(std::move(step));
    at = piece.end;
  }
  return path;
}

base::Result<PathSql> SqlOfPath(const ColumnPath& path, const std::string& entry,
                                const CatalogColumn& column) {
  constexpr uint32_t kJsonb = 3802;
  if (path.steps.empty()) return PathSql{"", column.type_oid};
  const std::string& type = column.declared_type.empty() ? column.type_name : column.declared_type;
  if (IsHstore(column)) {
    if (path.steps.size() > 1 || path.steps[0].op != "->") {
      return Wrong(entry, path.column + " is hstore; its only path is one ->");
    }
    return PathSql{"->" + SqlLiteral(path.steps[0].key), kText};
  }
  if (column.type_oid != kJson && column.type_oid != kJsonb) {
    return Wrong(entry, path.column + " is " + type + "; a path needs json or jsonb");
  }
  PathSql result{"", column.type_oid};
  for (const PathStep& step : path.steps) {
    result.sql += step.op;
    if (step.op.starts_with('#')) {
      result.sql += ArrayLiteral(step.elements);
    } else {
      result.sql += step.index ? step.key : SqlLiteral(step.key);
    }
    if (step.op.ends_with(">>")) result.type_oid = kText;
  }
  return result;
}

}  // namespace schema
