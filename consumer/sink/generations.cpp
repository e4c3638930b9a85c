#include "consumer/sink/generations.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "consumer/sink/bulk_response.h"
#include "consumer/sink/search.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr char kNote[] = "pgsync_settings";
constexpr size_t kMostDigits = 9;

base::Status PutSettings(HttpClient& client, const std::string& name, const Json& settings) {
  const std::string body = Json{{"index", settings}}.dump();
  auto answer = Ask(
      client,
      {.method = "PUT", .path = fmt::format("/{}/_settings", EscapePathPart(name)), .body = body});
  return answer ? base::Status() : base::Status(std::move(answer).error());
}

// What the index has now and shall have again.
base::Result<Json> SettingsToKeep(HttpClient& client, const std::string& name) {
  auto answer =
      Ask(client, {.method = "GET", .path = fmt::format("/{}/_settings", EscapePathPart(name))});
  if (!answer) return std::move(answer).error();
  const Json has = answer->value(Json::json_pointer("/" + name + "/settings/index"), Json());
  if (!has.is_object()) return base::Fatal("the engine's answer to _settings has no settings");
  Json kept = {{"refresh_interval", has.value("refresh_interval", Json())}};
  // There the engine chooses their number, and ours would end that.
  const Json automatic = has.value("auto_expand_replicas", Json("false"));
  if (automatic == Json("false")) {
    kept["number_of_replicas"] = has.value("number_of_replicas", Json());
  }
  return kept;
}

}  // namespace

base::Status StoreMeta(HttpClient& client, const std::string& name, const Json& meta) {
  const std::string body = Json{{"_meta", meta}}.dump();
  auto answer = Ask(
      client,
      {.method = "PUT", .path = fmt::format("/{}/_mapping", EscapePathPart(name)), .body = body});
  if (!answer) return std::move(answer).error();
  if (answer->value("acknowledged", false)) return {};
  return base::Retry(
      fmt::format("not all nodes have confirmed what is stored in index \"{}\"", name));
}

int GenerationNumber(std::string_view index, std::string_view name) {
  if (!name.starts_with(index) || name.size() < index.size() + 2 || name[index.size()] != '_') {
    return 0;
  }
  const std::string_view digits = name.substr(index.size() + 1);
  if (digits.size() > kMostDigits ||
      digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return 0;
  }
  int number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Json MetaOf(const Json& index) {
  const Json meta = index.value(Json::json_pointer("/mappings/_meta"), Json::object());
  return meta.is_object() ? meta : Json::object();
}

std::vector<FoundGeneration> GenerationsIn(const Json& indices, const std::string& index) {
  std::vector<FoundGeneration> found;
  for (const auto& [name, description] : indices.items()) {
    const int number = GenerationNumber(index, name);
    if (number == 0) continue;
    found.push_back({number, name, MetaOf(description)});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return found;
}

base::Status SwapAlias(HttpClient& client, const std::string& alias,
                       const std::vector<std::string>& from, const std::string& to) {
  Json actions = Json::array();
  for (const std::string& name : from) {
    if (name != to) actions.push_back({{"remove", {{"index", name}, {"alias", alias}}}});
  }
  actions.push_back({{"add", {{"index", to}, {"alias", alias}}}});
  const std::string body = Json{{"actions", std::move(actions)}}.dump();
  auto answer = Ask(client, {.method = "POST", .path = "/_aliases", .body = body});
  if (!answer) return std::move(answer).error();
  if (answer->value("acknowledged", false)) return {};
  return base::Retry(fmt::format("not all nodes have confirmed the alias \"{}\"", alias));
}

base::Result<std::vector<std::string>> BehindAlias(HttpClient& client, const std::string& alias) {
  auto response =
      client.Send({.method = "GET", .path = fmt::format("/_alias/{}", EscapePathPart(alias))});
  if (!response) return std::move(response).error();
  std::vector<std::string> names;
  if (response->status == 404) return names;
  if (response->status != 200) return ClassifyFailure(response->status, response->body);
  const Json json = Json::parse(response->body, nullptr, false);
  if (!json.is_object()) return base::Fatal("the engine's answer to _alias is not a JSON object");
  for (const auto& [name, _] : json.items()) names.push_back(name);
  return names;
}

base::Status BeginFilling(HttpClient& client, const std::string& name, Json meta,
                          base::Logger& log) {
  const auto warn = [&](const base::Error& error) {
    log.Warning("sink", fmt::format("index {} is loaded with the settings that it has: {}", name,
                                    error.message));
  };
  auto kept = SettingsToKeep(client, name);
  if (!kept) return std::move(kept).error();
  Json filling = {{"refresh_interval", "-1"}};
  if (kept->contains("number_of_replicas")) filling["number_of_replicas"] = 0;
  meta[kNote] = std::move(*kept);
  if (auto noted = StoreMeta(client, name, meta); !noted) {
    if (noted.error().kind != base::ErrorKind::kRetry) return noted;
    warn(noted.error());
    return {};
  }
  const auto set = PutSettings(client, name, filling);
  if (set) return set;
  warn(set.error());
  // It may have come through: what is noted is given back at the end.
  if (set.error().kind == base::ErrorKind::kRetry) return {};
  meta.erase(kNote);
  return StoreMeta(client, name, meta);
}

base::Status EndFilling(HttpClient& client, const std::string& name, Json meta) {
  const auto note = meta.find(kNote);
  if (note == meta.end() || !note->is_object()) return {};
  if (auto set = PutSettings(client, name, *note); !set) return set;
  if (auto refreshed = Refresh(client, name); !refreshed) return refreshed;
  meta.erase(note);
  return StoreMeta(client, name, meta);
}

}  // namespace sink
