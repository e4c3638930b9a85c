// Who streams and who builds (design D12).
#pragma once

#include <cstdint>

namespace app {

enum class Role : uint8_t {
  kAll,       // one process does both
  kProducer,  // streams, loads, records; processes of workers build
  kWorker,    // builds what the producer's queue brings
};

}  // namespace app
