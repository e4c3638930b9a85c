// Which databases a server has, for who asked for one that it has not.
#pragma once

#include <string>

#include "consumer/pg/connection.h"

namespace pg {

// Returns "; the server has: shop, stock; did you mean \"shop\"?", asked in the target's
// maintenance database; "" when that cannot be reached.
std::string DatabasesInstead(const Target& target, const std::string& missing);

}  // namespace pg
