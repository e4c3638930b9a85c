// Where documents go, from --target or the environment. Pure.
#pragma once

#include <optional>
#include <string>

#include "consumer/app/config.h"
#include "consumer/app/environment.h"
#include "consumer/base/result.h"

namespace app {

// `url`: the value of --target, if given. Credentials inside an URL win over those of the
// environment.
base::Result<TargetConfig> ReadTarget(const std::optional<std::string>& url,
                                      const Environment& environment);

}  // namespace app
