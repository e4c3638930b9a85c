// Numbers of bytes, for people. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace app {

// "512 B", "3.2 MiB".
std::string ByteText(uint64_t bytes);

}  // namespace app
