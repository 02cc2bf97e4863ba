// What can be said of a line of a shell script without a shell.
#pragma once

#include <string_view>

namespace pkgjail::jail {

/// Whether the line may decide what becomes of the lines behind it: it begins an if, a case, a loop, a
/// function or a group, holds a here-document, or goes on in the next line. Where that ends only a shell
/// knows, so it counts also where it ends in the line itself.
bool decides_on_more(std::string_view line);

} // namespace pkgjail::jail
