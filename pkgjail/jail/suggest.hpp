// What is allowed, and what was probably meant: the second half of every message about wrong input.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::jail {

/// "a, b, c"; "nothing" for no words.
std::string enumerate(const std::vector<std::string>& words);
/// The candidate that differs from `word` by a slip of the finger or two (fewer for short words); the first
/// of equals.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
/// `did you mean "x"?`, or empty: a hint for base::Error.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

} // namespace pkgjail::jail
