#include "consumer/app/retired_generations.h"

#include <utility>

#include <fmt/format.h>

#include "consumer/base/crash_point.h"

namespace app {

RetiredGenerations::RetiredGenerations(sink::Target& target, std::vector<RetiredGeneration> retired,
                                       std::chrono::milliseconds grace, bool finish,
                                       base::Logger& log)
    : target_(target), retired_(std::move(retired)), grace_(grace), finish_(finish), log_(log) {
  if (!retired_.empty()) thread_ = std::thread([this] { Run(); });
}

RetiredGenerations::~RetiredGenerations() {
  if (!finish_) done_.Request();
  if (thread_.joinable()) thread_.join();
}

void RetiredGenerations::Run() {
  if (done_.WaitFor(grace_)) return;
  for (const RetiredGeneration& retired : retired_) {
    PGSYNC_CRASH_POINT("drop");
    const auto dropped = target_.DropGeneration(retired.tree, retired.name);
    if (dropped) {
      log_.Info("run", fmt::format("index {}: {} is removed", retired.tree.index, retired.name));
    } else {
      log_.Warning("run", fmt::format("index {}: {} could not be removed: {}; the next start tries "
                                      "it again",
                                      retired.tree.index, retired.name, dropped.error().message));
    }
  }
}

}  // namespace app
