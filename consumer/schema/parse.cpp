// Parse: the file and its documents. Nodes are read by parse_node, their relationships and
// transforms by files of these names. Nothing here knows a database; what the language means is in
// docs/schema-reference.md.
#include <algorithm>
#include <utility>

#include "consumer/schema/json_text.h"
#include "consumer/schema/parse_node.h"
#include "consumer/schema/parse_options.h"
#include "consumer/schema/substitute.h"

namespace schema {
namespace {

constexpr size_t kIndexNameBytes = 255;  // the engines' limit
constexpr size_t kGenerationSuffixBytes =
    10;  // "_" and nine digits: documents live in <index>_1, <index>_2, …

const std::vector<KnownKey>& DocumentKeys() {
  static const std::vector<KnownKey> keys = {
      {"database"},    {"index"},   {"nodes"},        {"plugins"},
      {"pipeline"},    {"routing"}, {"setting"},      {"mapping"},
      {"mappings"},    {"id"},      {"alias"},        {"version"},
      {"empty_array"}, {"meta"},    {"type_mapping"}, {"schemas", false}};
  return keys;
}

// Replaces variables in the top-level strings. Comments stay as they are.
Json Substituted(Json document, const std::string& path, const Environment& environment,
                 Findings* findings) {
  for (auto& [key, value] : document.items()) {
    if (!value.is_string() || key == "$schema" || key.starts_with('_')) continue;
    value = Substitute(value.get<std::string>(), environment, path + "." + key, findings);
  }
  return document;
}

bool IsLegalIndexName(const std::string& name, bool alias) {
  const size_t most = alias ? kIndexNameBytes - kGenerationSuffixBytes : kIndexNameBytes;
  if (name.empty() || name.size() > most || name == "." || name == "..") return false;
  if (name[0] == '-' || name[0] == '_' || name[0] == '+') return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) < ' ' ||
           std::string_view("\\/*?\"<>| ,#:").find(c) != std::string_view::npos;
  });
}

void CheckIndexName(const DocumentSpec& document, Findings* findings) {
  if (document.index.empty() || IsLegalIndexName(document.index, document.alias)) return;
  findings->Error(
      document.path + ".index",
      "\"" + document.index +
          "\" cannot be an index name: lower case only, none of \\ / * ? \" < > | "
          "space , # :, not starting with - _ +, not . or .., at most 255 bytes" +
          (document.alias ? ", of which the generation suffix of an alias takes 10" : ""));
}

void CheckUnique(const std::vector<DocumentSpec>& before, const DocumentSpec& document,
                 const std::string& file_name, Findings* findings) {
  if (document.database.empty()) return;
  const auto it = std::find_if(before.begin(), before.end(), [&](const DocumentSpec& other) {
    return other.database == document.database && other.index == document.index;
  });
  if (it == before.end()) return;
  findings->Error(document.path + ".index", "(" + document.database + ", " + document.index +
                                                ") is already defined by " + file_name + "[" +
                                                std::to_string(it->number) + "]");
}

// `setting` and the two mappings: any object, the engine judges it.
Json ReadFreeObject(const Json& document, const std::string& key, const std::string& path,
                    Findings* findings) {
  const Json* value = Member(document, key);
  if (value == nullptr || !ExpectObject(*value, path + "." + key, findings)) return nullptr;
  return *value;
}

std::string ReadOptionalString(const Json& document, const std::string& key,
                               const std::string& path, Findings* findings) {
  const Json* value = Member(document, key);
  return value ? ReadString(*value, path + "." + key, findings).value_or("") : "";
}

bool ReadSwitch(const Json& document, const std::string& key, bool otherwise,
                const std::string& path, Findings* findings) {
  const Json* value = Member(document, key);
  return value ? ReadBoolean(*value, path + "." + key, findings).value_or(otherwise) : otherwise;
}

bool ReadEmptyArray(const Json& document, const std::string& path, Findings* findings) {
  const Json* value = Member(document, "empty_array");
  if (value == nullptr) return false;
  const auto text = ReadString(*value, path + ".empty_array", findings);
  if (text && *text != "null" && *text != "empty") {
    findings->Error(path + ".empty_array",
                    "\"" + *text + "\" is not allowed; use \"null\" or \"empty\"");
  }
  return text == "empty";
}

DocumentSpec ReadDocument(const Json& document, uint32_t number, const std::string& path,
                          const ParseOptions& options, Findings* findings) {
  CheckKeys(document, DocumentKeys(), {.at_key = true, .comments = true}, path, findings);
  DocumentSpec spec;
  spec.path = path;
  spec.number = number;
  spec.text = document.dump(-1, ' ', false, Json::error_handler_t::replace);
  spec.database = ReadOptionalString(document, "database", path, findings);
  if (!document.contains("database") || document["database"] == Json("") ||
      document["database"].is_null()) {
    findings->Error(path + ".database", "required: the name of the PostgreSQL database");
  }
  spec.index = ReadOptionalString(document, "index", path, findings);
  if (spec.index.empty()) spec.index = spec.database;
  spec.alias = ReadSwitch(document, "alias", true, path, findings);
  spec.versioned = ReadSwitch(document, "version", true, path, findings);
  spec.empty_array = ReadEmptyArray(document, path, findings);
  spec.meta = ReadSwitch(document, "meta", false, path, findings);
  spec.type_mapping = ReadSwitch(document, "type_mapping", false, path, findings);
  spec.pipeline = ReadOptionalString(document, "pipeline", path, findings);
  spec.routing = ReadOptionalString(document, "routing", path, findings);
  if (const Json* id = Member(document, "id")) ReadId(*id, path + ".id", &spec, findings);
  if (const Json* plugins = Member(document, "plugins")) {
    ReadPlugins(*plugins, options.skip_plugins, path + ".plugins", findings);
  }
  spec.setting = ReadFreeObject(document, "setting", path, findings);
  spec.mapping = ReadFreeObject(document, "mapping", path, findings);
  spec.mappings = ReadFreeObject(document, "mappings", path, findings);
  CheckIndexName(spec, findings);

  const std::string nodes_path = path + ".nodes";
  const Json* nodes = Member(document, "nodes");
  if (nodes == nullptr) {
    findings->Error(nodes_path, "required: the root node");
  } else if (nodes->is_array()) {
    findings->Error(nodes_path,
                    "the version 1 format (an array) is not supported: nodes is one object, the "
                    "root node");
  } else if (ExpectObject(*nodes, nodes_path, findings)) {
    spec.root = ReadRootNode(*nodes, nodes_path, options, findings);
  }
  return spec;
}

}  // namespace

SchemaFile Parse(std::string_view text, const std::string& file_name,
                 const Environment& environment, const ParseOptions& options) {
  Findings findings;
  auto data = std::make_shared<FileData>();
  const std::optional<Json> file = ReadJson(text, file_name, &findings);
  if (file && (!file->is_array() || file->empty())) {
    findings.Error(file_name, "a schema file is a JSON array of documents; found " +
                                  (file->is_array() ? "an empty array" : KindOf(*file)));
  } else if (file) {
    for (size_t i = 0; i < file->size(); ++i) {
      const std::string path = file_name + "[" + std::to_string(i) + "]";
      if (!ExpectObject((*file)[i], path, &findings)) continue;
      DocumentSpec document = ReadDocument(Substituted((*file)[i], path, environment, &findings),
                                           static_cast<uint32_t>(i), path, options, &findings);
      CheckUnique(data->documents, document, file_name, &findings);
      data->documents.push_back(std::move(document));
    }
  }
  return SchemaFile(std::move(findings).Take(), std::move(data));
}

}  // namespace schema
