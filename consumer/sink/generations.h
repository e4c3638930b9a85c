// Generations of an engine's index (design D8): the real indices <index>_1, <index>_2, … that carry
// a state of ours in `_meta.pgsync`, the alias <index> that leads to one of them, and the settings
// with which a new one is filled. Over a client of the caller's; its thread rule.
//
// While a new index is filled it is not refreshed and has no replicas. What it gets back for that
// stands in it from before these settings are changed, as `_meta.pgsync_settings`:
//   {"refresh_interval": "5s" or null, "number_of_replicas": "1" or null}      null = the engine's
//   default
// so that a load that was killed gives them back when it is finished, whoever finishes it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/log.h"
#include "consumer/base/result.h"
#include "consumer/sink/http_client.h"

namespace sink {

// 3 of "book_3", a generation of "book"; 0: it is none.
int GenerationNumber(std::string_view index, std::string_view name);

// `mappings._meta` of an engine's description of one index; an empty object if there is none.
nlohmann::json MetaOf(const nlohmann::json& index);

// Replaces all of `_meta` of an index, which is durable then.
base::Status StoreMeta(HttpClient& client, const std::string& name, const nlohmann::json& meta);

// The answer of the engine about indices, in which nothing of ours need be: names and `_meta` of
// the generations of `index`, by number.
struct FoundGeneration {
  int number = 0;
  std::string name;
  nlohmann::json meta;
};
std::vector<FoundGeneration> GenerationsIn(const nlohmann::json& indices, const std::string& index);

// `alias` leads to `to` and to nothing else of `from`, in one step for every search.
base::Status SwapAlias(HttpClient& client, const std::string& alias,
                       const std::vector<std::string>& from, const std::string& to);

// The names of the real indices behind an alias; none if there is no such alias.
base::Result<std::vector<std::string>> BehindAlias(HttpClient& client, const std::string& alias);

// The new index is to be filled: notes in `meta`, which the caller has just read, what it gets
// back, stores that, and then takes it away. An engine that does not let it be changed, or is too
// busy, is warned of; the load is only slower then.
base::Status BeginFilling(HttpClient& client, const std::string& name, nlohmann::json meta,
                          base::Logger& log);
// It is filled: gives back what was noted, makes all of it visible to searches, and only then
// forgets the note. Does nothing to an index that was not begun so.
base::Status EndFilling(HttpClient& client, const std::string& name, nlohmann::json meta);

}  // namespace sink
