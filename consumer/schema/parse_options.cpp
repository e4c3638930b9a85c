#include "consumer/schema/parse_options.h"

#include <algorithm>
#include <utility>

namespace schema {
namespace {

void CheckTwice(const std::vector<std::string>& names, const std::string& path,
                Findings* findings) {
  for (size_t i = 0; i < names.size(); ++i) {
    const auto end = names.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(names.begin(), end, names[i]) == end) continue;
    findings->Error(path + "[" + std::to_string(i) + "]", "\"" + names[i] + "\" is listed twice");
  }
}

// "order-{tenant}-{id}": texts and columns in turn; {{ and }} are braces.
std::optional<IdSpec> ReadTemplate(const std::string& text, const std::string& path,
                                   Findings* findings) {
  IdSpec spec;
  spec.path = path;
  spec.texts.emplace_back();
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c != '{' && c != '}') {
      spec.texts.back() += c;
    } else if (at + 1 < text.size() && text[at + 1] == c) {
      spec.texts.back() += c;
      ++at;
    } else {
      const size_t end = c == '{' ? text.find_first_of("{}", at + 1) : std::string::npos;
      if (end == std::string::npos || text[end] == '{' || end == at + 1) {
        findings->Error(path, "\"" + text + "\": a column stands in braces, like {id}; write {{ " +
                                  "and }} for braces");
        return std::nullopt;
      }
      spec.columns.push_back(text.substr(at + 1, end - at - 1));
      spec.texts.emplace_back();
      at = end;
    }
  }
  if (spec.columns.empty()) {
    findings->Error(path, "\"" + text + "\" names no column: all documents would have one id");
    return std::nullopt;
  }
  for (size_t i = 1; i < spec.columns.size(); ++i) {
    if (!spec.texts[i].empty()) continue;
    findings->Error(path, "\"" + text + "\": {" + spec.columns[i - 1] + "} and {" +
                              spec.columns[i] +
                              "} run together: two rows could share an id; put a text between");
  }
  return spec;
}

}  // namespace

void ReadId(const Json& value, const std::string& path, DocumentSpec* document,
            Findings* findings) {
  if (value.is_string()) {
    const auto text = ReadString(value, path, findings);
    if (text) document->id = ReadTemplate(*text, path, findings);
    if (document->id) CheckTwice(document->id->columns, path, findings);
    return;
  }
  if (!value.is_array()) {
    findings->Error(path, "expected a list of columns or a template; found " + KindOf(value));
    return;
  }
  if (value.empty()) return;
  IdSpec spec;
  spec.path = path;
  spec.columns = ReadStrings(value, path, findings);
  CheckTwice(spec.columns, path, findings);
  document->id = std::move(spec);
}

void ReadPlugins(const Json& value, bool skip, const std::string& path, Findings* findings) {
  const std::vector<std::string> names = ReadStrings(value, path, findings);
  CheckTwice(names, path, findings);
  if (skip) {
    if (!names.empty()) {
      findings->Warning(path, "skipped: documents are built without " + Joined(names));
    }
    return;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    findings->Error(path + "[" + std::to_string(i) + "]",
                    "unknown plugin \"" + names[i] +
                        "\"; known: none in this version; with --skip-plugins documents are built "
                        "without it");
  }
}

}  // namespace schema
