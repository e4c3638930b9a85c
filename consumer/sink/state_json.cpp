#include "consumer/sink/state_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;

model::LoadProgress LoadFrom(const Json& json) {
  model::LoadProgress load;
  load.complete = json.at("complete").get<bool>();
  load.plan = json.at("plan").get<std::string>();
  load.chunks = json.at("chunks").get<uint32_t>();
  load.done_below = json.at("done_below").get<uint32_t>();
  load.done_above = json.at("done_above").get<std::vector<uint32_t>>();
  load.last_key_json = json.at("last_key").get<std::string>();
  load.documents = json.at("documents").get<uint64_t>();
  load.expected = json.value("expected", uint64_t{0});
  load.milliseconds = json.value("milliseconds", uint64_t{0});
  load.sweep_below = json.value("sweep_below", uint64_t{0});
  load.settled = base::ParseLsn(json.value("settled", "")).value_or(base::Lsn{});
  return load;
}

}  // namespace

std::string StateToJson(const model::SyncState& state) {
  Json json = {{"format", kFormat},
               {"fingerprint", state.fingerprint},
               {"system_identifier", state.system_identifier},
               {"database", state.database},
               {"slot", state.slot},
               {"applied", base::ToString(state.applied)},
               {"load",
                {{"complete", state.load.complete},
                 {"plan", state.load.plan},
                 {"chunks", state.load.chunks},
                 {"done_below", state.load.done_below},
                 {"done_above", state.load.done_above},
                 {"last_key", state.load.last_key_json},
                 {"documents", state.load.documents}}}};
  if (state.timeline > 0) json["timeline"] = state.timeline;
  if (state.load.expected > 0) json["load"]["expected"] = state.load.expected;
  if (state.load.milliseconds > 0) json["load"]["milliseconds"] = state.load.milliseconds;
  if (state.load.sweep_below > 0) json["load"]["sweep_below"] = state.load.sweep_below;
  if (state.load.settled.value > 0) json["load"]["settled"] = base::ToString(state.load.settled);
  if (!state.file_fingerprint.empty()) json["file_fingerprint"] = state.file_fingerprint;
  if (!state.source.empty()) json["source"] = state.source;
  if (state.frozen) json["frozen"] = true;
  if (!state.shapes.empty()) json["shapes"] = Json::parse(state.shapes, nullptr, false);
  // Names of slots and databases can be in any encoding; a state that cannot be written would be
  // worse than a "?" in it.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<model::SyncState> ParseState(std::string_view json_text, std::string_view where) {
  const Json json = Json::parse(json_text, nullptr, false);
  if (!json.is_object()) {
    return base::Refused(
        fmt::format("the synchronization state in {} is not readable; repair it or delete it, then "
                    "it is loaded "
                    "anew",
                    where));
  }
  const auto format = json.find("format");
  if (format == json.end() || !format->is_number_integer() || *format != kFormat) {
    return base::Refused(
        fmt::format("the synchronization state in {} has format {}, and this pgsync-consumer knows "
                    "only format {}; "
                    "use the version that wrote it, or delete it, then it is loaded anew",
                    where, format == json.end() ? "none" : format->dump(), kFormat));
  }
  try {
    model::SyncState state;
    state.fingerprint = json.at("fingerprint").get<std::string>();
    state.file_fingerprint = json.value("file_fingerprint", "");
    if (const auto shapes = json.find("shapes"); shapes != json.end() && shapes->is_object()) {
      state.shapes = shapes->dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    state.source = json.value("source", "");
    state.frozen = json.value("frozen", false);
    state.system_identifier = json.at("system_identifier").get<std::string>();
    state.database = json.at("database").get<std::string>();
    state.slot = json.at("slot").get<std::string>();
    const auto applied = base::ParseLsn(json.at("applied").get<std::string>());
    if (!applied) {
      return base::Refused(
          fmt::format("the synchronization state in {} has no valid LSN in \"applied\"; "
                      "delete it, then it is loaded anew",
                      where));
    }
    state.applied = *applied;
    state.timeline = json.value("timeline", 0);
    state.load = LoadFrom(json.at("load"));
    return state;
  } catch (const Json::exception& e) {
    return base::Refused(fmt::format(
        "the synchronization state in {} is incomplete ({}); delete it, then it is loaded anew",
        where, e.what()));
  }
}

bool IsBeginning(std::string_view json_text, const model::SyncState& state) {
  const auto found = ParseState(json_text, "");
  return found && found->fingerprint == state.fingerprint &&
         found->system_identifier == state.system_identifier && found->slot == state.slot &&
         found->load == state.load;
}

base::Status MayReplace(const model::SyncState& present, const model::SyncState& state,
                        const std::string& index) {
  if (present.applied <= state.applied) return {};
  return base::Refused(fmt::format(
      "index \"{}\" holds changes up to {}, further than this process has come ({}): another "
      "pgsync-consumer has taken over meanwhile; start this one again, and it stands by",
      index, base::ToString(present.applied), base::ToString(state.applied)));
}

}  // namespace sink
