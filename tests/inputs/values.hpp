// Values that nobody means: what is put into every place where pkgjail takes one.
#pragma once

#include <string>
#include <vector>

namespace pkgjail::test {

struct WrongValue {
    std::string name; ///< "negative"; for messages and tables
    std::string bytes;
};

/// Empty, huge, no text, control characters, negative, overflowing, look-alikes of right ones, and what means
/// something to shells, SQL, paths and formats. None has a NUL byte.
const std::vector<WrongValue>& wrong_values();

/// As a person can read it, cut where it is long.
std::string shown(const std::string& bytes);

} // namespace pkgjail::test
