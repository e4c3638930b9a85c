// Text from outside that has to be shown or stored although it is not what it should be.
#pragma once

#include <string>
#include <string_view>

namespace base {

// `text` with U+FFFD in place of every byte that belongs to no valid UTF-8 character.
std::string ReplaceInvalidUtf8(std::string_view text);

}  // namespace base
