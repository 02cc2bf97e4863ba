// Signals by name, as recipes write them: "TERM", "QUIT".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::jail {

std::optional<int> find_signal(std::string_view name);
/// "TERM"; the number where it is none of those that recipes may name.
std::string signal_name(int number);
std::vector<std::string> signal_names();

} // namespace pkgjail::jail
