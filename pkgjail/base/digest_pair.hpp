// Two digests of the same bytes.
#pragma once

#include <string_view>

#include "pkgjail/base/digest.hpp"

namespace pkgjail::base {

/// Takes less time than one after the other: each step of a digest waits for the one before, so a processor
/// that is given them by turns in small slices works on both at once.
void update_both(Digest& one, Digest& other, std::string_view bytes);

} // namespace pkgjail::base
