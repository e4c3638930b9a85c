#include "consumer/sink/holders.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "consumer/sink/search.h"

namespace sink {
namespace {

using Json = nlohmann::json;

constexpr size_t kNamesPerSearch = 1000;  // far below the engines' index.max_terms_count

base::Result<Target::RootKey> RootKeyOf(const Json& json) {
  Target::RootKey key;
  bool whole = json.is_array() && !json.empty();
  for (const Json& part : json) {
    whole = whole && (part.is_string() || part.is_null());
    if (!whole) break;
    key.push_back(part.is_null() ? std::nullopt : std::optional(part.get<std::string>()));
  }
  if (!whole) return base::Fatal("a document has no usable \"_pgsync.root\": who wrote it?");
  return key;
}

}  // namespace

base::Result<Target::RootKey> ParseRootKey(std::string_view json) {
  return RootKeyOf(Json::parse(json, nullptr, false));
}

base::Result<std::vector<Target::RootKey>> FindHolders(HttpClient& client, const std::string& index,
                                                       const std::vector<std::string>& names) {
  if (auto refreshed = Refresh(client, index); !refreshed) return refreshed.error();
  std::vector<Target::RootKey> found;
  std::span<const std::string> left(names);
  while (!left.empty()) {
    const auto some = left.first(std::min(left.size(), kNamesPerSearch));
    left = left.subspan(some.size());
    const Json body = {{"_source", {"_pgsync.root"}},
                       {"query", {{"terms", {{"_pgsync.lookup", some}}}}}};
    auto searched = ScrollAll(client, index, body, [&](const Json& hit) -> base::Status {
      auto key = RootKeyOf(hit.value("/_source/_pgsync/root"_json_pointer, Json()));
      if (!key) return key.error();
      found.push_back(std::move(*key));
      return {};
    });
    if (!searched) return searched.error();
  }
  return found;
}

}  // namespace sink
