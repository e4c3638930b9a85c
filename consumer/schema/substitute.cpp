#include "consumer/schema/substitute.h"

namespace schema {
namespace {

bool StartsName(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool ContinuesName(char c) { return StartsName(c) || (c >= '0' && c <= '9'); }

std::string_view NameAt(std::string_view text, size_t start) {
  size_t end = start;
  if (end < text.size() && StartsName(text[end])) {
    while (end < text.size() && ContinuesName(text[end])) ++end;
  }
  return text.substr(start, end - start);
}

}  // namespace

std::string Substitute(std::string_view text, const Environment& environment,
                       const std::string& path, Findings* findings) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      out += text[i++];
      continue;
    }
    if (text.substr(i, 2) == "$$") {
      out += '$';
      i += 2;
      continue;
    }
    const bool braced = text.substr(i, 2) == "${";
    const std::string name(NameAt(text, i + (braced ? 2 : 1)));
    const size_t length = name.size() + (braced ? 3 : 1);
    const bool well_formed =
        !name.empty() && i + length <= text.size() && (!braced || text[i + length - 1] == '}');
    if (!well_formed) {
      out += text[i++];
      continue;
    }
    if (const auto value = environment(name)) {
      out += *value;
    } else {
      out += text.substr(i, length);
      if (braced) {
        findings->Warning(path, "the environment has no variable \"" + name + "\": ${" + name +
                                    "} stays as it is");
      }
    }
    i += length;
  }
  return out;
}

}  // namespace schema
