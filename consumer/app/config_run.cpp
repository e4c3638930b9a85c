#include "consumer/app/config_run.h"

#include <string>
#include <tuple>

namespace app {

base::Status ReadRole(const Arguments& arguments, Config* config) {
  if (arguments.polling) {
    return base::Usage("--polling: not needed: changes always come from the WAL; leave it out");
  }
  std::string role = arguments.role.value_or("all");
  if (arguments.producer && arguments.consumer) {
    return base::Usage("--producer and --consumer exclude each other");
  }
  if (arguments.producer) role = "producer";
  if (arguments.consumer) role = "worker";
  auto word = ParseWord("--role", role, {"all", "producer", "worker"});
  if (!word) return std::move(word).error();
  config->role = static_cast<Role>(*word);
  if (config->role == Role::kWorker && arguments.once) {
    return base::Usage("--once is the producer's: a worker does not know the positions");
  }
  return {};
}

base::Status ReadLimits(const Arguments& arguments, const Environment& environment,
                        Config* config) {
  if (arguments.rate) {
    auto rate = ParseInteger("--rate", *arguments.rate, 1, 1'000'000'000);
    if (!rate) return std::move(rate).error();
    config->rate = static_cast<int>(*rate);
  }
  constexpr int64_t kMostMebibytes = 1 << 20;
  if (arguments.spool_memory) {
    auto memory = ParseInteger("--spool-memory", *arguments.spool_memory, 0, kMostMebibytes);
    if (!memory) return std::move(memory).error();
    config->spool_memory_bytes = static_cast<size_t>(*memory) << 20;
  }
  for (const auto& [flag, text, bytes] :
       {std::tuple("--wal-warn", &arguments.wal_warn, &config->wal_warn_bytes),
        std::tuple("--wal-limit", &arguments.wal_limit, &config->wal_limit_bytes)}) {
    if (!*text) continue;
    auto mebibytes = ParseInteger(flag, **text, 0, int64_t{1} << 30);
    if (!mebibytes) return std::move(mebibytes).error();
    *bytes = *mebibytes << 20;
  }
  if (arguments.on_lost_slot) {
    auto word = ParseWord("--on-lost-slot", *arguments.on_lost_slot, {"refuse", "reload"});
    if (!word) return std::move(word).error();
    config->reload_lost = *word == 1;
  }
  // Not /tmp: that is often a file system in memory, which is what is short when files are used.
  const std::string fallback = environment.Get("TMPDIR").value_or("/var/tmp");
  config->spool_directory = arguments.spool_dir.value_or(fallback);
  if (config->spool_directory.empty()) return base::Usage("--spool-dir: which directory?");
  return {};
}

}  // namespace app
