// What a jail, a snapshot, a recipe, a limit template or a repository may be called.
#pragma once

#include <string>
#include <string_view>

namespace pkgjail::jail {

/// How messages describe a valid name.
inline constexpr std::string_view name_rule =
    "a letter a-z or a digit, then letters a-z, digits, \"-\" and \"_\", at most 63 characters";

/// A letter or digit first, then [a-z0-9_-], at most 63 bytes, lower case only (so names are unique without
/// regard to case, and a name is never an option or a path).
bool is_valid_name(std::string_view name);
/// Throws Error{usage} that says what is allowed; `kind` is "jail", "snapshot", ….
void check_name(std::string_view kind, std::string_view name);

/// A secret's name is also that of a file inside.
inline constexpr std::string_view secret_rule =
    "letters, digits, \".\", \"-\" and \"_\", no \".\" or \"-\" in front, at most 63 characters";
bool is_secret_name(std::string_view name);

} // namespace pkgjail::jail
