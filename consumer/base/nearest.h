// "did you mean": the nearest valid word for an unknown one, for every error about names.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace base {

// Returns the candidate with the smallest edit distance to `word`, if that is at most 2 or at most
// a third of the word's length; otherwise "".
std::string Nearest(std::string_view word, std::span<const std::string> candidates);

// Returns `; did you mean "x"?` for Nearest's word, or "".
std::string DidYouMean(std::string_view word, std::span<const std::string> candidates);

}  // namespace base
